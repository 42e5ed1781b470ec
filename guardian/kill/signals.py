"""The one file of guardian that sends signals.

A signal goes through a handle (pidfd_open(2), pidfd_send_signal(2)) that is taken *before* the
identity is checked: from then on the handle means that process or nobody, so a pid that is given
away in between cannot misdirect the signal. Where there are no pidfds (macOS, or a seccomp filter
that forbids them) the check stands as closely before kill(2) as it can.
"""

from __future__ import annotations

import os
import signal

from guardian.actions import How, Sent
from guardian.errors import SeeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Set

    from guardian.procs.model import ProcId

    Identify = Callable[[int], ProcId | None]
    Holds = Callable[[Iterable[ProcId]], Set[ProcId]]

SIGNALS: dict[How, tuple[signal.Signals, ...]] = {
    How.ASK: (signal.SIGTERM, signal.SIGCONT),  # the second lets a stopped process see the first
    How.FREEZE: (signal.SIGSTOP,),
    How.FORCE: (signal.SIGKILL,),
}

NO_PIDFD = not hasattr(os, "pidfd_open")
BATCH = 200  # handles that are open at once: a soft RLIMIT_NOFILE is 1024, at times 256


def open_handle(target: ProcId, identify: Identify) -> int | None:
    """Return a pidfd of exactly that process, or None when it is gone; the caller closes it.

    Raises OSError where the system has no pidfds or refuses one (ENOSYS, EMFILE, EPERM of a seccomp
    filter), SeeError when it cannot be told who that is.
    """
    try:
        handle = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return None
    same = False
    try:
        same = identify(target.pid) == target
    finally:
        if not same:
            os.close(handle)
    return handle if same else None


def send(target: ProcId, signals: tuple[int, ...], identify: Identify) -> tuple[Sent, str]:
    """Send `signals` in their order to that very process; say what came of it, and the system's words.

    Never raises: a process that is gone, has become another one, is not ours, or cannot be told
    from another is an outcome. DONE as soon as one of the signals has been delivered.
    """
    if target.pid <= 1:
        return Sent.DENIED, "guardian never signals pid 1, nor a group by number"
    if not NO_PIDFD:
        try:
            return _send_by_handle(target, signals, identify)
        except (OSError, SeeError):
            pass  # no such call, or no descriptor left for it: the second best way is better than none
    try:
        return _send_by_number(target, signals, identify)
    except SeeError as error:
        return Sent.FAILED, str(error)


def send_to_all(
    targets: Sequence[ProcId], signals: tuple[int, ...], identify: Identify, holds: Holds
) -> dict[ProcId, tuple[Sent, str]]:
    """Send `signals` to each of many, as `send` does; say of each what came of it.

    `holds` says of many at once which of them are still who they were: asked when the handles are
    open, it proves as much as a look at each.
    """
    result: dict[ProcId, tuple[Sent, str]] = {}
    for first in range(0, len(targets), BATCH):
        batch = targets[first : first + BATCH]
        result |= _send_to_batch(batch, signals, holds)
        result |= {who: send(who, signals, identify) for who in batch if who not in result}
    return result


def _send_to_batch(
    batch: Sequence[ProcId], signals: tuple[int, ...], holds: Holds
) -> dict[ProcId, tuple[Sent, str]]:
    """Return what came of it for those who could be reached by a handle."""
    handles = _open_handles(batch)
    try:
        same = holds(handles)
        return {
            who: _deliver_by(handle, signals) if who in same else (Sent.GONE, "")
            for who, handle in handles.items()
        }
    except (OSError, SeeError):
        return {}  # the second best way is better than none, for whoever was not reached
    finally:
        for handle in handles.values():
            os.close(handle)


def _open_handles(targets: Iterable[ProcId]) -> dict[ProcId, int]:
    """Return pidfds, not checked yet; without those for whom there is none to be had."""
    handles: dict[ProcId, int] = {}
    for who in () if NO_PIDFD else targets:
        try:
            if who.pid > 1:
                handles[who] = os.pidfd_open(who.pid)
        except OSError:
            continue  # gone, or refused: `send` will tell
    return handles


def _deliver_by(handle: int, signals: tuple[int, ...]) -> tuple[Sent, str]:
    return _deliver(lambda number: signal.pidfd_send_signal(handle, number), signals)


def _send_by_handle(target: ProcId, signals: tuple[int, ...], identify: Identify) -> tuple[Sent, str]:
    handle = open_handle(target, identify)
    if handle is None:
        return Sent.GONE, ""
    try:
        return _deliver_by(handle, signals)
    finally:
        os.close(handle)


def _send_by_number(target: ProcId, signals: tuple[int, ...], identify: Identify) -> tuple[Sent, str]:
    if identify(target.pid) != target:
        return Sent.GONE, ""
    return _deliver(lambda number: os.kill(target.pid, number), signals)


def _deliver(deliver: Callable[[int], None], signals: tuple[int, ...]) -> tuple[Sent, str]:
    delivered = False
    try:
        for number in signals:
            deliver(number)
            delivered = True
    except ProcessLookupError:  # not a failure when SIGTERM has ended it before its SIGCONT
        return Sent.DONE if delivered else Sent.GONE, ""
    except PermissionError as error:
        return Sent.DONE if delivered else Sent.DENIED, error.strerror or ""
    return Sent.DONE, ""
