"""Standing in line: until the kernel tells that somebody who was in the way has ended, or time is over."""

from __future__ import annotations

import os
import time

from guardian.errors import NotAdmitted
from guardian.gate.deadlock import Wait, must_give_up
from guardian.gate.presence import Vigil, watch
from guardian.gate.slots import all_slots
from guardian.gate.waiting import Waiting, holder
from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.gate.ask import Ask, Sight
    from guardian.gate.crowd import Crowd
    from guardian.gate.places import Place
    from guardian.gate.slots import Slots
    from guardian.procs.model import ProcId
    from guardian.units import Duration

RELOOK = 1.0  # seconds: nothing tells of a waiter that was stopped, of strangers that came, of memory
SOON = 0.05  # seconds until another look at strangers of whom one has just ended
STUCK_FOR = 2.0  # seconds in which launches must seem to wait for each other until one gives up
MOST = 200  # holders whose end is waited for; of more than that the rest is seen by looking again


class Standing:
    """One launch that waits, from the moment when it found somebody in its way."""

    def __init__(
        self, slots: Slots, ask: Ask, sight: Sight, *, told: Callable[[Waiting], None], began: float
    ) -> None:
        self._slots, self._ask, self._sight = slots, ask, sight
        self._tell = told
        self._told: Waiting | None = None
        self._began = began  # on the clock of time.monotonic
        self._seems_stuck: float | None = None  # since when

    def stand(self, crowd: Crowd, ticket: Place | None, inside: tuple[str, ...]) -> None:
        """Wait for the next event; NotAdmitted when there is nothing to wait for any more.

        `inside` are the slots that our ancestors hold.
        """
        now = time.monotonic()
        waiting = self._waiting(crowd)
        waited = now - self._began
        if crowd.verdict.hopeless or (self._ask.wait is not None and waited >= self._ask.wait):
            raise NotAdmitted(waiting.refusal(now, waited if self._ask.wait else 0.0))
        if ticket is not None and inside:
            self._refuse_deadlock(ticket, inside, now)
        if waiting != self._told:
            self._told = waiting
            self._tell(waiting)
        again = min(RELOOK, crowd.verdict.again or RELOOK)
        left = again if self._ask.wait is None else self._ask.wait - waited
        self._keep_vigil(crowd, timeout=min(again, left))

    def _waiting(self, crowd: Crowd) -> Waiting:
        return Waiting(
            self._ask.name,
            self._ask.limit,
            crowd.position,
            tuple(holder(place, self._slots.about(place)) for place in crowd.running),
            crowd.strangers,
            "" if crowd.blocks(self._ask.limit) else crowd.verdict.reason,
        )

    def _keep_vigil(self, crowd: Crowd, *, timeout: Duration) -> None:
        """Wait until one of those in the way has ended; NotAdmitted when the owner of this launch ends."""
        vigil = Vigil()
        try:
            if not self._watch_places(vigil, crowd):
                return
            watched = [self._watch_process(vigil, each) for each in crowd.strangers[:MOST]]
            owner = (self._sight.owner,) if self._sight.owner >= 0 else ()
            ended = vigil.keep(timeout if all(watched) else min(timeout, SOON), also=owner)
            if ended.intersection(owner):
                raise NotAdmitted("not admitted: the process that it is bound to ended while it waited")
        finally:
            vigil.end()

    def _watch_places(self, vigil: Vigil, crowd: Crowd) -> bool:
        """Watch who is just before us, else those who run; False when one of them has ended already."""
        for place in (crowd.ahead,) if crowd.ahead is not None else crowd.running[:MOST]:
            fd = watch(self._slots.path(place.file))
            if fd is None:
                return False
            vigil.add(fd)
        return True

    def _watch_process(self, vigil: Vigil, who: ProcId) -> bool:
        """Watch this process; False when it has ended. Without pidfds, looking again has to do."""
        try:
            vigil.add(os.pidfd_open(who.pid))
        except ProcessLookupError:
            return False
        except (OSError, AttributeError):
            return True
        seen = self._sight.look(who.pid)  # after the handle, which from then on means this process or nobody
        return seen is not None and seen.id == who

    def _refuse_deadlock(self, ticket: Place, inside: tuple[str, ...], now: float) -> None:
        """Raise NotAdmitted when we and others wait for each other, and we came last."""
        if not self._is_stuck(ticket):
            self._seems_stuck = None
        elif self._seems_stuck is None:
            self._seems_stuck = now
        elif now - self._seems_stuck >= STUCK_FOR:
            raise NotAdmitted(
                f"not admitted: it would wait for ever: the launches that hold {printable(self._ask.name)}"
                f" wait themselves for one of {', '.join(inside)}, in which this one runs;"
                " raise max_concurrent of one of them"
            )

    def _is_stuck(self, ticket: Place) -> bool:
        with self._slots.lock:  # so that what is seen was true at one moment
            waits, holders = tangle(self._slots.runtime)
        mine = [each for each in waits if (each.key, each.number) == (self._slots.key, ticket.number)]
        return bool(mine) and must_give_up(mine[0], waits, holders)


def tangle(runtime: str) -> tuple[list[Wait], dict[str, list[str]]]:
    """Return all who wait for any slots, and who holds those of each key; see deadlock.py."""
    waits: list[Wait] = []
    holders: dict[str, list[str]] = {}
    for slots in all_slots(runtime):
        places = slots.living()
        holders[slots.key] = [slots.label(place) for place in places if place.running]
        for place in places:
            if not place.running:
                about = slots.about(place)
                waits.append(Wait(slots.key, place.number, place.since, about.limit, about.inside))
    return waits, holders
