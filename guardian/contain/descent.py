"""The tree below some processes, read from /proc/PID/task/TID/children (proc(5)).

461 processes take 3.9 ms that way, where a pass over all of /proc grows with the machine. The
list is racy while processes fork and die, so whoever must not miss anybody looks again until
nothing new appears.
"""

from __future__ import annotations

import os

from guardian.procs.linux import living_thread, only_gone, read_stat
from guardian.procs.model import Proc, ProcId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

CHILDREN_SIZE = 1 << 16  # of one read; a file that is longer is read on


def look(pid: int) -> Proc | None:
    """Return what one look at a process shows; None when it has gone, SeeError when that cannot be told."""
    folder = f"/proc/{pid}"
    seen = read_stat(folder, pid)
    if seen is None:
        return None
    proc = Proc(*seen[0])
    if proc.state != "Z" or proc.threads <= 1:
        return proc
    living = read_stat(living_thread(folder), pid)  # the first thread has ended, others have the memory
    return proc if living is None else proc.replace(rss=living[0][-2])


def identify(pid: int) -> ProcId | None:
    """Return who has this pid at this moment."""
    proc = look(pid)
    return proc.id if proc is not None else None


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


def looks(pids: Iterable[int]) -> list[Proc]:
    """Return what one look at each of the processes shows; those that have gone are left out."""
    return [proc for proc in map(look, pids) if proc is not None]
