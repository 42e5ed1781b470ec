"""`guardian events`: what happens to services, a line each, as it happens."""

from __future__ import annotations

import json
import time

from guardian.cli.ears import Ear
from guardian.cli.edge import say
from guardian.cli.here import daemon_of, project_here
from guardian.cli.log_lines import Lines
from guardian.daemon.client import NoDaemon
from guardian.daemon.events import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from guardian.daemon.places import Project


def show_events(words: Sequence[str], *, as_json: bool) -> int:
    """Print events of these services, or of all, until ^C or the end of the daemon."""
    project = project_here()
    with daemon_of(project) as daemon:
        names = [each["name"] for each in daemon.ask("list", words=list(words))]
    lines = Lines(names, times=True)
    for event in _events(project, names if words else []):
        if event["topic"] == "listening" and not as_json:
            continue  # for programs: from here on nothing is missed
        print(json.dumps(event, ensure_ascii=True) if as_json else render(lines, event), flush=True)
    say("the daemon has ended")
    return 0


def _events(project: Project, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield events; after a daemon that was killed those of the next one."""
    while True:
        try:
            ear = Ear(project, (), names)
        except NoDaemon:
            return
        yield {"at": round(time.time(), 3), "topic": "listening", "daemon": ear.pid}
        try:
            while True:
                for event in ear.heard():
                    yield {"at": round(time.time(), 3), **event}
        except NoDaemon:
            pass  # the keeper starts another one, or everything ends
        finally:
            ear.close()


def render(lines: Lines, event: Mapping[str, Any]) -> str:
    """Return an event as a line."""
    return lines.event(str(event.get("service", "daemon")), event["at"], told(event))


def told(event: Mapping[str, Any]) -> str:
    """Say any event in a few words."""
    if event["topic"] == "shutdown":
        return f"shutdown {event['phase']}/{event['of']}: {event['text']}"
    if "why" in event:
        return describe(event)
    return f"{event['topic']} {event.get('number', '')}".rstrip()
