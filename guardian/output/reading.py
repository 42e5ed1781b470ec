"""Reading logs: the last lines, or what comes from now on, of several services at once.

A line's time is when guardian moved it (see times.py); lines are merged by it, and those of one
stream stay in their order.
"""

from __future__ import annotations

import heapq
from itertools import islice, takewhile

from guardian.output.levels import level_of
from guardian.output.logfile import LogFile, Place, Source, lines_backwards, newest, older, oldest
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Generator, Iterable, Iterator, Sequence

BOUND = 1 << 17  # bytes of one log that are read at once
LONGEST = 1 << 20  # bytes of a line that are waited for; tail() finds the ends of longer ones too


class LogLine(Value):
    """One line that a service printed."""

    service: str
    stream: str  # stdout or stderr
    at: float  # seconds since the epoch
    level: str  # trace, debug, info, warn, error or fatal
    text: str  # without its newline; bytes that are no UTF-8 as \\xNN, control characters as they came


def tail(
    sources: Sequence[Source],
    *,
    lines: int | None = None,
    since: float | None = None,
    grep: re.Pattern[str] | None = None,
) -> list[LogLine]:
    """Return the last lines of these logs, the oldest first.

    lines: how many, None means all; since: none before that time, seconds since the epoch; grep: only
    those in which the pattern is found. Reads from the end, no more than it needs, and keeps in memory
    what it returns: for all of a large log see `read`.
    """
    return _last([_all_backwards(source) for source in sources], lines, since, grep)


def read(sources: Sequence[Source], *, grep: re.Pattern[str] | None = None) -> Iterator[LogLine]:
    """Return all lines of these logs, the oldest first, a part of each in memory."""
    logs = [_forwards(source) for source in sources]
    return _matching(heapq.merge(*logs, key=lambda line: line.at), grep)


def _forwards(source: Source) -> Generator[LogLine]:
    stream = _Stream(source, oldest(source))
    try:
        while lines := stream.read(over=True):
            yield from lines
    finally:
        stream.close()


def _last(
    logs: list[Generator[LogLine]], lines: int | None, since: float | None, grep: re.Pattern[str] | None
) -> list[LogLine]:
    merged: Iterator[LogLine] = heapq.merge(*reversed(logs), key=lambda line: -line.at)
    if since is not None:
        merged = takewhile(lambda line: line.at >= since, merged)
    found = list(islice(_matching(merged, grep), lines))
    for log in logs:
        log.close()
    return found[::-1]


def _matching(lines: Iterable[LogLine], grep: re.Pattern[str] | None) -> Iterator[LogLine]:
    return (line for line in lines if grep is None or grep.search(line.text))


def _all_backwards(source: Source) -> Generator[LogLine]:
    file = newest(source)
    if file is not None:
        yield from _backwards(file, file.size)


def _backwards(file: LogFile, end: int) -> Generator[LogLine]:
    """Return the lines of a log, the newest first, from `end` of this file, which is closed."""
    following: LogFile | None = file
    while following is not None:
        file = following
        try:
            for offset, line in lines_backwards(file, end):
                yield _line(file, line, file.time_of(offset, end))
            following = older(file)
        finally:
            file.close()
        end = following.size if following is not None else 0


def _line(file: LogFile, line: bytes, at: float) -> LogLine:
    text = line.decode("utf-8", "backslashreplace")
    source = file.source
    return LogLine(source.service, source.stream, at, level_of(text, source.stream), text)


class Follower:
    """Gives the lines that come, and before them the last ones that are there already.

    lines, since and grep are those of `tail`; without the first two it begins with what comes.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        lines: int | None = 0,
        since: float | None = None,
        grep: re.Pattern[str] | None = None,
    ) -> None:
        self._grep = grep
        self._streams = [_from_now_on(source) for source in sources]
        wanted = lines != 0 or since is not None
        limit = None if lines == 0 else lines
        logs = [stream.before() for stream in self._streams] if wanted else []
        self._first = _last(logs, limit, since, grep)

    def new(self, *, over: bool = False) -> list[LogLine]:
        """Return what has come since the last call, about 256 KB of each log; empty: nothing more.

        Never half a line, unless `over` says that nothing more will be written.
        """
        first, self._first = self._first, []
        while not first:
            parts = [stream.read(over=over) for stream in self._streams]
            if not any(parts):
                break
            first = list(_matching(heapq.merge(*parts, key=lambda line: line.at), self._grep))
        return first

    def close(self) -> None:
        """Close all files."""
        for stream in self._streams:
            stream.close()


class _Stream:
    """Follows one log."""

    def __init__(self, source: Source, file: LogFile | None, *, offset: int = 0) -> None:
        self._place, self._offset = Place(source, file), offset

    def before(self) -> Generator[LogLine]:
        """Return the lines that were there at the beginning, the newest first."""
        if self._place.file is not None:
            yield from _backwards(self._place.file.again(), self._offset)

    def read(self, *, over: bool) -> list[LogLine]:
        """Return the next lines, about twice BOUND bytes at most, of this file and those that follow."""
        found: list[LogLine] = []
        left = BOUND
        while left > 0:
            following = self._place.next()  # first: when there is one, nothing is added to this one any more
            taken, lines = self._lines(rest=over or following is not None)
            found += lines
            left -= taken
            if taken and following is not None:
                following.close()  # there may be more in this one
            elif following is not None:
                self._place.go_on(following)
                self._offset = 0
            elif not taken:
                break
        return found

    def _lines(self, *, rest: bool) -> tuple[int, list[LogLine]]:
        """Return the next lines of this file and their bytes; with `rest` also the half one at its end."""
        file = self._place.file
        if file is None:
            return 0, []
        length = file.length()
        start = self._offset if self._offset <= length else 0  # it was cut: begin again
        block = file.read(start, BOUND)
        if len(block) == BOUND and b"\n" not in block:
            block = file.read(start, LONGEST)
        end = block.rfind(b"\n") + 1
        if not end and (rest or len(block) == LONGEST):
            end = len(block)
        self._offset = start + end
        return end, [_line(file, line, file.time_of(at, length)) for at, line in _split(block[:end], start)]

    def close(self) -> None:
        """Close the file."""
        if self._place.file is not None:
            self._place.file.close()


def _split(block: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Return offset and bytes of each line in `block`, which begins at `start`."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()  # the block ended with a newline, or is empty
    for line in lines:
        yield start, line
        start += len(line) + 1


def _from_now_on(source: Source) -> _Stream:
    file = newest(source)
    return _Stream(source, file, offset=_end_of_lines(file) if file is not None else 0)


def _end_of_lines(file: LogFile) -> int:
    """Return the offset behind the last newline, the file's end when a line is longer than LONGEST."""
    start = max(file.size - LONGEST, 0)
    found = file.read(start, file.size - start).rfind(b"\n")
    return start + found + 1 if found >= 0 or start == 0 else file.size
