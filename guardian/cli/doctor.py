"""`guardian doctor`: what is in force on this machine and why, proven by harmless runaways."""

from __future__ import annotations

import json
import os
import platform
import sys

from guardian.cli.tables import show
from guardian.config.load import load_settings
from guardian.effects.folders import runtime_dir, state_dir
from guardian.errors import GuardianError
from guardian.guard.doctor import RUNAWAYS, Trial, Way, trials, ways
from guardian.guard.lock import holder
from guardian.procs.machine import look_at_machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ESCAPED = 1  # exit code: the way in force did not hold everybody


def examine(*, as_json: bool) -> int:
    """Print what works here; exit 1 when the way in force lets somebody escape, or none works."""
    found = ways()
    facts = _facts(found)
    results = []
    for trial in trials(found):
        results.append(trial)
        if sys.stderr.isatty():
            print(f"\r\x1b[K{trial.way}: {trial.runaway}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    held = _in_force(found)
    escaped = not held or any(not trial.contained for trial in results if trial.way == held)
    if as_json:
        record = {
            "facts": dict(facts),
            "ways": [way.asdict() for way in found],
            "trials": [trial.asdict() for trial in results],
            "in_force": held,
        }
        print(json.dumps(record, ensure_ascii=True))
    else:
        _render(facts, found, results)
    return ESCAPED if escaped else 0


def _in_force(found: tuple[Way, ...]) -> str:
    return next((way.name for way in found if way.available), "")


def _facts(found: tuple[Way, ...]) -> list[tuple[str, str]]:
    """Return what else decides how guardian works here, each with a name."""
    reasons = [f"{way.name}: {way.why}" for way in found if not way.available]
    held = _in_force(found) or "none"
    return [
        ("containment", f"{held}" + (f" ({'; '.join(reasons)})" if reasons else "")),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("signals", "through pidfds" if hasattr(os, "pidfd_open") else "by number, checked before"),
        ("pressure", _asked(lambda: "told (PSI)" if look_at_machine().pressure is not None else "not told")),
        ("state", _asked(state_dir)),
        ("runtime", _asked(runtime_dir)),
        ("configuration", _asked(lambda: ", ".join(load_settings().sources) or "built in")),
        ("monitor", _asked(_monitor)),
        ("user", "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"),
    ]


def _monitor() -> str:
    found = holder(runtime_dir())
    return f"running, pid {found.pid}" if found else "not running"


def _asked(question: Callable[[], str]) -> str:
    """Return the answer, or why there is none."""
    try:
        return question()
    except GuardianError as error:
        return f"FAILED: {error}"


def _render(facts: list[tuple[str, str]], found: tuple[Way, ...], results: list[Trial]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name.ljust(width)}  {value}")
    print()
    there = [way.name for way in found if way.available]
    cells = {(trial.runaway, trial.way): trial for trial in results}
    rows = [(runaway, *(_cell(cells[runaway, way]) for way in there)) for runaway in RUNAWAYS]
    show(("runaway", *there), rows)
    for trial in results:
        if trial.note:
            print(f"{trial.way}: {trial.runaway}: {trial.note}")


def _cell(trial: Trial) -> str:
    return f"gone in {trial.seconds:.1f}s" if trial.contained else "ESCAPED"
