"""The sentinel: parent of the command, deaf to everything, who enforces the limits and ends the tree.

Most commands end within moments and leave nobody behind. What judges and ends a tree (`duty`) is
therefore imported only when the command has run for a moment, or when there is somebody to end.
"""

from __future__ import annotations

import os
import time

from guardian.contain.rawsignal import signal
from guardian.errors import SeeError
from guardian.run.ears import Ears
from guardian.run.leader import Leader
from guardian.run.posture import ALL, go_deaf
from guardian.run.wire import Alarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.run.command import Child
    from guardian.run.duty import Duty
    from guardian.run.order import Order
    from guardian.run.pump import Pump
    from guardian.run.staff import Staff
    from guardian.run.wire import Wire

WARM_UP = 0.02  # seconds
LAST_WORDS = 0.2  # seconds for output that is written already, when somebody may go on writing
READERS_TIME = 365 * 86400.0  # seconds that a reader may take; the front need not worry
HURRYING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
TERMINAL_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
GATHER = 0.002  # seconds in which more of a crowd die: to wake up for each costs more than its death
BLIND = 0.05  # seconds until the next look when /proc could not be read


class Sentinel:
    """One run, from the launch of the command to the end of the last of its processes."""

    def __init__(self, order: Order, staff: Staff, wire: Wire) -> None:
        self._order, self._wire, self._staff = order, wire, staff
        self._containment = staff.containment
        home = staff.home
        self._jobs = home.shared
        self._sole = not home.shared and home.terminal is not None  # no shell that could continue a job
        self.shared_group = home.shared_group
        self._ears = Ears()
        for name, fd in (("front", staff.front.handle), ("owner", staff.owner), ("wire", wire.reading)):
            if fd is not None:
                self._ears.listen(name, fd)
        self.lost: set[str] = set()  # of front and owner
        self.pump = _pump(order.bounds.max_output)
        self._hurried = False  # somebody asked for an end at once
        self._front_stopped = False
        self.duty: Duty | None = None

    def launch(self, child: Child) -> None:
        """Start the command, then step out of its process group. Every signal is blocked until here."""
        self.started = time.monotonic()
        if self.pump is not None:
            child.outputs = self.pump.outputs()
        self.leader = Leader.start(self._containment, child)
        os.setpgid(0, 0)
        go_deaf()
        self._alarmed = Alarmed(frozenset({signal.SIGCHLD}))
        self._ears.listen("alarm", self._alarmed.reading)
        if self.pump is not None:
            self.pump.start()
            self._ears.listen("pump", self.pump.news)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)

    def serve(self) -> None:
        """Watch over the command until nobody of its tree is left, or who is left cannot be ended."""
        self._serve_tree()
        if self.pump is not None:
            self._deliver_the_rest(self.pump)
            self._serve_tree()  # the last bytes may have been too many
        self._staff.front.send(signal.SIGCONT)  # whoever stopped it: it has to see the end

    def _serve_tree(self) -> None:
        due = self._turn(time.monotonic())
        while due is not None:
            self._hear(self._ears.wait(due))
            self._follow_leader()
            due = self._turn(time.monotonic())

    def _deliver_the_rest(self, pump: Pump) -> None:
        """Wait until all output has gone where it was meant to (P7), however slowly it is read there.

        Not for who lives on and might write for ever; ^C ends it, and so does the front's death.
        """
        self._wire.say("ending", 0)
        self._wire.say("until", time.monotonic() + READERS_TIME)
        until = None if self._containment.empty() else time.monotonic() + LAST_WORDS
        while not (pump.finished or self._hurried or "front" in self.lost):
            self._hear(self._ears.wait(until))
            if until is not None and time.monotonic() >= until:
                return

    def _hear(self, names: frozenset[str]) -> None:
        """Take in who has gone and what the front says."""
        for name in names & {"front", "owner"}:
            self.lost.add(name)
            self._ears.ignore(name)
        if "alarm" in names:
            self._gather()
            self._alarmed.came()
        if "pump" in names and self.pump is not None:
            self.pump.hear()
        for _, number in self._wire.heard():
            self._pass_on(int(number))
        if self._wire.closed:
            self.lost.add("front")
            self._ears.ignore("wire")

    def _gather(self) -> None:
        """Let more die before the dead are reaped, if a crowd is being ended."""
        if self.duty is not None and self.duty.ending is not None and self.duty.ending.crowded:
            time.sleep(GATHER)

    def _pass_on(self, number: int) -> None:
        """Give the command a signal that the front got; once the tree is being ended it says: now."""
        if number != signal.SIGCONT or self.leader.stopped:
            self.leader.signal(number)
        self._hurried |= number in HURRYING
        if self.duty is not None and number in HURRYING:
            self.duty.hurry(time.monotonic())

    def _follow_leader(self) -> None:
        """Take in what happened to the command; the front stops and goes on with it."""
        self.leader.look()
        stopped = self.leader.stopped
        if not self._jobs:
            if stopped in TERMINAL_STOPS and self._sole:
                self.leader.signal(signal.SIGCONT)
            return
        if stopped and not self._front_stopped:
            self._wire.say("stop", stopped)
        elif self._front_stopped and not stopped:
            self._staff.front.send(signal.SIGCONT)
        self._front_stopped = bool(stopped)

    @property
    def job_stopped(self) -> bool:
        """Whether a shell with job control has the command stopped; elsewhere nobody could continue it."""
        return self._jobs and self.leader.stopped > 0

    def _turn(self, now: float) -> float | None:
        """Take one step; return when the next is due, None when the run is over."""
        try:
            if self.duty is not None:
                return self.duty.turn(now)
            if self.leader.code is not None and self._containment.empty() and not self.overflows:
                return None
        except SeeError:
            return now + BLIND  # no descriptor or memory left on the machine: to see nobody is not nobody
        if not (self.leader.code is not None or self.lost or self.overflows) and now < (
            self.started + WARM_UP
        ):
            return self.started + WARM_UP
        self.duty = self._take_up_duty()
        return now

    def _take_up_duty(self) -> Duty:
        from guardian.run.duty import Duty

        return Duty(self._order, self._containment, self, self._wire)

    @property
    def output(self) -> int:
        """Bytes that the command has written; 0 where they do not pass through here."""
        return self.pump.count if self.pump is not None else 0

    @property
    def overflows(self) -> bool:
        """Whether the command has written more than it may."""
        return 0 < self._order.bounds.max_output < self.output


def _pump(limit: int) -> Pump | None:
    if not limit:
        return None
    from guardian.run.pump import Pump

    return Pump(limit)
