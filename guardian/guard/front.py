"""The front: what the user started. Passes signals on, and ends everything when the sentinel cannot."""

from __future__ import annotations

import os
import select
import time

from guardian.contain.rawsignal import signal
from guardian.guard.posture import ALL, FAULTS
from guardian.guard.wire import Alarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.guard.home import Home
    from guardian.guard.wire import Wire

SLACK = 1.0  # seconds after the sentinel's own deadline until it counts as stuck
STOPS_BORNE = 3  # times that somebody may stop the sentinel; it is continued at once
NOT_PASSED_ON = FAULTS | {signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGTTIN, signal.SIGTTOU}
LOST = 125  # guardian's own failure


class Front:
    """One run as the user's process sees it."""

    def __init__(self, sentinel: int, wire: Wire, home: Home) -> None:
        self._sentinel, self._wire, self.home = sentinel, wire, home
        self._stops = 0
        self.until: float | None = None  # monotonic; at the latest then the sentinel has news

    def listen(self, ignored: frozenset[int]) -> None:
        """Take over the signals that are passed on; what guardian was started deaf to stays so."""
        numbers = ALL - NOT_PASSED_ON - ignored
        self.alarmed = Alarmed(numbers | {signal.SIGCHLD})
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)

    def serve(self) -> int | None:
        """Wait for the sentinel's end; return its exit code, or None when it failed us."""
        poll = select.poll()
        poll.register(self.alarmed.reading, select.POLLIN)
        poll.register(self._wire.reading, select.POLLIN)
        while True:
            poll.poll(self._patience())
            for number in self.alarmed.came():
                if number != signal.SIGCHLD:
                    self._wire.say("signal", number)
            for word, *rest in self._wire.heard():
                self._do(word, *rest)
            if self._wire.closed:
                poll = select.poll()
                poll.register(self.alarmed.reading, select.POLLIN)
            ended, code = self._look()
            if ended:
                return code

    def _patience(self) -> float | None:
        """Return milliseconds until the sentinel counts as stuck."""
        if self.until is None:
            return None
        return max(0.0, self.until + SLACK - time.monotonic()) * 1000

    def _do(self, word: str, value: str = "") -> None:
        """Do what the sentinel says."""
        if word == "until":
            self.until = float(value)
        elif word == "ending":
            self.home.back()

    def _look(self) -> tuple[bool, int | None]:
        """Return whether the sentinel is out of the game, and the exit code that it left."""
        pid, status = os.waitpid(self._sentinel, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFEXITED(status):
            return True, os.WEXITSTATUS(status)
        if pid and os.WIFSIGNALED(status):
            return True, None
        if pid and os.WIFSTOPPED(status):
            self._stops += 1
            os.kill(self._sentinel, signal.SIGCONT)
        stuck = self.until is not None and time.monotonic() > self.until + SLACK
        return stuck or self._stops > STOPS_BORNE, None

    def end_sentinel(self) -> None:
        """Make sure that the sentinel is gone: from then on its orphans are ours."""
        try:
            os.kill(self._sentinel, signal.SIGKILL)
            os.waitpid(self._sentinel, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
