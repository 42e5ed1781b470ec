"""When to look again: never later than the interval, sooner when headroom shrinks. Pure."""

from __future__ import annotations

from guardian.values import Value

SHORTEST = 0.05  # seconds between two looks at all processes, whatever asks for more
CRAMPED = 0.10  # share of the machine's memory below which every look is soon


class Headroom(Value):
    """The machine's free memory at one look, to see how fast it shrinks."""

    at: float
    available: int  # bytes
    total: int


def machine_due(before: Headroom | None, now: Headroom) -> float | None:
    """Return when free memory would be gone at half the speed it shrinks with, None if it does not shrink.

    Below a tenth of all memory the next look is a second away at most: there growth seen a
    moment ago says little about the next.
    """
    moments = []
    if before is not None and now.at > before.at and now.available < before.available:
        speed = (before.available - now.available) / (now.at - before.at)
        moments.append(now.at + 0.5 * now.available / speed)
    if now.total and now.available < CRAMPED * now.total:
        moments.append(now.at + 1.0)
    return min(moments, default=None)


def next_look(now: float, interval: float, *wishes: float | None) -> float:
    """Return the moment of the next look: the earliest wish, within [SHORTEST, interval] from now."""
    earliest = min((wish for wish in wishes if wish is not None), default=now + interval)
    return min(max(earliest, now + SHORTEST), now + interval)
