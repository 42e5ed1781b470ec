"""Handles of other processes, readable when they end (pidfd_open(2)); none where there are no such calls."""

from __future__ import annotations

import os

from guardian.contain.rawsignal import signal
from guardian.errors import UsageError


class Partner:
    """The front, as the sentinel knows it: made by the front itself, so that it can be nobody else."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self.handle: int | None = None
        try:
            self.handle = os.pidfd_open(self._pid)
        except (OSError, AttributeError):  # no such call, or one that seccomp forbids: the pipe has to do
            pass

    def send(self, number: int) -> None:
        """Signal the front; nothing happens when it has gone."""
        try:
            if self.handle is not None:
                signal.pidfd_send_signal(self.handle, number)
            elif os.getppid() == self._pid:  # still our parent, so the number is still its own
                os.kill(self._pid, number)
        except ProcessLookupError:
            pass


def owner_handle(pid: int) -> int:
    """Return a handle of the process that a run is bound to; UsageError when there is none to be had."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise UsageError(f"--bind-to: there is no process {pid}") from None
    except (OSError, AttributeError) as error:
        raise UsageError(f"--bind-to: cannot watch process {pid}: {error}") from None
