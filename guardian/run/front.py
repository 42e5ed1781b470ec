"""The front: what the user started. Passes signals on, and steps in when the sentinel fails."""

from __future__ import annotations

import os
import time

from guardian.contain.rawsignal import signal
from guardian.run.ears import Ears
from guardian.run.posture import ALL, FAULTS
from guardian.run.wire import Alarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.run.home import Home
    from guardian.run.wire import Wire

SLACK = 1.0  # seconds after the sentinel's own deadline until it counts as stuck
STOPS_BORNE = 3  # times that somebody may stop the sentinel; it is continued at once
NOT_PASSED_ON = FAULTS | {signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGTTIN, signal.SIGTTOU}


class Front:
    """One run as the user's process sees it."""

    def __init__(self, sentinel: int, wire: Wire, home: Home, *, until: float | None) -> None:
        self._sentinel, self._wire, self._home = sentinel, wire, home
        self._until = until  # monotonic; at the latest then the sentinel has news
        self.started = time.monotonic()
        self._stops = 0
        self.code: int | None = None  # the exit code that the sentinel left
        self.passed_on = False  # somebody sent SIGINT to us alone
        self.late = False  # the sentinel let its deadline pass

    def listen(self, ignored: frozenset[int]) -> None:
        """Take over the signals that are passed on; what guardian was started deaf to stays so."""
        self._ears = Ears()
        self._ears.listen("wire", self._wire.reading)
        self.alarmed = Alarmed((ALL - NOT_PASSED_ON - ignored) | {signal.SIGCHLD})
        self._ears.listen("alarm", self.alarmed.reading)
        for number in (signal.SIGTTOU, signal.SIGTTIN):  # to write and to give the terminal back at the end
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)

    def serve(self) -> bool:
        """Wait for the sentinel's end; whether it did its work, and `code` is the run's."""
        while not self._sentinel_failed():
            if self.code is not None:
                return True
            self._ears.wait(None if self._until is None else self._until + SLACK)
            for number in self.alarmed.came():
                if number != signal.SIGCHLD:
                    self._wire.say("signal", number)
                self.passed_on |= number == signal.SIGINT
            for word, value in self._wire.heard():
                self._do(word, float(value))
            if self._wire.closed:
                self._ears.ignore("wire")
        return False

    def _do(self, word: str, value: float) -> None:
        """Do what the sentinel says."""
        if word == "until":
            self._until = value
        elif word == "ending":
            self._home.back()
        elif word == "stop":
            self._stop(int(value))

    def _stop(self, number: int) -> None:
        """Stop as the command was stopped, at home, where the shell finds us; then go on with it."""
        self._home.back()
        self._until = None  # the sentinel says a new one when the command goes on
        handler = signal.signal(number, signal.SIG_DFL) if number != signal.SIGSTOP else None
        os.kill(os.getpid(), number)
        if handler is not None:
            signal.signal(number, handler)
        self._home.leave()
        self._wire.say("signal", int(signal.SIGCONT))

    def _sentinel_failed(self) -> bool:
        """Whether the sentinel is dead, stuck, or stopped again and again; sets `code` at its proper end."""
        pid, status = os.waitpid(self._sentinel, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFEXITED(status):
            self.code = os.WEXITSTATUS(status)
            return False
        if pid and os.WIFSIGNALED(status):
            return True
        if pid and os.WIFSTOPPED(status):
            self._stops += 1
            os.kill(self._sentinel, signal.SIGCONT)
        self.late = self._until is not None and time.monotonic() > self._until + SLACK
        return self.late or self._stops > STOPS_BORNE

    def end_sentinel(self) -> None:
        """Make sure that the sentinel is gone: from then on its orphans are ours."""
        try:
            os.kill(self._sentinel, signal.SIGKILL)
            os.waitpid(self._sentinel, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
