"""What the sentinel does with a command that lives on: watch it, end it or what it left."""

from __future__ import annotations

import gc
import os
import time

from guardian.actions import Kind, Reason
from guardian.contain import descent
from guardian.kill.escalate import PATIENCE, Phase
from guardian.run.ending import Ending
from guardian.run.watch import REST, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.procs.model import Proc
    from guardian.run.order import Order
    from guardian.run.sentinel import Sentinel
    from guardian.run.wire import Wire

LINGER = 0.1  # seconds that what the command left behind has to go by itself
LAST_GRACE = 0.4  # seconds of grace when a guardian process was killed: the tree has a second in all (P6)
NEVER = 3600.0  # seconds until the next look when nothing is due; an event comes sooner
STOPPED_AGAIN = 1.0  # seconds until it is asked again whether really everybody is stopped
SPARED = 60.0  # seconds that the front is told to be patient for, when a terminal spares the command
GROWTH_LOOK = 0.02  # seconds between looks whether a tree grows on that was asked to end


class Duty:
    """Watching, then ending. `turn` is called at its due times and at every event until it returns None."""

    def __init__(self, order: Order, containment: Containment, sentinel: Sentinel, wire: Wire) -> None:
        self._order, self._containment, self._sentinel, self._wire = order, containment, sentinel, wire
        self.watch = Watch(order, containment, started=sentinel.started)
        self._left_since: float | None = None
        self._told = sentinel.started + order.bounds.timeout  # the deadline that the front knows
        self.ending: Ending | None = None
        self._growth_due = 0.0  # when to look again whether a tree grows on
        self._seen: list[Proc] = []  # the members at the look that led to the end
        self.leader = descent.look(sentinel.leader.pid)  # who it is, for the receipt
        gc.freeze()  # what is shared with the front stays shared: a collection would copy what it visits
        gc.enable()
        go_first()

    def turn(self, now: float) -> float | None:
        """Take one step; return when the next is due, None when the run is over."""
        if self.ending is None:
            reason, due = self._decide(now)
            if reason is None:
                return due
            self.ending = self._begin(reason, now)
        if "front" in self._sentinel.lost:
            self.ending.hasten(now + LAST_GRACE)
        return self._end_on(self.ending, now)

    def hurry(self, now: float) -> None:
        """Wait no longer for those who were asked to end."""
        if self.ending is not None:
            self.ending.force(now)

    def _decide(self, now: float) -> tuple[Reason | None, float | None]:
        """Return why the tree has to go, or when to look again; neither: the run is over."""
        if self._sentinel.leader.code is not None:
            return self._after_the_leader(now)
        if "front" in self._sentinel.lost:
            return Reason(self._order.cause, Kind.GUARD), None
        if "owner" in self._sentinel.lost:
            return Reason(self._order.cause, Kind.OWNER, 0, self._order.owner), None
        return self._watch_on(now)

    def _watch_on(self, now: float) -> tuple[Reason | None, float]:
        """Look if a look is due; the clock stands still while everybody is stopped."""
        stopped = self._sentinel.job_stopped
        if stopped and all(proc.state in "Tt" for proc in self._containment.members()):
            self.watch.pause(now)
        elif self.watch.paused:
            self.watch.resume(now)
        reason = self.watch.look(now, output=self._sentinel.output)
        due = now + (STOPPED_AGAIN if stopped else NEVER)
        if reason is not None:
            self._seen = self.watch.gauge.members
        if self.watch.due is not None:
            due = min(due, self.watch.due)
        self._tell_deadline(now)
        return reason, due

    def _tell_deadline(self, now: float) -> None:
        """Tell the front when the deadline has moved: the job was stopped, or a terminal spares it."""
        if self._order.bounds.timeout <= 0 or self.watch.paused:
            return
        until = self.watch.deadline
        if now > until:
            until = self._told if self._told - now > SPARED / 2 else now + SPARED
        if until != self._told:
            self._told = until
            self._wire.say("until", until)

    def _after_the_leader(self, now: float) -> tuple[Reason | None, float | None]:
        """Give what is left a moment to go by itself; then it has to."""
        if self._sentinel.overflows:
            return self._watch_on(now)
        if self._order.keep_background or self._containment.empty():
            return None, None
        self._left_since = now if self._left_since is None else self._left_since
        if now < self._left_since + LINGER and "front" not in self._sentinel.lost:
            return None, self._left_since + LINGER
        self._seen = self._containment.members()
        return Reason(self._order.cause, Kind.LEFT, len(self._seen)), None

    def _begin(self, reason: Reason, now: float) -> Ending:
        """Open the case; from here on ^C means guardian."""
        self._wire.say("until", now + self._order.grace + PATIENCE)
        self._wire.say("ending", 0)
        self._growth_due = now + max(GROWTH_LOOK, REST * self.watch.cost)
        if reason.kind is Kind.PROCS:
            self._containment.brake(self._seen)
        return Ending(
            self._containment,
            reason,
            now=now,
            grace=self._order.grace,
            ask=self._order.ask,
            name=self._order.run_id,
            shared_group=self._sentinel.shared_group,
            seen=self._seen,
        )

    def _end_on(self, ending: Ending, now: float) -> float | None:
        """Take the end one step further; who grows on while asked to end loses the rest of the grace."""
        asking = ending.case.phase is Phase.ASKING
        if asking and self._may_grow and now >= self._growth_due:
            if self.watch.grows_on(output=self._sentinel.output):
                ending.force(now)
            ended = time.monotonic()
            self._growth_due = ended + max(GROWTH_LOOK, REST * (ended - now))
        due = ending.turn(now)
        return min(due, self._growth_due) if due is not None and asking and self._may_grow else due

    @property
    def _may_grow(self) -> bool:
        bounds = self._order.bounds
        return bounds.memory > 0 or bounds.max_procs > 0 or bounds.max_output > 0


def go_first() -> None:
    """Let the scheduler prefer this process, where it may be asked to (sched(7)): never behind its runaway.

    400 processes that wake every millisecond delay an ordinary guard by seconds.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (OSError, AttributeError):  # not allowed, or not on this platform
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
        except OSError:
            pass
