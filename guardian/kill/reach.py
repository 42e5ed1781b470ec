"""Who belongs to a tree that is being ended, although its links may be broken by now. Pure.

A parent that has died takes the link to its children along, so whoever was once a member stays
one, and its descendants are. Orphans and newcomers are known by the session or process group
that a member leads: groups are inherited, and their number stays taken as long as anybody is in
them (setpgid(2)). Others in such a group are none of the tree: of `bun test | tee log`, tee is
in the group that bun leads.
"""

from __future__ import annotations

from guardian.procs import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Set

    from guardian.procs.model import Proc, ProcId, Snapshot


def led_groups(members: Iterable[Proc]) -> frozenset[int]:
    """Return the sessions and process groups that one of these very processes leads."""
    members = list(members)
    leaders = {proc.pid for proc in members}
    return frozenset(g for proc in members for g in (proc.pgrp, proc.session) if g in leaders)


def reach(
    snapshot: Snapshot,
    known: Iterable[ProcId],
    groups: Set[int],
    spared: Container[int],
    *,
    since: float,
) -> dict[ProcId, Proc]:
    """Return the living members: of those known before, theirs below, and the kin in `groups`.

    `groups` are those that members led at the last look, and no other: an emptied group's number
    may be a stranger's by the next. `since` is when the end began, in ticks of the start times.
    """
    found: dict[ProcId, Proc] = {}
    living = [proc for who in known if (proc := snapshot.get(who)) is not None]
    kin = [
        proc
        for proc in snapshot
        if (proc.pgrp in groups or proc.session in groups)
        and (proc.start > since or tree.is_orphan(snapshot, proc))
    ]
    for proc in (*living, *kin):
        if proc.pid in spared or proc.id in found:
            continue
        found[proc.id] = proc
        found |= {below.id: below for below in tree.descendants(snapshot, proc, stop_at=spared)}
    return {who: proc for who, proc in found.items() if not proc.gone}
