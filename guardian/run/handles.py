"""Handles of other processes, readable when they end (pidfd_open(2)); none where there are no such calls."""

from __future__ import annotations

import os

from guardian.contain.rawsignal import signal
from guardian.errors import UsageError
from guardian.run.wire import above_standard


def own_handle() -> int | None:
    """Return a handle of this process, for a child to inherit: it can be nobody else's."""
    try:
        return above_standard(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):  # no such call, or one that seccomp forbids: the pipe has to do
        return None


def owner_handle(pid: int) -> int:
    """Return a handle of the process that a run is bound to; UsageError when there is none to be had."""
    try:
        return above_standard(os.pidfd_open(pid))
    except ProcessLookupError:
        raise UsageError(f"--bind-to: there is no process {pid}") from None
    except (OSError, AttributeError) as error:
        raise UsageError(f"--bind-to: cannot watch process {pid}: {error}") from None


def send_by_handle(handle: int | None, number: int) -> None:
    """Signal the process of a handle; it is gone, or there is no handle: nothing happens."""
    if handle is None:
        return
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
