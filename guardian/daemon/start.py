"""From nobody to a daemon: the lock, the socket, the keeper's process, and in it the brain's."""

from __future__ import annotations

import fcntl
import os
import socket
import sys

from guardian.daemon.places import Project
from guardian.errors import GuardianError
from guardian.keep.keeper import Keeper
from guardian.keep.limits import allow_as_before
from guardian.keep.line import pair
from guardian.procs.model import ProcId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

SPARED = ("ssl", "typing_extensions")  # asyncio and msgspec do without: 4 MB and 0.5 MB
BACKLOG = 128  # connections that wait while no brain is there to take them


def ensure(project: Project) -> bool:
    """Start the project's daemon unless it runs; whether it was started. GuardianError when it cannot be.

    Two who start it at once make one: the lock belongs to one of them, and to the daemon then, as
    long as its keeper or its brain lives. Who holds it knows that a socket that is there is stale.
    """
    project.make()
    lock = os.open(project.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        with _listening(project.socket) as listening:
            _spawn_keeper(project, lock, listening)
        return True
    finally:
        os.close(lock)


def is_free(project: Project) -> bool:
    """Whether no process of a daemon of this project is left."""
    try:
        lock = os.open(project.lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _listening(path: str) -> socket.socket:
    """Return a socket that listens at `path`, 0600; what is left of an earlier one is replaced."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        made.bind(path)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise GuardianError(f"cannot listen at {path}: {error.strerror or error}") from None
    finally:
        os.umask(before)
    return made


def command(project: Project, *fds: int) -> list[str]:
    """Return the command line of a keeper; descriptors: the lock, the socket, a line to a brain."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    owner = f"{project.owner.pid}:{project.owner.start}" if project.owner else ""
    return [sys.executable, package, "keeper", project.root, project.folder, owner, *map(str, fds)]


def _spawn_keeper(project: Project, lock: int, listening: socket.socket) -> None:
    """Start the keeper in a session of its own (daemon(7)); its words go to the daemon's log."""
    words = command(project, lock, listening.fileno())
    run_apart(words, log=project.log, keep=(lock, listening.fileno()))


def replace_keeper(project: Project, lock: int, listening: int) -> socket.socket:
    """Start a keeper for the brain that this process is; return our end of the line to it."""
    ours, theirs = pair()
    with theirs:
        fds = (lock, listening, theirs.fileno())
        run_apart(command(project, *fds), log=project.log, keep=fds)
    return ours


def run_apart(words: list[str], *, log: str, keep: tuple[int, ...]) -> None:
    """Start a command that is nobody's child, in a session of its own, with these descriptors."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _become(words, log, keep)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _become(words: list[str], log: str, keep: tuple[int, ...]) -> NoReturn:
    os.chdir("/")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    for fd in map(int, os.listdir("/dev/fd")):
        if fd > 2 and _is_open(fd):
            os.set_inheritable(fd, fd in keep)  # what else whoever started us left open is nothing to us
    allow_as_before()  # a brain that starts a keeper has raised it
    os.execv(words[0], words)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False  # the look itself had it
    return True


def keep(words: Sequence[str]) -> int:
    """Be the keeper: `guardian keeper ROOT FOLDER OWNER LOCK SOCKET [LINE]`.

    OWNER is PID:START of the process with which everything ends, or empty; LINE leads to a brain
    that is there already.
    """
    root, folder, owned, *numbers = words
    owner = ProcId(*map(int, owned.split(":"))) if owned else None
    project, fds = Project(root, folder, owner=owner), [int(number) for number in numbers]
    for fd in fds:
        os.set_inheritable(fd, False)
    line = socket.socket(fileno=fds[2]) if len(fds) > 2 else None
    return Keeper(_brain_of(project, fds[0], fds[1]), line).serve()


def _brain_of(project: Project, lock: int, listening: int) -> Callable[[socket.socket], NoReturn]:
    """Return what the keeper's child becomes."""

    def be_brain(end: socket.socket) -> NoReturn:
        code = 1
        for name in SPARED:
            sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
        try:
            from guardian.daemon.session import live  # late: the keeper stays light

            for name in SPARED:
                del sys.modules[name]  # who really needs it may import it
            code = live(project, end, lock=lock, listening=listening)
        finally:
            os._exit(code)

    return be_brain
