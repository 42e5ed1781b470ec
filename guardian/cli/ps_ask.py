"""`guardian ps start|stop|restart|signal|remove`: ask, wait until it is so, say what came of it."""

from __future__ import annotations

import json
import signal
import sys

from guardian.cli.edge import say
from guardian.cli.here import daemon_here
from guardian.cli.ps_list import reason
from guardian.config.words import did_you_mean
from guardian.errors import UsageError
from guardian.procs.printable import printable
from guardian.units import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from guardian.daemon.client import Connection

NOT_DONE = 1


def ask(verb: str, words: Sequence[str], *, wait: bool, timeout: str, as_json: bool) -> int:
    """Ask for `verb`; with `wait` return when it is so. Refused, exit 1, tells who did not get there."""
    within = duration("--timeout", timeout)
    with daemon_here() as daemon:
        asked = {"wish": verb, "words": list(words), "note": f"ps {verb}", "wait": wait, "timeout": within}
        found = with_progress(daemon, "do", **asked)
    tell(found, as_json=as_json)
    return 0


def duration(option: str, text: str) -> float:
    """Return the seconds that were given to an option; UsageError names it."""
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def with_progress(daemon: Connection, verb: str, **fields: object) -> Any:
    """Ask, and show on a terminal what is waited for; return the result."""
    for kind, content in daemon.follow(verb, **fields):
        if kind == "result":
            return content
        if sys.stderr.isatty() and content["topic"] == "waiting":
            say(f"waiting: {'; '.join(map(printable, content['for']))}")
    raise AssertionError("a conversation ends with a result or an error")


def tell(services: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print how these services stand now."""
    if as_json:
        print(json.dumps(services, ensure_ascii=True))
        return
    for service in services:
        pid = f", pid {service['pid']}" if service["pid"] else ""
        print(printable(f"{service['name']}: {service['state']}{pid} ({reason(service)})"))


def send(word: str, words: Sequence[str], *, as_json: bool) -> int:
    """Send a signal to the leaders; return 1 when somebody does not run."""
    name = signal_name(word)
    with daemon_here() as daemon:
        before = daemon.ask("list", words=list(words))
        daemon.ask("do", wish="signal", words=list(words), note=f"ps signal {name}", signal=name)
    there = [each for each in before if each["pid"]]
    if as_json:
        print(json.dumps([{"name": e["name"], "pid": e["pid"], "signal": name} for e in there]))
    for each in [] if as_json else there:
        print(f"{each['name']}: {name} sent to pid {each['pid']}")
    for each in before:
        if not each["pid"]:
            say(f"{each['name']} is {each['state']}; there is nobody to signal")
    return 0 if len(there) == len(before) else NOT_DONE


def signal_name(word: str) -> str:
    """Return SIGHUP for HUP, sighup or 1; UsageError when there is no such signal."""
    names = {each.name: each for each in signal.Signals}
    name = f"SIG{word.upper().removeprefix('SIG')}"
    if word.isascii() and word.isdecimal():
        name = next((each for each, number in names.items() if number == int(word)), word)
    if name not in names:
        hint = did_you_mean(name, names)
        raise UsageError(f"there is no signal {printable(word)}{hint or '; for example: HUP, USR1, INT'}")
    return name


def forget(words: Sequence[str], *, as_json: bool) -> int:
    """Stop services that no file configures, and forget them."""
    with daemon_here() as daemon:
        gone = daemon.ask("remove", words=list(words))
    print(json.dumps(gone) if as_json else "\n".join(f"{name}: removed" for name in gone))
    return 0
