"""`guardian run`: from an order to the command's end. Two processes watch each other: front and sentinel."""

from __future__ import annotations

import os
import time

from guardian.contain.rawsignal import signal
from guardian.run.command import Child
from guardian.run.front import Front
from guardian.run.home import die_of_interrupt
from guardian.run.posture import Posture, environment
from guardian.run.sentinel import Sentinel
from guardian.run.staff import Staff
from guardian.run.verdict import FAILED, conclude, say
from guardian.run.wire import line_pair

INTERRUPTED = 128 + signal.SIGINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from guardian.run.order import Order


def launch(order: Order) -> int:
    """Run the command under its limits; return the exit code when nobody of its tree is left.

    GuardianError, with nothing launched, when that is not possible as ordered.
    """
    staff = Staff(order)
    try:
        return run(order, staff)
    finally:
        staff.dismiss()


def run(order: Order, staff: Staff) -> int:
    """Fork the sentinel, which launches the command, and be the front."""
    posture, home = Posture(), staff.home
    child = Child(
        order.command,
        environment(order.run_id, slot=staff.slot.claim if staff.slot is not None else ""),
        posture,
        terminal=home.terminal,
        own_group=not home.shared,
    )
    ours, theirs = line_pair()
    until = time.monotonic() + order.bounds.timeout if order.bounds.timeout else None
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_sentinel(order, staff, Sentinel(order, staff, theirs), child)
    theirs.close()
    child.started()
    return _be_front(order, staff, Front(pid, ours, home, until=until), posture)


def _be_sentinel(order: Order, staff: Staff, sentinel: Sentinel, child: Child) -> NoReturn:
    """Be the second process, to the end; one that fails kills itself: the front takes over."""
    code = None
    try:
        staff.containment.own()
        sentinel.launch(child)
        sentinel.serve()
        staff.dismiss()
        code = conclude(order, staff, sentinel, child)
    except Exception as error:  # noqa: BLE001 - the edge of this process: nothing may unwind into the front's
        say(f"the sentinel failed: {error!r}; the front ends the run")
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code or 0)


def _be_front(order: Order, staff: Staff, front: Front, posture: Posture) -> int:
    """Be the first process: until the sentinel ends, and in its place if it fails."""
    home = staff.home
    home.leave()
    front.listen(posture.ignored)
    if not front.serve():
        front.end_sentinel()
        from guardian.run.takeover import take_over  # late: hardly ever needed

        front.code = take_over(order, staff, front)
    home.take_terminal_back()
    if front.code == INTERRUPTED and home.terminal is not None and not front.passed_on:
        die_of_interrupt()
    return FAILED if front.code is None else front.code
