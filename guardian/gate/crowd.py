"""Who stands between a launch and its slot, as one look at the folder shows it."""

from __future__ import annotations

import os

from guardian.policy.admission import Verdict
from guardian.procs.model import ProcId
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guardian.gate.places import Place
    from guardian.gate.slots import Slots
    from guardian.procs.model import Proc

STOPPED = "Tt"  # by a signal, by a debugger (proc(5))


class Crowd(Value):
    """Who waits before us and who runs; whoever must decide on it looks again under the lock."""

    places: tuple[Place, ...]  # everybody's, the dead included
    running: tuple[Place, ...]
    dead: tuple[Place, ...] = ()  # abandoned places that were come upon
    ahead: Place | None = None  # who is let in just before us
    position: int = 1  # 1: next
    strangers: tuple[ProcId, ...] = ()  # launches that count though guardian did not start them
    verdict: Verdict = Verdict(True)  # on the machine

    def full(self, limit: int) -> bool:
        """Whether all places are taken."""
        return 0 < limit <= len(self.running) + len(self.strangers)

    def blocks(self, limit: int) -> bool:
        """Whether others stand in the way, whatever the machine has to offer."""
        return self.ahead is not None or self.full(limit)

    def obstructs(self, limit: int) -> bool:
        """Whether there is anything to wait for."""
        return self.blocks(limit) or not self.verdict.admitted


def look_around(slots: Slots, ticket: Place | None, look: Callable[[int], Proc | None]) -> Crowd:
    """Return who is there before the holder of `ticket`; everybody who waits when it is None."""
    places = slots.places()
    running: list[Place] = []
    dead: list[Place] = []
    for place in places:
        if place.running:
            (running if slots.is_living(place) else dead).append(place)
    before = [place for place in places if not place.running and (not ticket or place.number < ticket.number)]
    ahead, abandoned = _nearest(slots, before, look)
    position = 1 + len(before) - len(abandoned) if ahead else 1
    return Crowd(tuple(places), tuple(running), (*dead, *abandoned), ahead, position)


def _nearest(
    slots: Slots, before: Sequence[Place], look: Callable[[int], Proc | None]
) -> tuple[Place | None, list[Place]]:
    """Return the nearest of those before us who can act, and the dead that were passed on the way to it.

    Who is stopped cannot act: it would hold up everybody until somebody thinks of it.
    """
    dead = []
    for place in reversed(before):
        if not slots.is_living(place):
            dead.append(place)
            continue
        proc = look(place.pid)
        if proc is None or proc.start != place.start or proc.state not in STOPPED:
            return place, dead
    return None, dead


def lineage(look: Callable[[int], Proc | None]) -> tuple[ProcId, frozenset[ProcId]]:
    """Return who we are, and our ancestors, as far up as they can be seen."""
    me = proc = look(os.getpid())
    above: set[ProcId] = set()
    while proc is not None and proc.ppid > 0:
        parent = look(proc.ppid)
        if parent is None or parent.start > proc.start or parent.id in above:
            break
        above.add(parent.id)
        proc = parent
    return me.id if me is not None else ProcId(os.getpid(), 0), frozenset(above)
