"""`guardian cleanup`: one intervention to its end, with progress on a terminal and a summary."""

from __future__ import annotations

import json
import sys
import time

from guardian.cli.edge import say
from guardian.cli.interruption import Interruption
from guardian.cli.records import recorder
from guardian.cli.tables import counted, show
from guardian.config.load import load_settings
from guardian.effects.folders import runtime_path
from guardian.effects.notify import alert
from guardian.effects.receipts import summary
from guardian.guard.charter import charter_of
from guardian.guard.cleanup import Cleanup, Plan, Summary, plan
from guardian.guard.lock import holder
from guardian.guard.world import system_world
from guardian.procs.printable import shown_command
from guardian.procs.rates import cpu_total

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.guard.round import Charter, Round
    from guardian.policy.launch import Launch

SURVIVORS = 1
HEADS = (">pid", "rule", ">procs", "command", "why")


def clean(*, rule: str, everything: bool, force: bool, dry_run: bool, as_json: bool) -> int:
    """Do what `guardian cleanup` was asked to; return the exit code."""
    settings = load_settings(allow_everything=everything)
    monitor = holder(runtime_path())
    world = system_world(guardians=frozenset({monitor.pid} if monitor else ()), touch=not dry_run)
    charter = charter_of(settings.rules, settings.protect, only=rule, everything=everything, force=force)
    if dry_run:
        return show_plan(plan(world, charter, wait=time.sleep), as_json=as_json)
    interruption = Interruption()
    with interruption, _progress() as progress:
        written = recorder(settings.journal, "cleanup")
        done = Cleanup(world, charter, written, progress=progress, interrupted=interruption).run()
    for receipt in done.receipts:
        alert(settings.alerts, receipt, summary(receipt), say)
    if as_json:
        print(json.dumps({"receipts": [each.record() for each in done.receipts]}, ensure_ascii=True))
    else:
        tell(done, charter)
    if done.interrupted:
        return interruption.exit_code
    return SURVIVORS if done.survivors else 0


class _progress:  # noqa: N801 - reads as a word in the one `with` that uses it
    """Shows on a terminal how many still have to go; elsewhere it is silent."""

    def __init__(self) -> None:
        self._status = None
        if sys.stderr.isatty():
            from rich.console import Console  # late: only a terminal pays for it

            self._status = Console(stderr=True).status("looking at the processes")

    def __enter__(self) -> _progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, done: Round) -> None:
        if self._status is None:
            return
        cases = done.state.docket.cases.values()
        living = counted(len(done.state.docket.living), "process", "processes")
        phases = ", ".join(sorted({case.phase.value for case in cases}))
        self._status.update(f"{living} of {counted(len(cases), 'tree', 'trees')} left to go ({phases})")


def show_plan(found: Plan, *, as_json: bool) -> int:
    """Print what a cleanup would do; nothing was signalled."""
    if as_json:
        print(json.dumps({"would_end": [dict(zip(_names(), row, strict=True)) for row in _rows(found)]}))
    elif not found.breaches:
        print(f"nothing to end: {counted(len(found.launches), 'launch', 'launches')} within the limits")
    else:
        show(HEADS, [tuple(str(cell) for cell in row) for row in _rows(found)])
        print(f"\n{counted(len(found.breaches), 'tree', 'trees')} would be ended; nothing was signalled")
    return 0


def _names() -> tuple[str, ...]:
    return ("pid", "rule", "processes", "command", "why")


def _rows(found: Plan) -> Iterator[tuple[int, str, int, str, str]]:
    for breach in found.breaches:
        root, size = breach.launch.root, len(breach.launch.members)
        command = shown_command(root.command, root.name, width=60)
        yield root.pid, breach.reason.rule, size, command, str(breach.reason)


def tell(done: Summary, charter: Charter) -> None:
    """Print what a cleanup did: who went and why, who would not, and who could not be judged."""
    for receipt in done.receipts:
        print(f"{receipt.id}  {summary(receipt)}")
    ended = sum(not receipt.survivors for receipt in done.receipts)
    if not done.receipts:
        print(f"nothing to end: {counted(len(done.launches), 'launch', 'launches')} within the limits")
    else:
        print(f"{counted(ended, 'tree', 'trees')} ended; tell me more: guardian why {done.receipts[-1].id}")
    for launch in _suspects(done, charter):
        command = shown_command(launch.root.command, launch.root.name, width=60)
        print(
            f"not judged: {launch.root.pid} {command} has used {_percent(launch):.0f} % CPU on average; "
            f"CPU is judged over {launch.rule.limits.cpu_window:g}s by: guardian monitor"
        )


def _suspects(done: Summary, charter: Charter) -> list[Launch]:
    """Return the launches that are busier than they may be, which one look cannot judge."""
    ended = {(receipt.pid, receipt.start) for receipt in done.receipts}
    return [
        launch
        for launch in done.launches
        if not charter.everything
        and 0 < launch.rule.limits.max_cpu < _percent(launch)
        and launch.age > launch.rule.limits.cpu_window
        and (launch.root.pid, launch.root.start) not in ended
    ]


def _percent(launch: Launch) -> float:
    return 100 * cpu_total(launch.members) / max(launch.age, 1.0)
