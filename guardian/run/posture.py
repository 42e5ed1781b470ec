"""How this process was started: signal mask, ignored signals, environment; so that the command gets the same.

Python changes three things before our first line: it ignores SIGPIPE and SIGXFSZ, handles SIGINT, and
in the C locale sets LC_CTYPE (PEP 538). What SIGPIPE and SIGXFSZ were cannot be known any more; the
command gets their default, as from every Python program that restores signals.
"""

from __future__ import annotations

import os

from guardian.contain.rawsignal import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UNTOUCHABLE = frozenset({signal.SIGKILL, signal.SIGSTOP})
FAULTS = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
)
ALL = frozenset(signal.valid_signals()) - UNTOUCHABLE
_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


class Posture:
    """What was inherited; taken once, before anything is changed."""

    __slots__ = ("ignored", "mask")

    def __init__(self) -> None:
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
        ignored = [n for n in ALL - _BY_PYTHON if signal.getsignal(n) == signal.SIG_IGN]
        self.ignored = frozenset(ignored)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would let our children die unseen

    def restore(self) -> None:
        """Give this process, a child just before exec, the signals that guardian was started with."""
        for number in ALL:
            signal.signal(number, signal.SIG_IGN if number in self.ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


def occupy_standard() -> None:
    """Put something harmless where stdin, stdout or stderr are closed; the command finds them closed.

    Else the next thing that guardian opens would be there, a slot or a pipe, and who writes to
    stderr would write into it. OSError where there is no /dev/null.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # gets the lowest number that is free (open(2))


def is_ours(fd: int) -> bool:
    """Whether this standard descriptor was closed: what we put there goes no further than exec."""
    return not os.get_inheritable(fd)


def go_deaf() -> None:
    """Ignore every signal that can be ignored, but for faults and the deaths of children."""
    for number in ALL - FAULTS - {signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)


def environment(run_id: str, *, slot: str = "") -> Mapping[bytes, bytes]:
    """Return the environment that guardian was started with, byte by byte, the run's id, and its slot's."""
    result = dict(os.environb)
    if result.get(b"LC_CTYPE") == b"C.UTF-8":
        original = _at_start(b"LC_CTYPE")
        if original is None:
            del result[b"LC_CTYPE"]
        else:
            result[b"LC_CTYPE"] = original
    result[b"GUARDIAN_RUN_ID"] = run_id.encode("ascii")
    if slot:
        result[b"GUARDIAN_SLOT"] = slot.encode("utf-8")
    return result


def _at_start(name: bytes) -> bytes | None:
    """Return what a variable was at our exec, which /proc/PID/environ shows (proc(5)); None: not set."""
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            variables = file.read().split(b"\0")
    except OSError:
        return os.environb.get(name)  # cannot be known: change nothing
    values = (each.partition(b"=")[2] for each in variables if each.startswith(name + b"="))
    return next(values, None)
