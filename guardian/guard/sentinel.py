"""The sentinel: parent of the command, deaf to everything, who enforces the limits and ends the tree.

Most commands end within moments and leave nobody behind. What judges and ends a tree (`duty`) is
therefore imported only when the command has run for a moment, or when there is somebody to end.
"""

from __future__ import annotations

import os
import select
import time

from guardian.contain.rawsignal import signal
from guardian.guard.leader import Leader
from guardian.guard.posture import ALL, go_deaf
from guardian.guard.wire import Alarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.guard.command import Child
    from guardian.guard.duty import Duty
    from guardian.guard.order import Order
    from guardian.guard.wire import Wire

WARM_UP = 0.02  # seconds


class Sentinel:
    """One run, from the launch of the command to the end of the last of its processes."""

    def __init__(self, order: Order, containment: Containment, wire: Wire) -> None:
        self._order, self._containment, self._wire = order, containment, wire
        self.duty: Duty | None = None

    def launch(self, child: Child) -> None:
        """Start the command, then step out of its process group. Every signal is blocked until here."""
        self.started = time.monotonic()
        self.leader = Leader.start(self._containment, child)
        os.setpgid(0, 0)
        go_deaf()
        self._alarmed = Alarmed(frozenset({signal.SIGCHLD}))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)

    def serve(self) -> None:
        """Watch over the command until nobody of its tree is left, or who is left cannot be ended."""
        poll = select.poll()
        poll.register(self._alarmed.reading, select.POLLIN)
        poll.register(self._wire.reading, select.POLLIN)
        due = self._turn(self.started)
        while due is not None:
            poll.poll(max(0.0, due - time.monotonic()) * 1000)
            self._alarmed.came()
            self._hear()
            if self._wire.closed:
                poll = select.poll()
                poll.register(self._alarmed.reading, select.POLLIN)
            self.leader.look()
            self.leader.reap_others()
            due = self._turn(time.monotonic())

    def _hear(self) -> None:
        """Pass on what the front was sent; once the tree is being ended, any such signal says: now."""
        for _, number in self._wire.heard():
            self.leader.signal(int(number))
            if self.duty is not None:
                self.duty.hurry(time.monotonic())

    def _turn(self, now: float) -> float | None:
        """Take one step; return when the next is due, None when the run is over."""
        if self.duty is None:
            if self.leader.code is not None and self._containment.empty():
                return None
            if self.leader.code is None and not self._wire.closed and now < self.started + WARM_UP:
                return self.started + WARM_UP
            self.duty = self._take_up_duty()
        return self.duty.turn(now)

    def _take_up_duty(self) -> Duty:
        from guardian.guard.duty import Duty

        return Duty(self._order, self._containment, self.leader, self._wire, started=self.started)
