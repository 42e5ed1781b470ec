"""Ending the tree without the sentinel: what the front does when it was killed, stopped or is stuck."""

from __future__ import annotations

import os
import time

from guardian.actions import Kind, Reason
from guardian.errors import SeeError
from guardian.run.duty import LAST_GRACE, go_first
from guardian.run.ears import Ears
from guardian.run.ending import Ending
from guardian.run.sentinel import BLIND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.run.order import Order
    from guardian.run.staff import Staff
    from guardian.run.wire import Alarmed


def take_over(order: Order, staff: Staff, alarmed: Alarmed, *, late: bool) -> Ending:
    """End everybody below this process; the sentinel is gone, so its orphans are ours by now.

    `late`: the sentinel was alive and let the timeout pass.
    """
    go_first()
    kind, limit = (Kind.AGE, order.bounds.timeout) if late else (Kind.GUARD, 0.0)
    reason = Reason(order.cause, kind, limit, limit, "the sentinel did not do it" if late else "")
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
    ears.listen("alarm", alarmed.reading)
    due: float | None = time.monotonic()
    while due is not None:
        ears.wait(due)
        alarmed.came()
        due = _turn(ending)
    return ending


def _turn(ending: Ending) -> float | None:
    """Reap, and take one step; a moment later when nothing can be seen just now."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    try:
        return ending.turn(time.monotonic())
    except SeeError:
        return time.monotonic() + BLIND
