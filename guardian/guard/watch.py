"""Looking at a running command: the run's own clock, what the tree uses, what the limits say."""

from __future__ import annotations

from guardian.policy.runlimits import Memory, Usage, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.actions import Reason
    from guardian.contain.contract import Containment
    from guardian.policy.bounds import Bounds


class Watch:
    """Looks when a look is due, and remembers what the next one needs."""

    def __init__(self, bounds: Bounds, containment: Containment, *, started: float) -> None:
        self._bounds, self._containment = bounds, containment
        self._memory = Memory(started)
        self.due: float | None = started

    def look(self, now: float) -> Reason | None:
        """Return why the tree has to go, None when it need not; sets `due`."""
        judgement = judge(self._bounds, self._memory, Usage(), now)
        self._memory, self.due = judgement.memory, judgement.due
        return judgement.reason
