"""`guardian status`: how the launches of every rule stand, and the machine."""

from __future__ import annotations

import sys
import time

from guardian.cli.tables import on_terminal, show
from guardian.config.load import load_settings
from guardian.effects.folders import runtime_path
from guardian.guard.charter import charter_of
from guardian.guard.lock import holder
from guardian.guard.round import see, verdict
from guardian.guard.status import Row, Standing, standing
from guardian.guard.world import system_world
from guardian.units import format_duration, format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BREACH = 3  # exit code of `status --check`
REFRESH = 2.0  # seconds
QUICK = {"--json", "--check"}
HEADS = (">pid", "rule", ">age", ">cpu", ">memory", ">procs", "limit", "command", "verdict")


def is_quick(words: Sequence[str]) -> bool:
    """Whether these words ask for nothing that needs Typer."""
    return set(words) <= QUICK


def quick(words: Sequence[str]) -> int:
    """Answer `guardian status [--json] [--check]`; return the exit code."""
    return report(as_json="--json" in words, check="--check" in words)


def take() -> Standing:
    """Look once and judge, as a monitor's first look would."""
    settings = load_settings()
    world = system_world()
    charter = charter_of(settings.rules, settings.protect, confirmations=1)
    sight = see(world, charter, {})
    found = verdict(charter, sight)
    return standing(
        sight,
        settings.rules,
        found.breaches,
        machine=world.machine(),
        monitor=holder(runtime_path()),
    )


def report(*, as_json: bool, check: bool) -> int:
    """Print how things stand; with `check` exit 3 when a launch breaks a rule."""
    now = take()
    if as_json:
        import json  # late: only this output needs it

        print(json.dumps(as_record(now), ensure_ascii=True))
    else:
        render(now)
    return BREACH if check and now.breaches else 0


def report_for_ever(*, as_json: bool) -> None:
    """Print how things stand every REFRESH seconds until ^C; a terminal keeps one screen."""
    while True:
        if not as_json and on_terminal():
            print("\x1b[H\x1b[2J", end="")
        report(as_json=as_json, check=False)
        sys.stdout.flush()
        time.sleep(REFRESH)


def as_record(now: Standing) -> dict[str, object]:
    """Return it as what JSON can hold: sizes in bytes, times in seconds."""
    return {
        "launches": [row.asdict() for row in now.rows],
        "rules": [{"name": n, "launches": c, "max_concurrent": m} for n, c, m in now.rules],
        "machine": now.machine.asdict(),
        "monitor": now.monitor.asdict() if now.monitor else None,
        "breaches": now.breaches,
    }


def render(now: Standing) -> None:
    """Print it for a person."""
    if now.rows:
        show(HEADS, [_cells(row) for row in now.rows], marked=[row.breach for row in now.rows])
        print()
    for line in summary(now):
        print(line)


def _cells(r: Row) -> tuple[str, ...]:
    marks = " (orphan)" if r.orphan else " (foreground)" if r.foreground else ""
    return (
        str(r.pid),
        r.rule,
        format_duration(r.age),
        f"{r.cpu:.0f}%",
        ("" if r.exact or r.processes == 1 else "≤") + format_size(r.memory),
        str(r.processes),
        r.limit,
        (r.command if len(r.command) <= 48 else r.command[:47] + "…") + marks,
        r.verdict,
    )


def summary(now: Standing) -> list[str]:
    """Return the lines below the table: rules, machine, monitor."""
    machine = now.machine
    rules = ", ".join(f"{name} {count}" + (f" of {most}" if most else "") for name, count, most in now.rules)
    pressure = "" if machine.pressure is None else f", memory pressure {machine.pressure:.1f} %"
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    load = " ".join(f"{value:.2f}" for value in machine.load)
    if now.monitor:
        monitor = f"running, pid {now.monitor.pid}"
    else:
        monitor = "not running (start it with: guardian monitor --detach)"
    return [
        f"launches: {rules or 'no rules'}",
        f"machine:  {format_size(machine.memory_available)} of {format_size(machine.memory_total)} free, "
        f"load {load} on {cores}{pressure}",
        f"monitor:  {monitor}",
    ]
