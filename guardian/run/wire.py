"""What the two guardian processes tell each other: short lines over two pipes.

Front → sentinel   signal N     a signal for the command
Sentinel → front   stop N       the command was stopped by signal N: stop as well, so that the shell sees it
                   until T      at T (monotonic) at the latest there is news, or the sentinel is stuck
                   ending 0     the command has ended, or is being ended: stand where ^C is heard

A pipe that is closed says that the other is gone.
"""

from __future__ import annotations

import os

LINE_LIMIT = 4096


def above_standard(fd: int) -> int:
    """Move a descriptor above 2: who was started without stdin must not find a pipe of ours there."""
    if fd > 2:
        return fd
    import fcntl  # late: only for those who were started with closed descriptors

    moved = int(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))
    os.close(fd)
    return moved


def pipe() -> tuple[int, int]:
    """Return a close-on-exec pipe whose ends never block."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


class Wire:
    """One end of the line between the two."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self._writing = reading, writing
        self.closed = False  # the other end has gone
        self._rest = b""

    def say(self, *words: object) -> None:
        """Send one line; nobody there, or nobody reading, is noticed elsewhere."""
        try:
            os.write(self._writing, " ".join(map(str, words)).encode("ascii") + b"\n")
        except (BrokenPipeError, BlockingIOError):
            pass

    def heard(self) -> list[tuple[str, ...]]:
        """Return the lines that have come since the last call, in words; never waits."""
        try:
            while part := os.read(self.reading, LINE_LIMIT):
                self._rest += part
            self.closed = True
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        return [tuple(line.decode("ascii").split()) for line in lines]

    def close(self) -> None:
        """Let go of both pipes."""
        os.close(self.reading)
        os.close(self._writing)


def line_pair() -> tuple[Wire, Wire]:
    """Return the two ends of a line."""
    down_read, down_write = pipe()
    up_read, up_write = pipe()
    return Wire(up_read, down_write), Wire(down_read, up_write)


class Alarmed:
    """Signals as bytes that poll(2) sees: for each that came one with its number (signal.set_wakeup_fd)."""

    def __init__(self, numbers: frozenset[int]) -> None:
        from guardian.contain.rawsignal import signal

        self.reading, writing = pipe()
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _noted)

    def came(self) -> bytes:
        """Return the numbers of the signals that came since the last call; never waits."""
        try:
            return os.read(self.reading, LINE_LIMIT)
        except BlockingIOError:
            return b""


def _noted(_number: int, _frame: object) -> None:
    """Do nothing: the byte in the pipe is the news."""
