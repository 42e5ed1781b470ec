"""One way out of a service: what it prints into a FIFO goes to a log file that keeps to its quota.

The log is never opened with O_APPEND, which splice(2) refuses: one FIFO leads to one file, and two
channels into one file would write over each other. A service whose stderr goes where its stdout goes
gets one FIFO for both, as `2>&1` does.

A rotation happens at the end of a line. To know where that is the pipe is peeked at (tee(2)), but
only near the end of a file: a line that begins before the last part, the reserve, has room to end,
and no line begins there that is not seen to end. So a line is cut in two only when it is longer than
the reserve (an eighth of the file, and not less than 64 KiB or half of it).
"""

from __future__ import annotations

import errno
import os
import stat
import time

from guardian.errors import OutputError
from guardian.output.inlet import Copying, capacity, inlet, open_fifo
from guardian.output.rotation import inodes, rotate
from guardian.output.times import Times, forget, times_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BOUND = 1 << 19  # bytes; a move() that has taken so many lets others have a turn
RESERVE = 1 << 16
SMALLEST = 256  # bytes of a file, so that there is room for its times
LONGEST = 1 << 16  # bytes of a line that is given to `lines` before it has ended
RETRY = 1.0  # seconds
REST = 0.01  # seconds
OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there, or raise the quota",
    errno.EFBIG: "lower log_max_size, or raise the limit of file sizes (ulimit -f)",
    errno.EISDIR: "name a file, not a folder",
    errno.ELOOP: "guardian follows no link there: name the file itself",
    errno.EINVAL: "name a file, not a device",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


