"""One file of a log, open for reading, and the way to its older and newer neighbours.

Files are recognised by their inode: their names change under the reader's hands.
"""

from __future__ import annotations

import os

from guardian.output.rotation import identities, numbered
from guardian.output.times import Stamps, times_folder
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 16  # bytes that are read at once
TRIES = 5  # for a file whose name changes while it is opened
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Source(Value):
    """One log: what `service` prints on `stream` is in `file`, and its times below `times`."""

    service: str
    stream: str  # stdout or stderr
    file: str
    times: str


class LogFile:
    """One file of a log; it stays the same file when it is rotated."""

    def __init__(self, fd: int, source: Source) -> None:
        there = os.fstat(fd)
        self.fd, self.source, self.inode, self.size = fd, source, there.st_ino, there.st_size
        folder = times_folder(source.times, source.file)
        self._stamps = Stamps(folder, there.st_ino, otherwise=there.st_mtime)

    def again(self) -> LogFile:
        """Return the same file with a descriptor of its own."""
        return LogFile(os.dup(self.fd), self.source)

    def time_of(self, offset: int, end: int) -> float:
        """Return when the byte at `offset` was moved; `end` is a size of the file, from before this call."""
        return self._stamps.at(offset, end)

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` bytes from `offset`; fewer only at the end."""
        return os.pread(self.fd, size, offset)

    def length(self) -> int:
        """Return its size now."""
        return os.fstat(self.fd).st_size

    def close(self) -> None:
        """Close it."""
        os.close(self.fd)
        self._stamps.close()


def newest(source: Source) -> LogFile | None:
    """Open the file that is written, or the newest there is (killed in a rotation); None without any."""
    try:
        opened = _open(source, 0, os.stat(source.file))  # without a look into the folder: it may be full
    except OSError:
        opened = None
    return opened or _end_of(source, 0)


def oldest(source: Source) -> LogFile | None:
    """Open the oldest file there is; None without any."""
    return _end_of(source, -1)


def _end_of(source: Source, end: int) -> LogFile | None:
    for _ in range(TRIES):
        states = list(identities(source.file))
        if not states:
            return None
        opened = _open(source, *states[end])
        if opened is not None:
            return opened
    return None


def older(file: LogFile) -> LogFile | None:
    """Open the file that was written before this one; None when there is none any more."""
    for _ in range(TRIES):
        states = list(identities(file.source.file))
        own = _place(states, file.inode)
        wanted = [each for each in states if own is not None and each[0] > own]
        if not wanted:
            return None
        opened = _open(file.source, *wanted[0])
        if opened is not None:
            return opened
    return None


def _place(states: list[tuple[int, os.stat_result]], inode: int) -> int | None:
    """Return the number of that file; the higher one when it was rotated while the list was made."""
    return max((number for number, state in states if state.st_ino == inode), default=None)


def _open(source: Source, number: int, state: os.stat_result) -> LogFile | None:
    """Open the file of that number; None when it is another one by now."""
    try:
        fd = os.open(numbered(source.file, number), FLAGS)
    except OSError:
        return None
    if os.path.samestat(os.fstat(fd), state):
        return LogFile(fd, source)
    os.close(fd)
    return None


class Place:
    """Where a follower of one log is: in which file, and which older ones it is done with."""

    def __init__(self, source: Source, file: LogFile | None) -> None:
        self.source, self.file = source, file
        self._done: set[tuple[int, int]] = set()
        self._leave_behind(list(identities(source.file)))

    def next(self) -> LogFile | None:
        """Return the file after this one, opened; None when this one is still written."""
        if self._is_last():  # nearly always
            return None
        for _ in range(TRIES):
            states = list(identities(self.source.file))
            following = self._following(states)
            if not following:
                return None
            opened = _open(self.source, *following[-1])
            if opened is not None:
                return opened
        return None

    def go_on(self, file: LogFile) -> None:
        """Be in `file` from now on."""
        if self.file is not None:
            self.file.close()
        self.file = file
        self._leave_behind(list(identities(self.source.file)))

    def _is_last(self) -> bool:
        try:
            return self.file is not None and os.lstat(self.source.file).st_ino == self.file.inode
        except OSError:
            return False

    def _following(self, states: list[tuple[int, os.stat_result]]) -> list[tuple[int, os.stat_result]]:
        """Return what came after this file, the newest first.

        When it is not there any more, removed or dropped: what this follower has not seen before.
        """
        own = _place(states, self.file.inode) if self.file is not None else None
        if own is not None and self.file is not None:
            return [(n, state) for n, state in states if n < own and state.st_ino != self.file.inode]
        return [(n, state) for n, state in states if _mark(state) not in self._done]

    def _leave_behind(self, states: list[tuple[int, os.stat_result]]) -> None:
        """Remember the files before this one by what does not change any more; an inode is used again."""
        own = _place(states, self.file.inode) if self.file is not None else None
        self._done = {_mark(state) for n, state in states if own is None or n > own}


def _mark(state: os.stat_result) -> tuple[int, int]:
    return state.st_ino, state.st_mtime_ns


def lines_backwards(file: LogFile, end: int) -> Iterator[tuple[int, bytes]]:
    """Return offset and bytes of each line before `end`, the last first, without their newlines.

    What stands behind the last newline is a line as well. Keeps a block and a line in memory.
    """
    start, rest = end, b""
    while start > 0:
        size = min(BLOCK, start)
        start -= size
        rest = file.read(start, size) + rest
        rest, *lines = rest.split(b"\n")
        at = start + len(rest) + sum(map(len, lines)) + len(lines)
        for line in reversed(lines):
            at -= len(line)
            if at < end or line:
                yield at, line
            at -= 1
    if end:
        yield 0, rest
