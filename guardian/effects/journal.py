"""The journal: one JSON record a line, appended, 0600, rotated; what guardian did and why.

A full disk or a read-only home never stops the guard: it says once that it cannot write, and
goes on. Records are ASCII: whatever a process put into its name stays an escape here.
"""

from __future__ import annotations

import errno
import fcntl
import os

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FILE = "journal.jsonl"
MODE = 0o600


class Journal:
    """Appends records to `folder`/journal.jsonl; keeps `keep` older files of `max_size` bytes each."""

    def __init__(
        self,
        folder: str,
        *,
        max_size: int = 10 << 20,
        keep: int = 3,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = os.path.join(folder, FILE)
        self._max_size = max_size
        self._keep = keep
        self._complain = complain
        self._failed = False

    def write(self, *records: Mapping[str, object]) -> bool:
        """Append these records; when that fails complain once, until a write succeeds again."""
        import json  # late: `guardian run` writes only when it intervened

        lines = [json.dumps(each, ensure_ascii=True, separators=(",", ":")) + "\n" for each in records]
        try:
            self._append("".join(lines).encode("ascii"))
        except OSError as error:
            if not self._failed:
                self._complain(f"cannot write the journal {self.path}: {error.strerror}; going on without it")
            self._failed = True
            return False
        self._failed = False
        return True

    def _append(self, line: bytes) -> None:
        fd = self._locked()
        if 0 < os.fstat(fd).st_size > self._max_size - len(line):
            fd = self._rotated(fd)
        try:
            written = os.write(fd, line)
            if written < len(line):  # a full disk: half a line would spoil the next
                os.ftruncate(fd, os.fstat(fd).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)

    def _rotated(self, fd: int) -> int:
        """Rotate, and return the new file, locked."""
        try:
            self._rotate()
        finally:
            os.close(fd)
        return self._locked()

    def _locked(self) -> int:
        """Open the journal and lock it; again when somebody rotated it in between (flock(2))."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        while True:
            fd = os.open(self.path, flags, MODE)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(fd, self.path):
                return fd
            os.close(fd)

    def _rotate(self) -> None:
        """Move journal → .1 → .2 …; what is past `keep` goes."""
        for number in range(self._keep, 0, -1):
            older = f"{self.path}.{number}"
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            if os.path.exists(newer):
                os.replace(newer, older)
        if self._keep == 0:
            os.unlink(self.path)

    def read(self) -> Iterator[dict[str, object]]:
        """Return the records, the newest first; torn lines are passed over. No journal: none."""
        import json  # late, as above

        for path in (self.path, *(f"{self.path}.{n}" for n in range(1, self._keep + 1))):
            for line in reversed(_lines(path)):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record


def _is_at(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


class Recorder(Value):
    """Puts the same stamp on every record of one guard: who wrote it."""

    journal: Journal
    by: str  # cleanup, monitor, run, daemon
    pid: int

    def record(self, event: str, at: float, **fields: object) -> None:
        """Write one event; `at` is seconds since the epoch."""
        self.record_all(event, at, [fields])

    def record_all(self, event: str, at: float, records: Iterable[Mapping[str, object]]) -> None:
        """Write several events of one kind and moment at once."""
        stamp = {"event": event, "at": round(at, 3), "by": self.by, "pid": self.pid}
        self.journal.write(*({**stamp, **fields} for fields in records))
