"""Ending the tree without the sentinel: what the front does when it was killed, stopped or is stuck."""

from __future__ import annotations

import os
import select
import time

from guardian.actions import Kind, Reason
from guardian.contain import descent
from guardian.guard.duty import LAST_GRACE
from guardian.guard.ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.guard.order import Order
    from guardian.guard.wire import Alarmed


def take_over(order: Order, containment: Containment, alarmed: Alarmed) -> Ending:
    """End everybody below this process; the sentinel is gone, so its orphans are ours by now."""
    grace = min(order.grace, LAST_GRACE)
    ending = Ending(containment, Reason("run", Kind.GUARD), now=time.monotonic(), grace=grace, ask=order.ask)
    poll = select.poll()
    poll.register(alarmed.reading, select.POLLIN)
    due: float | None = time.monotonic()
    while due is not None:
        poll.poll(max(0.0, due - time.monotonic()) * 1000)
        alarmed.came()
        _reap_all()
        due = ending.turn(time.monotonic())
    return ending


def _reap_all() -> None:
    for pid in descent.children(os.getpid()):
        os.waitpid(pid, os.WNOHANG)
