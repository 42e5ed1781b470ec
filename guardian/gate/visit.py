"""One launch on its way through the gate: look, take a number, wait for an end, look again."""

from __future__ import annotations

import os
import time

from guardian.gate.crowd import lineage, look_around
from guardian.gate.places import Place, about_launch, next_number
from guardian.gate.slots import Slot, Slots, all_slots
from guardian.policy.admission import Verdict, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.gate.ask import Ask, Sight
    from guardian.gate.crowd import Crowd
    from guardian.gate.standing import Standing
    from guardian.gate.waiting import Waiting
    from guardian.procs.model import ProcId


class Visit:
    """Gets one launch its slot, or says why not."""

    def __init__(self, runtime: str, ask: Ask, sight: Sight) -> None:
        self._runtime, self._ask, self._sight = runtime, ask, sight
        self._slots = Slots(runtime, ask.name)
        self._me, self._ancestors = lineage(sight.look)
        self._about = about_launch(ask.command, _folder(), limit=ask.limit, space=_pid_space())
        self._ticket: Place | None = None  # our number, while we wait
        self._ticket_fd = -1
        self._slot: Slot | None = None  # ours, and not yet handed over
        self._began = time.monotonic()
        self._standing: Standing | None = None

    def enter(self, told: Callable[[Waiting], None]) -> Slot:
        """Return the slot, as soon as there is one; see Gate.enter."""
        self._slots.make()
        above = self._held_above(self._slots)
        if above:
            return Slot(self._slots, above[0], since=above[0].since)
        while True:
            crowd = self._try()
            if self._slot is not None:
                slot, self._slot = self._slot, None
                self._hand_in(stays=True)
                return slot
            if crowd.obstructs(self._ask.limit):
                self._stand(crowd, told)

    def leave(self) -> None:
        """Give back what is still in our hands: the number, and a slot that was not handed over."""
        if self._slot is not None:
            self._slot.release()
        self._hand_in(stays=False)

    def _hand_in(self, *, stays: bool) -> None:
        """Give the number back; what it told of us stays when we run now."""
        if self._ticket is None:
            return
        (self._slots.move_on if stays else self._slots.leave)(self._ticket)
        os.close(self._ticket_fd)  # which calls the next one
        self._ticket = None

    def _held_above(self, slots: Slots) -> list[Place]:
        """Return the slots that our ancestors hold: what runs below one of them needs no second one."""
        running = [place for place in slots.places() if place.running]
        return [each for each in running if self._is_below(slots, each) and slots.is_living(each)]

    def _is_below(self, slots: Slots, place: Place) -> bool:
        """Whether that launch is above us: an ancestor, or one that we claim and could not see if it were.

        From inside a PID namespace (a sandbox, a container) nobody above it can be seen.
        """
        if place.who in self._ancestors:
            return True
        claimed = f"{slots.key}/{place.stem}" in self._sight.claims
        return claimed and self._about.space not in (0, slots.about(place).space)

    # Looking and deciding

    def _look(self) -> Crowd:
        crowd = look_around(self._slots, self._ticket, self._sight.look)
        if self._ask.limit or self._ask.conditions:
            return crowd
        return crowd.replace(ahead=None, position=1)  # it waits for nothing, so for nobody

    def _try(self) -> Crowd:
        """Take the slot if it can be had now, else a number; return what was seen."""
        limit = self._ask.limit
        crowd = self._look()
        if self._ticket is not None and crowd.blocks(limit) and not crowd.dead:
            return crowd
        # Looking at all processes takes milliseconds: not while others wait for the lock.
        strangers = None if crowd.blocks(limit) else self._strangers(crowd)
        with self._slots.lock:
            return self._decide(strangers, known=crowd.places)

    def _decide(self, strangers: tuple[ProcId, ...] | None, *, known: tuple[Place, ...]) -> Crowd:
        """Look again now that nothing can change, and act on it; without knowing the strangers, never run.

        Who was let in since `known` was seen may have been taken for a stranger: look at those again.
        """
        crowd = self._look()
        if strangers and not set(crowd.running) <= set(known):
            strangers = None
        crowd = crowd.replace(strangers=strangers or ())
        self._bury(crowd)
        if strangers is not None and not crowd.blocks(self._ask.limit):
            now = time.monotonic()
            crowd = crowd.replace(verdict=self._judged(now))
            if crowd.verdict.admitted:
                self._run(crowd, now)
                return crowd
        if self._ticket is None and self._ask.wait != 0:
            self._take_number(crowd)
        return crowd

    def _bury(self, crowd: Crowd) -> None:
        """Remove what the dead have left."""
        if len(crowd.dead) == len(crowd.places):
            self._slots.clear()  # also what a launch left that was killed while it wrote
        for place in crowd.dead:
            self._slots.leave(place)

    def _strangers(self, crowd: Crowd) -> tuple[ProcId, ...]:
        """Return the launches that count beside guardian's own; what we are part of does not."""
        if self._sight.strangers is None:
            return ()
        known = {place.who for place in crowd.places} | self._ancestors | {self._me}
        return tuple(each for each in self._sight.strangers(crowd.places) if each not in known)

    def _judged(self, now: float) -> Verdict:
        """Return whether the machine has room; what that leads to is remembered for the next launch."""
        if not self._ask.conditions:
            return Verdict(True)
        before = self._slots.pace()
        pace, verdict = judge(self._sight.machine(), self._ask.conditions, before, now)
        if pace != before:
            self._slots.remember(pace)
        return verdict

    def _run(self, crowd: Crowd, now: float) -> None:
        """Be one of those who run."""
        place = (self._ticket or self._newcomer(crowd)).replace(running=True, at=int(now * 1000))
        fd = self._slots.occupy(place, self._about if self._ticket is None else None)
        self._slot = Slot(self._slots, place, since=now, fd=fd)

    def _take_number(self, crowd: Crowd) -> None:
        """Be the last of those who wait."""
        ticket = self._newcomer(crowd)
        inside = tuple(
            slots.label(place) for slots in all_slots(self._runtime) for place in self._held_above(slots)
        )
        self._about = self._about.replace(inside=inside)
        self._ticket_fd = self._slots.occupy(ticket, self._about)
        self._ticket = ticket

    def _newcomer(self, crowd: Crowd) -> Place:
        number = next_number(crowd.places)
        return Place(number, self._me.pid, self._me.start, False, int(time.monotonic() * 1000))

    def _stand(self, crowd: Crowd, told: Callable[[Waiting], None]) -> None:
        """Wait for the next event; NotAdmitted when there is nothing to wait for any more."""
        if self._standing is None:
            from guardian.gate.standing import Standing  # late: most launches walk in

            self._standing = Standing(self._slots, self._ask, self._sight, told=told, began=self._began)
        self._standing.stand(crowd, self._ticket, self._about.inside)


def _pid_space() -> int:
    """Return the number of our PID namespace; 0 where there are none (namespaces(7))."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def _folder() -> str:
    """Return the working directory, for others to read."""
    try:
        return os.getcwd()
    except OSError:
        return "?"  # it was removed
