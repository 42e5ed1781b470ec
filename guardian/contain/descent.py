"""The tree below some processes, read from /proc/PID/task/TID/children (proc(5)).

461 processes take 3.9 ms that way, where a pass over all of /proc grows with the machine. The
list is racy while processes fork and die, so whoever must not miss anybody looks again until
nothing new appears.
"""

from __future__ import annotations

import os

from guardian.procs.linux import STAT_SIZE, living_thread, only_gone, parse_stat, read_file, read_stat
from guardian.procs.model import Proc, ProcId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

CHILDREN_SIZE = 1 << 16  # of one read; a file that is longer is read on


def look(pid: int) -> Proc | None:
    """Return what one look at a process shows; None when it has gone, SeeError when that cannot be told."""
    line = _stat(pid)
    return _parsed(pid, line) if line else None


def _parsed(pid: int, line: bytes) -> Proc | None:
    """Return what a line of stat says, and of whom only threads live what they say; None for a torn one."""
    try:
        proc = Proc(*parse_stat(pid, line)[0])
    except (ValueError, IndexError):
        return None
    if proc.state != "Z" or proc.threads <= 1:
        return proc
    thread = living_thread(f"/proc/{pid}")  # the first has ended, others have the memory
    living = read_stat(thread, pid)
    return proc if living is None else proc.replace(rss=living[0][-2])


def identify(pid: int) -> ProcId | None:
    """Return who has this pid at this moment."""
    seen = read_stat(f"/proc/{pid}", pid)
    return None if seen is None else ProcId(pid, seen[0][1])


def whole(path: str) -> bytes:
    """Read a file to its end; empty when its process has gone, SeeError when that cannot be told."""
    parts = []
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while part := os.read(fd, CHILDREN_SIZE):
                parts.append(part)
        finally:
            os.close(fd)
    except OSError as error:
        only_gone(error)
    return b"".join(parts)


def children(pid: int) -> list[int]:
    """Return the pids of a process's children, zombies included; empty when it has gone."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError as error:
        only_gone(error)
        return []
    return [int(each) for tid in threads for each in whole(f"/proc/{pid}/task/{tid}/children").split()]


def below(roots: Iterable[int], *, without: Container[int] = ()) -> list[int]:
    """Return everybody below the roots, parents first; those in `without` and theirs are left out."""
    found: dict[int, None] = {}
    queue = list(roots)
    for above in queue:
        for child in children(above):
            if child not in found and child not in without:
                found[child] = None
                queue.append(child)
    return list(found)


class Looker:
    """Looks at the same processes again and again: who says what it said before is not parsed again.

    A third of a look at sleepers is saved so.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[bytes, Proc]] = {}

    def looks(self, pids: Iterable[int]) -> list[Proc]:
        """Return what one look at each of the processes shows; those that have gone are left out."""
        before, self._kept = self._kept, {}
        for pid in pids:
            line = _stat(pid)
            known = before.get(pid)
            if known is not None and known[0] == line and known[1].state != "Z":
                self._kept[pid] = known
            elif line and (proc := _parsed(pid, line)) is not None:
                self._kept[pid] = line, proc
        return [proc for _, proc in self._kept.values()]


def _stat(pid: int) -> bytes:
    """Return the line of stat; empty when its process has gone, SeeError when that cannot be told."""
    try:
        return read_file(f"/proc/{pid}/stat", STAT_SIZE)
    except OSError as error:
        only_gone(error)
        return b""
