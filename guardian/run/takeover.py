"""Ending the tree without the sentinel: what the front does when it was killed, stopped or is stuck."""

from __future__ import annotations

import os
import signal
import time

from guardian.actions import Kind, Reason
from guardian.errors import SeeError
from guardian.kill.signals import send
from guardian.run.duty import LAST_GRACE, go_first
from guardian.run.ears import Ears
from guardian.run.ending import Ending
from guardian.run.sentinel import BLIND
from guardian.run.verdict import FAILED, conclude_takeover, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.run.front import Front
    from guardian.run.order import Order
    from guardian.run.staff import Staff

TRIES, BETWEEN = 500, 0.01  # five seconds


def take_over(order: Order, staff: Staff, front: Front) -> int:
    """End everybody below this process, say so, and return the exit code.

    The sentinel is gone, so its orphans are ours by now. This is the last line: whatever fails
    here, nobody of the tree is left.
    """
    go_first()
    try:
        ending = _ended(order, staff, front)
        return conclude_takeover(order, staff, ending, started=front.started)
    except Exception as error:  # noqa: BLE001 - the edge of the last process that could end the tree
        say(f"the front failed too: {error!r}; it ends everybody by force")
        _end_by_force(staff.containment)
        return FAILED


def _ended(order: Order, staff: Staff, front: Front) -> Ending:
    """End the tree as the sentinel would have, but with a short grace."""
    kind, limit = (Kind.AGE, order.bounds.timeout) if front.late else (Kind.GUARD, 0.0)
    reason = Reason(order.cause, kind, limit, limit, "the sentinel did not do it" if front.late else "")
    ending = Ending(
        staff.containment,
        reason,
        now=time.monotonic(),
        grace=min(order.grace, LAST_GRACE),
        ask=order.ask,
        name=order.run_id,
        shared_group=staff.home.shared_group,
    )
    ears = Ears()
    ears.listen("alarm", front.alarmed.reading)
    due: float | None = time.monotonic()
    while due is not None:
        ears.wait(due)
        front.alarmed.came()
        due = _turn(ending)
    return ending


def _end_by_force(containment: Containment) -> None:
    """SIGKILL to whoever is found, until nobody is left or nothing helps."""
    for _ in range(TRIES):
        if containment.empty():
            return
        for proc in containment.members():
            send(proc.id, (signal.SIGKILL,), containment.identify)
        _reap()
        time.sleep(BETWEEN)  # no event tells of a grandchild's death


def _turn(ending: Ending) -> float | None:
    """Reap, and take one step; a moment later when nothing can be seen just now."""
    _reap()
    try:
        return ending.turn(time.monotonic())
    except SeeError:
        return time.monotonic() + BLIND


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
