"""When each part of a log was written: a small file beside, in a folder of guardian's own.

    TIMES/web.log-1a2b3c4d/88123    for the file of inode 88123, whatever it is called after a rotation

It holds records of 16 bytes: an offset, and the time (seconds since the epoch) at which guardian
moved what stands from there on. A line's time is that of the last record at or before its first byte.
The record is written before the bytes are moved, and once more when it turns out that they were not.
"""

from __future__ import annotations

import os
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

RECORD = struct.Struct("<Qd")
SIZE = RECORD.size
APART = 0.01  # seconds between two records, at least
BLOCK = 256  # records that a reader keeps in memory


def times_folder(times: str, file: str) -> str:
    """Return where the times of the log `file` and its rotated ones are."""
    path = os.path.abspath(file)
    key = zlib.crc32(os.fsencode(path))
    return os.path.join(times, f"{os.path.basename(path)[:100]}-{key:08x}")


def times_path(folder: str, inode: int) -> str:
    """Return the path of the times of one file."""
    return os.path.join(folder, str(inode))


def forget(folder: str, living: Callable[[], Collection[int]]) -> None:
    """Remove the times of the files that are gone; `living` returns the inodes of those that are not.

    It is asked only when there are times of more than one file, which a new service has not.
    """
    try:
        entries = [entry for entry in os.listdir(folder) if entry.isdecimal()]
        kept = {str(inode) for inode in living()} if len(entries) > 1 else set(entries)
        for entry in entries:
            if entry not in kept:
                os.unlink(os.path.join(folder, entry))
    except OSError:
        pass  # times are a help, never worth a fault


class Times:
    """Writes the times of one log file. What cannot be written is left out: lines get the time before."""

    def __init__(self, folder: str, inode: int) -> None:
        self._fd, self._count, self._last = -1, 0, (-1, 0.0)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._fd = os.open(times_path(folder, inode), flags, 0o600)
            self._count = os.fstat(self._fd).st_size // SIZE
            self._recall()
        except OSError:
            pass

    @property
    def size(self) -> int:
        """Bytes on disk, and those of the next record."""
        return (self._count + 1) * SIZE

    def note(self, offset: int, at: float) -> None:
        """Record that what follows `offset` is moved at `at`, unless the last record says nearly so."""
        last_offset, last_at = self._last
        if self._count and 0 <= at - last_at < APART and last_offset <= offset:
            return
        index = self._count - 1 if self._count and last_offset == offset else self._count
        try:
            written = os.pwrite(self._fd, RECORD.pack(offset, at), index * SIZE)
        except OSError:
            return
        if written == SIZE:
            self._count, self._last = index + 1, (offset, at)

    def cut(self, size: int) -> None:
        """Forget what was recorded from `size` on: the log was cut there, or is new under an old inode."""
        try:
            while self._count and self._last[0] >= size:
                self._count -= 1
                self._recall()
            os.ftruncate(self._fd, self._count * SIZE)
        except OSError:
            pass

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _recall(self) -> None:
        found = os.pread(self._fd, SIZE, (self._count - 1) * SIZE) if self._count else b""
        self._last = RECORD.unpack(found) if len(found) == SIZE else (-1, 0.0)


class Stamps:
    """Reads the times of one log file, quickly for offsets that follow each other either way."""

    def __init__(self, folder: str, inode: int, *, otherwise: float) -> None:
        self._otherwise = otherwise  # for a log without times
        self._block, self._records = -1, b""
        self._index, self._from, self._to, self._at = -1, 0, -1, otherwise
        self._path, self._fd = times_path(folder, inode), -1

    def at(self, offset: int, end: int) -> float:
        """Return when the byte at `offset` was moved, seconds since the epoch.

        `end` is a size that the log had before this call: what comes later may have records to come.
        """
        if not self._from <= offset < self._to:
            self._look_up(offset, end)
        return self._at

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _look_up(self, offset: int, end: int) -> None:
        """Find the record that counts, and where the next one begins."""
        count = self._available()
        self._block = -1  # its last records may have been written since
        index = self._search(offset, count)
        record = self._record(max(index, 0)) if count else None
        self._index = index
        self._at = record[1] if record else self._otherwise
        self._from = record[0] if record and index >= 0 else 0
        following = self._record(index + 1) if index + 1 < count else None
        self._to = following[0] if following else end

    def _available(self) -> int:
        """Return how many records there are; a new log has none for a moment."""
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            return os.fstat(self._fd).st_size // SIZE
        except OSError:
            return 0

    def _search(self, offset: int, count: int) -> int:
        """Return the last record at or before `offset`, -1 when all are later; first near the last one."""
        low, high = 0, count
        for near in (self._index - 1, self._index + 1):
            if 0 <= near < count and self._begins(near) <= offset:
                low = near + 1
            elif 0 <= near < count:
                high = near
                break
        while low < high:
            middle = (low + high) // 2
            if self._begins(middle) <= offset:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _begins(self, index: int) -> int:
        record = self._record(index)
        return record[0] if record else 1 << 63  # cut off in the meantime

    def _record(self, index: int) -> tuple[int, float] | None:
        block, place = divmod(index, BLOCK)
        if block != self._block:
            self._records = os.pread(self._fd, BLOCK * SIZE, block * BLOCK * SIZE)
            self._block = block
        found = self._records[place * SIZE : (place + 1) * SIZE]
        return RECORD.unpack(found) if len(found) == SIZE else None
