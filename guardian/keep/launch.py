"""What is to be launched, and the child's way from fork to exec."""

from __future__ import annotations

import errno
import os
import resource

from guardian.contain import mark
from guardian.contain.kernel import die_with_parent
from guardian.contain.rawsignal import signal
from guardian.keep.limits import allow_as_before
from guardian.run.command import execute
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

ALL = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


class Launch(Value):
    """One process to be started as the leader of a service's tree."""

    id: str  # of the service and its generation; nothing is started twice under one id
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = "/"
    out: str = os.devnull  # a FIFO or file, opened for stdout
    err: str = ""  # likewise for stderr; empty: the same as stdout
    umask: int = -1  # -1: as it is
    rlimits: Mapping[str, int] = {}  # by the name without RLIMIT_, in small letters; -1: unlimited
    uid: int = -1  # -1: as it is, with its groups
    gid: int = -1
    groups: tuple[int, ...] = ()
    cgroup: str = ""  # the folder of a cgroup v2; empty: none
    fifos: tuple[str, ...] = ()  # of `out` and `err`, those that are FIFOs
    mark: int = 0  # the number of contain.mark; 0: none


class Failure(Exception):
    """A step of the child failed."""

    def __init__(self, step: str, error: OSError | ValueError) -> None:
        self.step = step
        refused = errno.EPERM if step == "limits" else errno.EINVAL  # what resource and os say by ValueError
        self.errno = (error.errno or 0) if isinstance(error, OSError) else refused
        super().__init__(f"{step}: {error}")


def become(launch: Launch, word: int, keeper: int) -> NoReturn:
    """Be the child: become the service, or write "step errno" to the descriptor `word` and exit.

    `keeper` is our parent. Until the exec we end with it: one without a mark could not be found.
    """
    try:
        die_with_parent(signal.SIGKILL)
        _become(launch, keeper)
    except Failure as failure:
        os.write(word, f"{failure.step} {failure.errno}".encode("ascii"))
    finally:
        os._exit(127)  # also when nobody reads the word: there must be no second keeper


def _become(launch: Launch, keeper: int) -> NoReturn:
    os.setsid()
    for name, step in DOING.items():
        try:
            step(launch)
        except (OSError, ValueError) as error:
            raise Failure(name, error) from None
    die_with_parent(0)
    if os.getppid() != keeper:
        os._exit(127)
    try:
        raise execute(launch.argv, _environment(launch))
    except (OSError, ValueError) as error:
        raise Failure("exec", error) from None


def _take_outputs(launch: Launch) -> None:
    """Have nothing to read, and write to the FIFOs.

    Opened for reading too, so that they have a reader as long as somebody can write: whatever
    becomes of guardian, nobody gets SIGPIPE, and what was written waits in the pipe (fifo(7)).
    """
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(launch.out, os.O_RDWR)
    err = os.open(launch.err, os.O_RDWR) if launch.err else out
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err):
        os.set_blocking(fd, True)
        if launch.uid >= 0:
            os.fchown(fd, launch.uid, -1)  # or it could not open /dev/stdout


def _enter(launch: Launch) -> None:
    """Enter the cgroup that is left to enter (kernel: admin-guide/cgroup-v2.rst)."""
    if launch.cgroup:
        with open(f"{launch.cgroup}/cgroup.procs", "wb", buffering=0) as file:
            file.write(b"0")


def _limit(launch: Launch) -> None:
    if launch.umask >= 0:
        os.umask(launch.umask)
    allow_as_before()
    for name, value in launch.rlimits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
    if launch.mark:
        resource.setrlimit(mark.LIMIT, (launch.mark, launch.mark))


def _change_user(launch: Launch) -> None:
    if launch.uid >= 0:
        os.setgroups(launch.groups)
        os.setresgid(launch.gid, launch.gid, launch.gid)
        os.setresuid(launch.uid, launch.uid, launch.uid)


def _change_folder(launch: Launch) -> None:
    os.chdir(launch.cwd)


def _restore_signals(_: Launch) -> None:
    """Give ignored signals their default; those that are handled get it by the exec (signal(7))."""
    for number in ALL:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _environment(launch: Launch) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in launch.env.items()}


# The steps in their order; a failure names its step.
DOING: dict[str, Callable[[Launch], None]] = {
    "output": _take_outputs,
    "cgroup": _enter,
    "limits": _limit,
    "user": _change_user,
    "cwd": _change_folder,
    "signals": _restore_signals,
}
