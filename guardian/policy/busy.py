"""Whether a tree has used too much CPU for a whole window, and got nothing done. Pure.

An instant's percentage tells nothing: a compiler's burst looks like a runaway's loop. What
counts is that in every part of the window the CPU was over the limit, and (unless the rule says
"always") that nothing was read or written from its beginning to now.
"""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.policy.limits import Limits

PARTS = 6  # of the window, each of which has to be over the limit


class Mark(Value):
    """A moment of a tree: when, CPU seconds used by then, bytes read and written by then (-1: unknown)."""

    at: float
    cpu: float
    io: int = -1


class Streak(Value):
    """Since when a tree has been over its limit without a break, and the last mark of it."""

    first: Mark
    last: Mark

    @property
    def percent(self) -> float:
        """Percent of one core, over the whole streak."""
        elapsed = self.last.at - self.first.at
        return 100 * (self.last.cpu - self.first.cpu) / elapsed if elapsed > 0 else 0.0

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return self.last.at - self.first.at


def part(limits: Limits) -> float:
    """Return the seconds between two marks of a streak."""
    return limits.cpu_window / PARTS


def over(limits: Limits, before: Mark, now: Mark) -> bool:
    """Whether the CPU between two marks was over the limit."""
    elapsed = now.at - before.at
    return elapsed > 0 and 100 * (now.cpu - before.cpu) / elapsed > limits.max_cpu


def follow(limits: Limits, streak: Streak | None, now: Mark) -> Streak:
    """Return the streak with this look taken in; a new one when it broke here."""
    if streak is None:
        return Streak(now, now)
    if now.at - streak.last.at < part(limits):
        return streak
    if not over(limits, streak.last, now) or not (limits.cpu_when == "always" or idle(streak.first, now)):
        return Streak(now, now)
    return Streak(streak.first, now)


def idle(first: Mark, now: Mark) -> bool:
    """Whether nothing was read or written between two marks; False when it is not known."""
    return first.io >= 0 and now.io == first.io


def sustained(limits: Limits, streak: Streak | None) -> bool:
    """Whether the streak fills the window."""
    return limits.max_cpu > 0 and streak is not None and streak.seconds >= limits.cpu_window > 0
