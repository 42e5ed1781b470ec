"""How things stand: the launches of every rule with what they use and the verdict, and the machine. Pure."""

from __future__ import annotations

from guardian.guard.round import Sight
from guardian.policy.launch import Launch
from guardian.procs.printable import shown_command
from guardian.procs.rates import cpu_total
from guardian.units import exact_duration, exact_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.guard.lock import Holder
    from guardian.policy.limits import Rule
    from guardian.policy.mind import Breach
    from guardian.procs.machine import Machine


class Row(Value):
    """One launch as `status` shows it."""

    pid: int
    rule: str
    command: str
    age: float  # seconds
    cpu: float  # percent of one core, on average over its life
    memory: int  # bytes; shared pages once where `exact`
    exact: bool
    processes: int
    orphan: bool
    foreground: bool
    limit: str  # the limits of its rule, as configured
    verdict: str  # "ok", or why it would be ended
    breach: bool


class Standing(Value):
    """Everything that `status` tells."""

    rows: tuple[Row, ...]
    rules: tuple[tuple[str, int, int], ...]  # name, launches, max_concurrent
    machine: Machine
    monitor: Holder | None

    @property
    def breaches(self) -> int:
        """How many launches break a rule."""
        return sum(row.breach for row in self.rows)


def standing(
    sight: Sight,
    rules: Iterable[Rule],
    breaches: Iterable[Breach],
    *,
    machine: Machine,
    monitor: Holder | None,
) -> Standing:
    """Put together what one look tells. CPU is no verdict here: it takes a monitor's second look."""
    reasons = {breach.launch.id: str(breach.reason) for breach in breaches}
    rows = tuple(_row(launch, reasons.get(launch.id, "")) for launch in sight.launches)
    counts = tuple(
        (rule.name, sum(row.rule == rule.name for row in rows), rule.limits.max_concurrent) for rule in rules
    )
    return Standing(rows, counts, machine, monitor)


def _row(launch: Launch, reason: str) -> Row:
    root = launch.root
    return Row(
        pid=root.pid,
        rule=launch.rule.name,
        command=shown_command(root.command, root.name),
        age=round(launch.age, 2),
        cpu=round(100 * cpu_total(launch.members) / max(launch.age, 0.1), 1),
        memory=launch.pss,
        exact=launch.looked_at,
        processes=len(launch.members),
        orphan=launch.orphan,
        foreground=launch.foreground,
        limit=_limits(launch.rule),
        verdict=reason or "ok",
        breach=bool(reason),
    )


def _limits(rule: Rule) -> str:
    limits = rule.limits
    parts = [
        exact_size(limits.max_memory) if limits.max_memory else "",
        exact_duration(limits.timeout) if limits.timeout else "",
        f"{limits.max_cpu:g}%" if limits.max_cpu else "",
    ]
    return " ".join(part for part in parts if part) or "none"
