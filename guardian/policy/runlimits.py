"""Judging one run by its limits. Pure: (bounds, memory, usage, now) → (memory, reason or None, next look)."""

from __future__ import annotations

from guardian.actions import Kind, Reason
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.policy.bounds import Bounds


class Usage(Value):
    """What one look found the tree to use."""

    procs: int = 1


class Memory(Value):
    """What is remembered from look to look."""

    started: float  # seconds of the run's own clock, as every time here


class Judgement(Value):
    """What one look leads to."""

    memory: Memory
    reason: Reason | None
    due: float | None


def judge(bounds: Bounds, memory: Memory, usage: Usage, now: float, *, rule: str = "") -> Judgement:
    """Judge."""
    age = now - memory.started
    if 0 < bounds.timeout <= age:
        return Judgement(memory, Reason(rule, Kind.AGE, age, bounds.timeout), None)
    return Judgement(memory, None, memory.started + bounds.timeout if bounds.timeout else None)
