"""`guardian run`: from an order to the command's end. Two processes watch each other: front and sentinel."""

from __future__ import annotations

import gc
import os
import time

from guardian.contain.rawsignal import signal
from guardian.guard.command import Child
from guardian.guard.front import Front
from guardian.guard.handles import own_handle, owner_handle
from guardian.guard.home import Home, die_of_interrupt
from guardian.guard.posture import Posture, environment
from guardian.guard.sentinel import Sentinel
from guardian.guard.verdict import FAILED, conclude, conclude_ending, say
from guardian.guard.wire import line_pair

INTERRUPTED = 128 + signal.SIGINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from guardian.contain.contract import Containment
    from guardian.guard.order import Order


def run(order: Order, containment: Containment) -> int:
    """Run the command under its limits; return the exit code when nobody of its tree is left."""
    owner = owner_handle(order.owner) if order.owner else None
    posture, home = Posture(), Home()
    child = Child(
        order.command,
        environment(order.run_id),
        posture,
        terminal=home.terminal,
        own_group=not home.shared,
    )
    ours, theirs = line_pair()
    myself = own_handle()
    gc.disable()  # short-lived, and a collection after fork would copy every page that it visits
    until = time.monotonic() + order.bounds.timeout if order.bounds.timeout else None
    pid = os.fork()
    if pid == 0:
        ours.close()
        sentinel = Sentinel(order, containment, theirs, front=myself, owner=owner, home=home)
        _be_sentinel(order, containment, sentinel, child)
    theirs.close()
    child.started()
    return _be_front(order, containment, Front(pid, ours, home, until=until), home, posture)


def _be_sentinel(order: Order, containment: Containment, sentinel: Sentinel, child: Child) -> NoReturn:
    """Be the second process, to the end; one that fails kills itself: the front takes over."""
    code = None
    try:
        containment.own()
        sentinel.launch(child)
        sentinel.serve()
        containment.close()
        code = conclude(order, sentinel, child)
    except Exception as error:  # noqa: BLE001 - the edge of this process: nothing may unwind into the front's
        say(f"the sentinel failed: {error!r}; the front ends the run")
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code or 0)


def _be_front(order: Order, containment: Containment, front: Front, home: Home, posture: Posture) -> int:
    home.leave()
    front.listen(posture.ignored)
    if not front.serve():
        front.end_sentinel()
        from guardian.guard.takeover import take_over  # late: hardly ever needed

        ending = take_over(order, containment, front.alarmed, late=front.late, shared_group=home.shared_group)
        containment.close()
        front.code = conclude_ending(order, ending, own=FAILED)
    home.take_terminal_back()
    if front.code == INTERRUPTED and home.terminal is not None and not front.passed_on:
        die_of_interrupt()
    return FAILED if front.code is None else front.code
