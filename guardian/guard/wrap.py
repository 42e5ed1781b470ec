"""`guardian run`: from an order to the command's end. Two processes watch each other: front and sentinel."""

from __future__ import annotations

import gc
import os

from guardian.contain.rawsignal import signal
from guardian.guard.command import Child
from guardian.guard.front import LOST, Front
from guardian.guard.home import Home
from guardian.guard.posture import Posture, environment
from guardian.guard.sentinel import Sentinel
from guardian.guard.verdict import conclude, say
from guardian.guard.wire import line_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from guardian.contain.contract import Containment
    from guardian.guard.order import Order
    from guardian.guard.wire import Wire


def run(order: Order, containment: Containment) -> int:
    """Run the command under its limits; return the exit code when nobody of its tree is left."""
    posture, home = Posture(), Home()
    child = Child(
        order.command,
        environment(order.run_id),
        posture,
        terminal=home.terminal,
        own_group=home.fixed,
    )
    ours, theirs = line_pair()
    gc.disable()  # short-lived, and a collection after fork would copy every page that it visits
    sentinel = os.fork()
    if sentinel == 0:
        ours.close()
        _be_sentinel(order, containment, theirs, child)
    theirs.close()
    child.started()
    return _be_front(order, containment, Front(sentinel, ours, home), posture)


def _be_sentinel(order: Order, containment: Containment, wire: Wire, child: Child) -> NoReturn:
    """Be the second process, to the end; one that fails aborts, which tells the front to take over."""
    code = None
    try:
        code = _serve(order, containment, wire, child)
    except Exception as error:  # noqa: BLE001 - the edge of this process: nothing may unwind into the front's
        say(f"the sentinel failed: {error!r}; the front ends the run")
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code or 0)


def _serve(order: Order, containment: Containment, wire: Wire, child: Child) -> int:
    containment.own()
    sentinel = Sentinel(order, containment, wire)
    sentinel.launch(child)
    sentinel.serve()
    containment.close()
    return conclude(order, sentinel, child)


def _be_front(order: Order, containment: Containment, front: Front, posture: Posture) -> int:
    home = front.home
    home.leave()
    front.listen(posture.ignored)
    code = front.serve()
    if code is None:
        front.end_sentinel()
        from guardian.guard.takeover import take_over

        take_over(order, containment, front.alarmed)
        containment.close()
        code = LOST
    home.take_terminal_back()
    return code
