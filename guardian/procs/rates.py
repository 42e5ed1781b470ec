"""CPU that a tree used between two looks, what its dead children used included."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guardian.procs.model import Proc, ProcId


def cpu_total(members: Iterable[Proc]) -> float:
    """Return CPU seconds that the members and the children they waited for have used."""
    return sum(proc.cpu + proc.reaped for proc in members)


def cpu_between(before: Mapping[ProcId, Proc], after: Mapping[ProcId, Proc], *, since: float) -> float:
    """Return CPU seconds that a tree used between two looks; `since` is the first look's time in ticks.

    What a member used moves to its parent's `reaped` when it dies, so the difference of the sums
    is right as long as the dead are waited for inside the tree. When they are not (adopted by a
    reaper outside, SIGCHLD ignored) the sum falls; then what the living used is a lower bound.
    Newcomers count from their start if they are new, not at all if they were only adopted.
    """
    since = int(since)  # a start is cut to whole ticks: the tick of the look itself is still new
    adopted = sum(
        proc.cpu + proc.reaped for who, proc in after.items() if who not in before and proc.start < since
    )
    grown = cpu_total(after.values()) - adopted - cpu_total(before.values())
    living = sum(
        proc.cpu - before[who].cpu if who in before else (proc.cpu if proc.start >= since else 0.0)
        for who, proc in after.items()
    )
    return max(grown, living, 0.0)
