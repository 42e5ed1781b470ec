"""The FIFO that a service prints into, and how its bytes get from there into a file.

`Splicing` lets the kernel move them (splice(2)): what was taken out of the pipe is in the file, in
the same system call, so SIGKILL at any moment loses nothing and doubles nothing. `Copying` reads and
writes, for file systems that cannot splice (EINVAL) and systems without it: there SIGKILL loses what
was read and not yet written, at most 64 KiB.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import termios

from guardian.contain.kernel import SPLICE_F_NONBLOCK, duplicator
from guardian.errors import OutputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Inlet(Protocol):
        """Where a channel's bytes come from."""

        @property
        def held(self) -> int:
            """Bytes that are in the pipe no more, so that it may not be readable though they wait."""

        def waiting(self) -> int:
            """Return how many bytes can be poured now."""

        def peek(self, size: int) -> bytes:
            """Return the first bytes, at most `size`, and leave them there."""

        def pour(self, file: int, size: int, at: int) -> int:
            """Move at most `size` bytes to offset `at` of `file`; return how many."""


BLOCK = 1 << 16
NUMBER = bytes(4)  # room for a C int
MODE = 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO

# For reading and writing (fifo(7): Linux allows it): as long as we are a writer too, the end of the
# last other one is no hang-up, which epoll would report again and again.
HOLD = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


def make_fifo(path: str, uid: int | None = None) -> None:
    """Make the FIFO `path`, 0600, for a service that runs as `uid`; one of ours that is there is kept.

    So is what it holds. OutputError when something else is there, or when it cannot be made.
    """
    owner = os.geteuid() if uid is None else uid
    try:
        try:
            os.mkfifo(path, MODE)
        except FileExistsError:
            _require_ours(path, owner)
        if os.lstat(path).st_uid != owner:
            os.chown(path, owner, -1, follow_symlinks=False)
    except OSError as error:
        raise OutputError(f"cannot make the FIFO {path}: {error.strerror}") from None


def _require_ours(path: str, owner: int) -> None:
    there = os.lstat(path)
    if not stat.S_ISFIFO(there.st_mode):
        raise OutputError(f"{path} is there and is no FIFO: remove it, or move it away")
    if there.st_uid not in (os.geteuid(), owner) or there.st_mode & OTHERS:
        raise OutputError(f"the FIFO {path} belongs to somebody else, or others may use it: remove it")


def open_fifo(path: str) -> int:
    """Return a descriptor of the FIFO, non-blocking and close-on-exec; OutputError unless it is one."""
    try:
        fd = os.open(path, HOLD)
    except OSError as error:
        raise OutputError(f"cannot read the FIFO {path}: {error.strerror}") from None
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        os.close(fd)
        raise OutputError(f"{path} is no FIFO: remove it, and start the service again")
    return fd


def capacity(fd: int) -> int:
    """Return how many bytes that pipe can hold: 64 KiB, or one page for a user who has very many."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    except (AttributeError, OSError):
        return BLOCK


def inlet(fd: int) -> Inlet:
    """Return the best way to empty that FIFO on this system."""
    tee = duplicator()
    return Copying(fd) if tee is None or not hasattr(os, "splice") else Splicing(fd, tee)


class Splicing:
    """Moves bytes within the kernel; Python sees them only when it peeks."""

    held = 0
    _mirror: tuple[int, int] | None = None  # a pipe for all channels, empty but while one peeks

    def __init__(self, fd: int, tee: Callable[[int, int, int], int]) -> None:
        self._fd, self._tee = fd, tee

    def waiting(self) -> int:
        """Return how many bytes are in the pipe (FIONREAD, pipe(7))."""
        return int.from_bytes(fcntl.ioctl(self._fd, termios.FIONREAD, NUMBER), sys.byteorder)

    def peek(self, size: int) -> bytes:
        """Return the first bytes, at most `size`; OSError (EINVAL) where tee(2) does not do it."""
        if Splicing._mirror is None:
            Splicing._mirror = os.pipe()
        reader, writer = Splicing._mirror
        copied = self._tee(self._fd, writer, size)
        if copied <= 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return b"".join(_exactly(reader, copied))

    def pour(self, file: int, size: int, at: int) -> int:
        """Move at most `size` bytes; OSError leaves in the pipe what is not in the file."""
        return os.splice(self._fd, file, size, offset_dst=at, flags=SPLICE_F_NONBLOCK)


def _exactly(fd: int, size: int) -> list[bytes]:
    """Read so many bytes, which are there."""
    parts = []
    while size:
        parts.append(os.read(fd, size))
        size -= len(parts[-1])
    return parts


class Copying:
    """Reads and writes; what was read and could not be written is kept for the next try."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that were read and not yet written."""
        return len(self._held)

    def waiting(self) -> int:
        """Return how many bytes are held, after reading some if there were none."""
        if not self._held:
            try:
                self._held = os.read(self._fd, BLOCK)
            except BlockingIOError:
                return 0
        return len(self._held)

    def peek(self, size: int) -> bytes:
        """Return the first bytes, at most `size`."""
        return self._held[:size]

    def pour(self, file: int, size: int, at: int) -> int:
        """Write at most `size` bytes; OSError keeps them."""
        written = os.pwrite(file, self._held[:size], at)
        self._held = self._held[written:]
        return written
