"""The mark of a service's processes: a hard limit of RLIMIT_RTTIME of the service's own (getrlimit(2)).

That limit bounds microseconds of uninterrupted real-time scheduling; 10^18 of them bound nothing.
Limits are inherited through fork and exec, and neither a session of its own, nor the loss of its
parent, nor a cleared environment takes them away (tried: setsid, double fork, execve with an empty
environment). Without rights a process can lower its mark, which nobody does by accident, and never
raise it to another service's.
"""

from __future__ import annotations

import os
import resource

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

LIMIT = resource.RLIMIT_RTTIME if hasattr(resource, "RLIMIT_RTTIME") else -1  # Linux only
HIGHEST = 1 << 62
LOWEST = HIGHEST - (1 << 61)  # nobody sets a limit in between for its own sake
ROOM = (1 << 20, 1 << 10, 1)  # numbers that a mark keeps for guardians within it, by their depth
SIBLINGS = 1 << 10  # marks that are possible within a mark


class Mark(Value):
    """The numbers of one service's tree: its own, and those below it for a guardian within the tree."""

    number: int  # 0: there are no marks on this system
    room: int = 1

    def owns(self, pid: int) -> bool:
        """Whether that process carries one of them; not when it is gone, or may not be looked at."""
        return self.number - self.room < of(pid) <= self.number


def of(pid: int) -> int:
    """Return the number that a process carries; -1 when it has none, is gone, or may not be looked at."""
    if LIMIT < 0:
        return -1
    try:
        _, hard = resource.prlimit(pid, LIMIT)
    except (OSError, ValueError):
        return -1
    return hard if LOWEST < hard <= HIGHEST else -1


def is_kept(pid: int) -> bool:
    """Whether a process belongs to a service of `guardian up`, and not to the one that we are in."""
    number = of(pid)
    return number > 0 and number != of(os.getpid())


def fresh(taken: Container[int]) -> Mark:
    """Return a mark of another number than these: within our own, where we are in another's service."""
    if LIMIT < 0:
        return Mark(0)
    outer = of(os.getpid())
    highest = outer if outer > 0 else HIGHEST
    room = next((room for room in ROOM if highest % (room * SIBLINGS) == 0), 1)
    possible = SIBLINGS if outer > 0 else (HIGHEST - LOWEST) // room
    while True:
        number = highest - _below(possible) * room
        if number not in taken:
            return Mark(number, room)


def _below(most: int) -> int:
    """Return a random number from 1 up to, not including, `most`."""
    return 1 + int.from_bytes(os.urandom(8), "little") % (most - 1)