class Channel:
    """Moves what is in the FIFO `fifo` to the log `file`, when the caller says so.

    For an event loop: wait until `fileno()` is readable, call `move()`, leave the channel alone for
    `rest` seconds, and so on; after an OutputError call `move()` again after `rest` seconds, whether
    it is readable or not. There is never a hang-up to see, because the channel keeps the FIFO
    open for writing too; that the stream is over is known to whoever saw the service's processes end:
    then move() until it returns 0.
    """

    def __init__(
        self,
        fifo: str,
        file: str,
        *,
        max_size: int,
        keep: int,
        times: str,
        clock: Callable[[], float] = time.time,
        lazy: bool = False,
    ) -> None:
        """Open both, and make the log unless it is there, with its folder.

        lazy: the log is opened when there is something to write, if it looks as if it could be; most
        services print to one of their streams, many to none. max_size: bytes of one file, its times
        included; keep: how many rotated ones there may be (both may be set again at any time); times: a
        folder of guardian's own, for the times of any number of logs; clock: seconds since the epoch.
        OutputError when something cannot be opened.
        """
        self.file, self.max_size, self.keep = os.path.abspath(file), max(max_size, SMALLEST), keep
        self.lines: Callable[[bytes], None] | None = None  # gets what was moved, whole lines
        self.rest = 0.0  # seconds in which the next move() would not be worth it
        self._folder, self._clock = times_folder(times, self.file), clock
        self._times: Times | None = None
        self._log, self._known, self._size = -1, (-1, -1), 0
        self._told, self._moved_at, self._pace = -1, time.monotonic(), 0.0
        self._fifo = open_fifo(fifo)
        self._inlet = inlet(self._fifo)
        self._capacity = capacity(self._fifo)
        try:
            if not (lazy and _seems_writable(self.file)):
                self._open()
        except OSError as error:
            self.close()
            raise self._refused(error) from None

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to move."""
        return self._fifo

    def move(self) -> int:
        """Move what is there, half a MB at most; return how many bytes, 0 when there is nothing.

        OutputError when the log cannot be written: nothing is lost, it stays in the pipe, and when
        that is full the service stands still until a later move() succeeds. Sets `rest`.
        """
        moved = 0
        try:
            while (moved < BOUND or self._inlet.held) and (step := self._step()):
                moved += step
        except OSError as error:
            if not moved:  # else the next move() says it
                self.rest = RETRY
                raise self._refused(error) from None
        self._rest_after(moved)
        self._tell()
        return moved

    def close(self) -> None:
        """Close everything; what is in the pipe stays there as long as somebody has it open."""
        for fd in (self._fifo, self._log):
            if fd >= 0:
                os.close(fd)
        self._fifo = self._log = -1
        if self._times is not None:
            self._times.close()

    def _step(self) -> int:
        """Move what this file is to get of what is there; return how many bytes, 0 when nothing is there."""
        waiting = min(self._inlet.waiting(), BOUND)
        if not waiting:
            return 0
        size = self._standing()
        size, amount = self._room(size, waiting)
        if self.lines is not None and self._told < 0:
            self._told = size
        self._note(size)
        return self._pour(amount, size)

    def _standing(self) -> int:
        """Return the size of the log, a new one when somebody moved or removed it.

        Asked anew each time, so that one who truncates it or writes a line of his own finds no hole.
        """
        try:
            there = os.lstat(self.file)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != self._known:
            return self._open()
        if there.st_size < self._size:
            self._cut_to(there.st_size)
        self._size = there.st_size
        return self._size

    def _room(self, size: int, waiting: int) -> tuple[int, int]:
        """Return where the next bytes go and how many of them, after a rotation where it is time for one."""
        amount = self._amount(size, waiting)
        while not amount:
            self._rotate()
            size = 0
            amount = self._amount(size, waiting)
        return size, amount

    def _amount(self, size: int, waiting: int) -> int:
        """Return how many bytes this file is to get, 0: the next file gets them."""
        free = self.max_size - size - (self._times.size if self._times is not None else 0)
        if waiting <= free - reserve(self.max_size):
            return waiting
        if free <= 0:
            return 0
        seen = self._peek(min(waiting, free))
        end = seen.rfind(b"\n") + 1
        if end or size == 0 or not self._ends_a_line(size):
            return end or len(seen)
        return 0

    def _ends_a_line(self, size: int) -> bool:
        return os.pread(self._log, 1, size - 1) == b"\n"

    def _peek(self, size: int) -> bytes:
        try:
            return self._inlet.peek(size)
        except OSError:
            return self._copying().peek(size)

    def _pour(self, amount: int, at: int) -> int:
        try:
            moved = self._inlet.pour(self._log, amount, at)
        except OSError as error:
            if error.errno != errno.EINVAL or isinstance(self._inlet, Copying):
                raise
            moved = self._copying().pour(self._log, amount, at)  # this file system cannot splice
        self._size = at + moved
        return moved

    def _copying(self) -> Copying:
        """Read and write from now on."""
        if not isinstance(self._inlet, Copying):
            self._inlet = Copying(self._fifo)
            self._inlet.waiting()
        return self._inlet

    def _rotate(self) -> None:
        self._tell(all_of_it=True)
        rotate(self.file, self.keep)
        self._open()

    def _open(self) -> int:
        """Open the log, made unless it is there; return its size. Raises OSError."""
        fd = _opened(self.file)
        there = os.fstat(fd)
        if self._log >= 0:
            os.close(self._log)
        if self._times is not None:
            self._times.close()
        self._log, self._known, self._size = fd, (there.st_dev, there.st_ino), there.st_size
        self._times = Times(self._folder, there.st_ino)
        forget(self._folder, lambda: inodes(self.file, self.keep))
        self._times.cut(self._size)
        if self._told >= 0:
            self._told = self._size
        return self._size

    def _cut_to(self, size: int) -> None:
        if self._times is not None:
            self._times.cut(size)
        self._told = min(self._told, size)

    def _note(self, offset: int) -> None:
        if self._times is not None:
            self._times.note(offset, self._clock())

    def _tell(self, *, all_of_it: bool = False) -> None:
        """Give `lines` what was moved since the last time, up to the last line end."""
        if self.lines is None:
            self._told = -1
        if self.lines is None or not 0 <= self._told < self._size:
            return
        block = os.pread(self._log, self._size - self._told, self._told)
        end = block.rfind(b"\n") + 1
        if all_of_it or len(block) - end > LONGEST:
            end = len(block)
        self._told += end
        if end:
            self.lines(block[:end])

    def _rest_after(self, moved: int) -> None:
        """Let half a pipe gather before the next look, at most for REST.

        How fast it fills is not told by one small move between two large ones: the pace of the past
        counts for half as much each time.
        """
        now = time.monotonic()
        self._pace = max(moved / (now - self._moved_at), self._pace / 2)
        self._moved_at = now
        self.rest = min(REST, self._capacity / 2 / self._pace) if moved else 0.0

    def _refused(self, error: OSError) -> OutputError:
        what = ADVICE.get(error.errno or 0, "make it writable")
        return OutputError(
            f"cannot write the log {self.file}: {error.strerror}; {what}."
            " Nothing is lost: what the service prints waits in its pipe, and guardian tries again"
        )

    def __repr__(self) -> str:
        return f"<Channel {self.file}: {self._size} of {self.max_size} bytes, {self.keep} kept>"


def _seems_writable(file: str) -> bool:
    """Whether the log could probably be opened: an ordinary file, or none in a folder that takes one."""
    try:
        there = os.lstat(file)
    except FileNotFoundError:
        return os.access(os.path.dirname(file), os.W_OK | os.X_OK)
    return stat.S_ISREG(there.st_mode) and os.access(file, os.R_OK | os.W_OK)


def reserve(max_size: int) -> int:
    """Return how long a line may be, in bytes, that is never cut in two; `max_size` is that of a file."""
    return max(max_size // 8, min(RESERVE, max_size // 2))


def _opened(path: str) -> int:
    """Open the log `path`, made unless it is there; return the descriptor. Raises OSError."""
    try:
        fd = os.open(path, OPEN)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(path, OPEN | os.O_CREAT, 0o600)
    there = os.fstat(fd)
    if not stat.S_ISREG(there.st_mode) and not os.path.samestat(there, os.stat(os.devnull)):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no file")
    return fd
