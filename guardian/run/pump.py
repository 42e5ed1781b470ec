"""Counting what the command writes: only with --max-output do its stdout and stderr pass through guardian.

The sentinel hands the command a pipe, or a terminal of its own where it had one, and a thread
copies from there to where it was meant to go. A thread, because the reader at the other end may
take its time: the sentinel must not wait for it, and must not make a shared descriptor
non-blocking behind others' backs.
"""

from __future__ import annotations

import _thread
import os

from guardian.run.posture import is_ours

CHUNK = 1 << 16
TAIL = 4096  # bytes of the end that are kept for the receipt
LINES = 10  # of it that are shown there


class Stream:
    """One way out, for stdout, stderr or both."""

    def __init__(self, targets: tuple[int, ...]) -> None:
        self.targets = targets  # descriptors of the command that lead here; the first is where it goes
        self._terminal = os.isatty(targets[0])
        ends = _terminal_like(targets[0]) if self._terminal else os.pipe()
        self.reading, self.writing = ends

    def chunk(self) -> bytes:
        """Return what was written next; empty at the end."""
        try:
            return os.read(self.reading, CHUNK)
        except OSError:
            return b""  # EIO: the last process with that terminal has closed it (pty(7))

    def deliver(self, data: bytes) -> bool:
        """Write it where it was meant to go, however long that takes; False when nobody reads any more."""
        try:
            while data:
                data = data[os.write(self.targets[0], data) :]
        except OSError:
            return False
        if self._terminal:
            _copy_size(self.targets[0], self.reading)
        return True


def _terminal_like(fd: int) -> tuple[int, int]:
    """Return the two ends of a new terminal of the same size that changes no byte (termios(3), cfmakeraw)."""
    import tty  # late: for those who count the output of a terminal only

    reading, writing = os.openpty()
    tty.setraw(writing)
    _copy_size(fd, reading)
    return reading, writing


def _copy_size(source: int, target: int) -> None:
    """Give one terminal the size of another; no terminal any more is no error."""
    import fcntl
    import termios

    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))
        if size != fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8)):
            fcntl.ioctl(target, termios.TIOCSWINSZ, size)
    except OSError:
        pass


def _ways_out() -> list[tuple[int, ...]]:
    """Return stdout and stderr, as one where both lead to the same place: so their order is kept.

    Not one that is closed: the command finds it closed.
    """
    seen = {fd: os.fstat(fd) for fd in (1, 2) if not is_ours(fd)}
    if len(seen) == 2 and os.path.samestat(seen[1], seen[2]):
        return [(1, 2)]
    return [(fd,) for fd in seen]


class Pump:
    """Copies what the command writes, up to a limit; what comes after it is swallowed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streams = [Stream(targets) for targets in _ways_out()]
        self._left = len(self._streams)  # threads that still copy
        self._lock = _thread.allocate_lock()
        self._tail = b""
        self.count = 0  # bytes written by the command
        self.news, self._tell = os.pipe()  # a byte: the limit is passed, or all is over

    def outputs(self) -> dict[int, int]:
        """Return which descriptors the command is to have instead of its own."""
        return {target: stream.writing for stream in self._streams for target in stream.targets}

    def start(self) -> None:
        """Begin to copy, in the parent, once the command has its ends."""
        for stream in self._streams:
            os.close(stream.writing)
            _thread.start_new_thread(self._copy, (stream,))

    def _copy(self, stream: Stream) -> None:
        reads_on = True
        while reads_on and (data := stream.chunk()):
            room = self._counted(data)
            if room > 0:
                reads_on = stream.deliver(data[:room])
        os.close(stream.reading)  # if nobody read any more, the next write of the command fails
        with self._lock:
            self._left -= 1
        os.write(self._tell, b".")

    def _counted(self, data: bytes) -> int:
        """Take some output in; return how much of it is within the limit."""
        with self._lock:
            room = self._limit - self.count
            self.count += len(data)
            self._tail = (self._tail + data)[-TAIL:]
        if 0 <= room < len(data):
            os.write(self._tell, b"!")
        return room

    def hear(self) -> None:
        """Take the news in."""
        os.read(self.news, CHUNK)

    @property
    def finished(self) -> bool:
        """Whether everything that was written has been delivered."""
        return self._left == 0

    def tail(self) -> tuple[str, ...]:
        """Return the last lines that were written."""
        with self._lock:
            text = self._tail.decode("utf-8", "replace")
        return tuple(text.splitlines()[-LINES:])
