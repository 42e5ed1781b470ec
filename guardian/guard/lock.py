"""One monitor per user: a lock that the kernel frees when its holder dies (flock(2))."""

from __future__ import annotations

import fcntl
import os

from guardian.errors import GuardianError, Occupied
from guardian.values import Value

TYPE_CHECKING = False

FILE = "monitor.lock"


class Holder(Value):
    """Who holds the lock, and since when (seconds since the epoch)."""

    pid: int
    since: float


class MonitorLock:
    """Held for as long as the monitor lives; closing the descriptor, or dying, frees it."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, FILE)
        self._fd = -1

    def take(self) -> None:
        """Take the lock; Occupied names the pid that holds it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise GuardianError(f"cannot open {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = _read(self._fd)
            self.free()
            pid = f"{held.pid}" if held else "PID"
            raise Occupied(
                f"a monitor of yours is running already, pid {pid}; end it with: kill {pid}"
            ) from None

    def sign(self, *, since: float) -> None:
        """Write who holds the lock; after a fork the one that goes on does."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()} {since:.3f}\n".encode("ascii"), 0)

    def free(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def holder(folder: str) -> Holder | None:
    """Return who runs the monitor of this user now, None when nobody does."""
    try:
        fd = os.open(os.path.join(folder, FILE), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(fd)
    finally:
        os.close(fd)
    return None


def _read(fd: int) -> Holder | None:
    words = os.pread(fd, 100, 0).split()
    try:
        return Holder(int(words[0]), float(words[1]))
    except (IndexError, ValueError):
        return None
