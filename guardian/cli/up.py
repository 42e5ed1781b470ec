"""`guardian up`, `down` and `reload`: the daemon of this project."""

from __future__ import annotations

import json
import sys

from guardian.cli.edge import say
from guardian.cli.here import begin_daemon, daemon_of, project_here, remains
from guardian.cli.ps_ask import duration, with_progress
from guardian.config.load import load_settings
from guardian.daemon.client import NoDaemon, connect
from guardian.errors import ConfigError
from guardian.procs.printable import printable
from guardian.services.names import book, select
from guardian.services.saving import plain
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from guardian.config.settings import Settings
    from guardian.daemon.client import Connection
    from guardian.daemon.places import Project
    from guardian.services.spec import ServiceSpec


class Way(Value):
    """How `guardian up` was asked to go about it."""

    detach: bool = False
    wait: bool = False  # return when all that was asked for is ready; goes on in the background too
    timeout: str = "1m"  # of that wait
    quiet: bool = False  # in the foreground: no output of services


def bring_up(words: Sequence[str], way: Way) -> int:
    """Start the daemon unless it runs, and what is configured or named; stay until ^C unless detached."""
    settings = configured()
    specs = settings.services
    within = duration("--timeout", way.timeout)
    named = select(book(specs), words) if words else ()
    project = project_here()
    if not (way.detach or way.wait):
        from guardian.cli.foreground import Foreground  # late: it reads logs, which takes 50 ms more

        return Foreground(project, specs, quiet=way.quiet).run(
            lambda started: _configure(project, settings, named, started=started)
        )
    started = begin_daemon(project)
    _configure(project, settings, named, started=started)
    return _await(project, named or autostarted(specs), within) if way.wait else 0


def configured() -> Settings:
    """Return the settings, with the services of guardian.toml; ConfigError when there is none."""
    settings = load_settings()
    if not settings.services:
        where = settings.sources[-1] if settings.sources else "guardian.toml"
        raise ConfigError("there are no services; write [services.NAME] with a command", file=where)
    return settings


def autostarted(specs: Sequence[ServiceSpec]) -> tuple[str, ...]:
    """Return the services that `up` starts when none is named."""
    return tuple(spec.name for spec in specs if spec.autostart)


def _configure(project: Project, settings: Settings, named: Sequence[str], *, started: bool) -> None:
    """Let the daemon take the services over; say what it did."""
    with connect(project) as daemon:
        done = daemon.ask("configure", start=not named, **_said(settings))
        if named:
            daemon.ask("do", wish="start", words=list(named), note="up")
        verb = "started" if started else "runs already"
        print(f"daemon {verb}, pid {daemon.welcome['pid']}, log {project.log}")
    if not started and done["changes"]:
        print(printable_lines(done["text"]))
    sys.stdout.flush()


def _said(settings: Settings) -> dict[str, Any]:
    """Return what the daemon is told of the settings: the services, and whether it keeps a monitor."""
    specs = [plain(spec) for spec in settings.services]
    return {"specs": specs, "monitor": settings.monitor.autostart}


def printable_lines(text: str) -> str:
    """Return text of several lines, each of them harmless."""
    return "\n".join(map(printable, text.splitlines()))


def _await(project: Project, names: Sequence[str], timeout: float) -> int:
    """Wait until these are ready. Refused, exit 1, tells who did not get there; they are tried further."""
    if names:
        with connect(project) as daemon:
            fields = {"wish": "start", "words": list(names), "note": "up", "wait": True, "timeout": timeout}
            with_progress(daemon, "do", **fields)
        print(f"ready: {', '.join(names)}")
    return 0


def bring_down(*, timeout: str) -> int:
    """End all services and the daemon; return 1 when something would not go.

    Without a daemon those that a killed one has left behind are taken over, and ended.
    """
    within = duration("--timeout", timeout)
    project = project_here()
    try:
        daemon = connect(project)
    except NoDaemon:
        if not remains(project):
            print(f"no daemon runs for {project.root}, and none of its services")
            return 0
        begin_daemon(project)
        daemon = connect(project)
    with daemon:
        return shut_down(daemon, timeout=within)


def shut_down(daemon: Connection, *, timeout: float = 0.0) -> int:
    """Have the daemon end everything; tell the phases on a terminal. Returns 1 when something is left."""
    for kind, content in daemon.follow("shutdown", timeout=timeout):
        if kind == "result":
            left = content["left"]
            daemon.wait_for_the_end()
            if left:
                say(f"still running: {', '.join(left)}; see: guardian why {left[0]}")
            return 1 if left else 0
        if sys.stderr.isatty():
            say(printable(f"{content['phase']}/{content['of']} {content['text']}"))
    return 1


def read_again(*, dry_run: bool, as_json: bool) -> int:
    """Let the daemon take what guardian.toml says now; say what changes."""
    fields = _said(load_settings())
    with daemon_of(project_here()) as daemon:
        done = daemon.ask("configure", start=not dry_run, dry_run=dry_run, **fields)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "changes": done["changes"]}, ensure_ascii=True))
    else:
        print(printable_lines(done["text"]))
    return 0
