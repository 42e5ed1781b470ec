"""Who started whom: pure questions about one snapshot.

A link from child to parent counts only when the parent is the older of the two: otherwise the
parent's pid has been given to somebody new since.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from guardian.procs.model import Proc, Snapshot


def parent(snapshot: Snapshot, proc: Proc) -> Proc | None:
    """Return the process that is its parent now: who started it, or who adopted it."""
    found = snapshot.procs.get(proc.ppid)
    return found if found is not None and found.start <= proc.start and found.pid != proc.pid else None


def ancestors(snapshot: Snapshot, proc: Proc) -> list[Proc]:
    """Return its parent, the parent's parent and so on up, nearest first."""
    result: list[Proc] = []
    seen = {proc.pid}
    above = parent(snapshot, proc)
    while above is not None and above.pid not in seen:
        seen.add(above.pid)
        result.append(above)
        above = parent(snapshot, above)
    return result


def descendants(snapshot: Snapshot, root: Proc, *, stop_at: Container[int] = ()) -> list[Proc]:
    """Return everybody below `root`, parents before children; pids in `stop_at` and theirs are left out."""
    result: list[Proc] = []
    seen = {root.pid}
    queue = [root]
    for above in queue:
        for child in snapshot.children.get(above.pid, ()):
            if child.pid not in seen and child.pid not in stop_at and child.start >= above.start:
                seen.add(child.pid)
                result.append(child)
                queue.append(child)
    return result


def is_orphan(snapshot: Snapshot, proc: Proc) -> bool:
    """Whether whoever started it is gone and somebody else has it now.

    Looking for parent 1 finds little on a modern Linux, where orphans go to the nearest
    subreaper (a systemd --user, a container's init, a terminal). But a session is inherited: a
    process whose session is neither its own nor its parent's was not started by that parent,
    unless the parent has left that session since: then the session is older than the parent.
    Of a session whose leader is gone nobody can tell the age: such a child counts as an orphan.

    A parent that is not to be seen (hidepid, another PID namespace: `docker exec`) proves nothing:
    a living process has always a living parent.
    """
    if proc.ppid == 1:
        return True
    above = parent(snapshot, proc)
    if above is None or proc.session in (proc.pid, above.session):
        return False
    leader = snapshot.procs.get(proc.session)  # the number stays the session's while it has members
    return leader is None or leader.start >= above.start


def in_foreground(proc: Proc) -> bool:
    """Whether a terminal has this process in its foreground: what a person types goes to it."""
    return proc.tty != 0 and proc.pgrp == proc.tpgid
