"""Launches of a rule that nobody started through guardian: they count at the gate all the same."""

from __future__ import annotations

import os

from guardian.contain.mark import is_kept
from guardian.policy.launch import launches, matching
from guardian.procs import tree
from guardian.procs.model import Wants
from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardian.gate.places import Place
    from guardian.policy.limits import Rule
    from guardian.procs.model import ProcId, Snapshot


def strangers_of(rule: Rule) -> Callable[[tuple[Place, ...]], tuple[ProcId, ...]]:
    """Return what finds this user's launches of a rule, but for ours and those at the given places."""

    def see(places: tuple[Place, ...]) -> tuple[ProcId, ...]:
        table = system_table()
        snapshot = table.take()
        matched = {pid: rule for pid, rule in matching(snapshot, (rule,)).items() if not is_kept(pid)}
        snapshot = table.closer(snapshot, Wants(owner=frozenset(matched)))
        spared = _known(snapshot, (place.who for place in places))
        found = launches(snapshot, matched, spared)
        return tuple(each.id for each in found if each.root.uid == os.getuid())

    return see


def _known(snapshot: Snapshot, guardians: Iterable[ProcId]) -> frozenset[int]:
    """Return the pids of this process, its ancestors, and the guardians with everybody below them."""
    roots = [proc for who in guardians if (proc := snapshot.get(who)) is not None]
    below = [proc.pid for root in roots for proc in tree.descendants(snapshot, root)]
    me = snapshot.procs.get(os.getpid())
    above = [proc.pid for proc in tree.ancestors(snapshot, me)] if me is not None else []
    return frozenset([os.getpid(), *above, *below, *(root.pid for root in roots)])
