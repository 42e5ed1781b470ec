"""What the sentinel does with a command that lives on: watch it, end it or what it left, say why."""

from __future__ import annotations

from guardian.actions import Kind, Reason
from guardian.guard.ending import Ending
from guardian.guard.watch import Watch
from guardian.kill.escalate import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.guard.leader import Leader
    from guardian.guard.order import Order
    from guardian.guard.wire import Wire

LINGER = 0.1  # seconds that what the command left behind has to go by itself
LAST_GRACE = 0.4  # seconds of grace when a guardian process was killed: the tree has a second in all (P6)
NEVER = 3600.0  # seconds until the next look when nothing is due; an event comes sooner


class Duty:
    """Watching, then ending. `turn` is called at its due times and at every event until it returns None."""

    def __init__(
        self, order: Order, containment: Containment, leader: Leader, wire: Wire, *, started: float
    ) -> None:
        self._order, self._containment, self._leader, self._wire = order, containment, leader, wire
        self._watch = Watch(order.bounds, containment, started=started)
        self._left_since: float | None = None
        self.ending: Ending | None = None

    def turn(self, now: float) -> float | None:
        """Take one step; return when the next is due, None when the run is over."""
        if self.ending is None:
            reason, due = self._decide(now)
            if reason is None:
                return due
            self.ending = self._begin(reason, now)
        return self.ending.turn(now)

    def hurry(self, now: float) -> None:
        """Wait no longer for those who were asked to end."""
        if self.ending is not None:
            self.ending.force(now)

    def _decide(self, now: float) -> tuple[Reason | None, float | None]:
        """Return why the tree has to go, or when to look again; neither: the run is over."""
        if self._leader.code is not None:
            return self._after_the_leader(now)
        if self._wire.closed:
            return Reason("run", Kind.GUARD), None
        reason = self._watch.look(now)
        return reason, now + NEVER if self._watch.due is None else self._watch.due

    def _after_the_leader(self, now: float) -> tuple[Reason | None, float | None]:
        """Give what is left a moment to go by itself; then it has to."""
        left = [] if self._order.keep_background else self._containment.members()
        if not left:
            return None, None
        self._left_since = now if self._left_since is None else self._left_since
        if now < self._left_since + LINGER:
            return None, self._left_since + LINGER
        return Reason("run", Kind.LEFT, len(left)), None

    def _begin(self, reason: Reason, now: float) -> Ending:
        grace = min(self._order.grace, LAST_GRACE) if reason.kind is Kind.GUARD else self._order.grace
        self._wire.say("until", now + grace + PATIENCE)
        self._wire.say("ending")
        return Ending(self._containment, reason, now=now, grace=grace, ask=self._order.ask)
