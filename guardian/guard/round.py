"""One round: see, decide, act. Cleanup, monitor and status are this round with different ends."""

from __future__ import annotations

import os

from guardian.actions import Kind, Outcome, Reason, Sent
from guardian.effects.perform import reconcile
from guardian.guard.docket import Docket, Progress, advance
from guardian.kill.escalate import open_case
from guardian.kill.spare import spared
from guardian.policy.launch import Launch, launches, matching, may_judge
from guardian.policy.mind import (
    CONFIRMATIONS,
    Breach,
    Verdict,
    Watch,
    judge,
    too_busy_now,
    too_large_at_first_sight,
    watch,
)
from guardian.procs.model import ProcId, Snapshot, Wants
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.guard.docket import Dossier
    from guardian.guard.world import World
    from guardian.kill.escalate import Case
    from guardian.policy.limits import Rule
    from guardian.procs.match import Selector

AGAIN = 0.1  # seconds until a signal that failed is tried again
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another when read aloud


class Charter(Value):
    """What a guard is told to do: the rules, whom they protect, and how far it may go."""

    rules: tuple[Rule, ...]
    only: str = ""  # the one rule that is judged; the others still claim what they match first
    protected: tuple[Selector, ...] = ()
    everything: bool = False  # end every match, breach or not (cleanup --all)
    force: bool = False  # SIGKILL at once
    confirmations: int = CONFIRMATIONS  # looks that must find too much memory


class State(Value):
    """What one round leaves to the next."""

    memory: Mapping[ProcId, Watch] = {}
    docket: Docket = Docket()
    outcomes: tuple[Outcome, ...] = ()
    resigned: frozenset[ProcId] = frozenset()  # tops of trees that could not be ended: not tried again


class Sight(Value):
    """One look, understood: the launches of all rules, and who is spared."""

    snapshot: Snapshot
    spared: Mapping[int, str]
    launches: tuple[Launch, ...]
    watches: Mapping[ProcId, Watch]


class Round(Value):
    """What a round saw, decided and did."""

    state: State
    sight: Sight
    breaches: tuple[Breach, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    closed: tuple[tuple[Case, Dossier], ...] = ()
    due: float | None = None  # monotonic seconds; None: nothing asks for another look


def see(world: World, charter: Charter, memory: Mapping[ProcId, Watch]) -> Sight:
    """Look once at all, and closer at the few whose verdict needs it."""
    snapshot = world.table.take()
    found = matching(snapshot, charter.rules)
    if charter.only:
        found = {pid: rule for pid, rule in found.items() if rule.name == charter.only}
    snapshot = world.table.closer(snapshot, Wants(owner=frozenset(found)))
    matched = {pid: rule for pid, rule in found.items() if _ours(world, snapshot, pid, rule)}
    matched = {pid: rule for pid, rule in matched.items() if not world.is_kept(pid)}
    safe = spared(snapshot, world.me, charter.protected)
    trees = launches(snapshot, matched, safe)
    watches = {tree.id: watch(memory.get(tree.id), tree, snapshot) for tree in trees}
    wants = _suspicions(trees, memory, watches)
    if wants:
        snapshot = world.table.closer(snapshot, wants)
        trees = launches(snapshot, matched, safe)
    return Sight(snapshot, safe, trees, watches)


def _ours(world: World, snapshot: Snapshot, pid: int, rule: Rule) -> bool:
    proc = snapshot.procs[pid]
    user = world.user_name(proc.uid) if rule.users and proc.uid >= 0 else ""
    return may_judge(rule, proc, uid=world.me.uid, user=user)


def _suspicions(
    trees: tuple[Launch, ...], before: Mapping[ProcId, Watch], after: Mapping[ProcId, Watch]
) -> Wants:
    """Return whose memory and whose reads and writes have to be looked at before a verdict."""
    large = [tree for tree in trees if too_large_at_first_sight(tree)]
    busy = [tree for tree in trees if too_busy_now(before.get(tree.id), after[tree.id], tree)]
    return Wants(
        pss=frozenset(proc.pid for tree in large for proc in tree.members),
        io=frozenset(proc.pid for tree in busy for proc in tree.members),
    )


def verdict(charter: Charter, sight: Sight, *, condemned: frozenset[ProcId] = frozenset()) -> Verdict:
    """Judge what was seen; with `everything` every launch goes."""
    found = judge(
        sight.watches,
        sight.launches,
        sight.snapshot.at,
        condemned=condemned,
        confirmations=charter.confirmations,
        slept=sight.snapshot.suspended,
    )
    if not charter.everything:
        return found
    standing = [launch for launch in sight.launches if launch.id not in condemned]
    breaches = tuple(Breach(launch, Reason(launch.rule.name, Kind.ASKED)) for launch in standing)
    return found.replace(breaches=breaches, due=None)


def play(world: World, charter: Charter, state: State, *, judging: bool = True) -> Round:
    """Play one round; without `judging` only what is under way is brought to its end."""
    sight = see(world, charter, state.memory)
    found = Verdict(sight.watches, (), None)
    if judging:
        found = verdict(charter, sight, condemned=state.docket.condemned | state.resigned)
    progress = advance(
        opened(state.docket, found.breaches, sight.snapshot, force=charter.force),
        sight.snapshot,
        state.outcomes,
        spared=sight.spared,
        session=world.me.session,
    )
    outcomes = tuple(world.perform(action) for action in reconcile(progress.sends))
    failed = any(outcome.result is Sent.FAILED for outcome in outcomes)
    retry = sight.snapshot.at + AGAIN if failed else None
    wishes = [wish for wish in (found.due, progress.due, retry) if wish is not None]
    return Round(
        State(found.memory, progress.docket, outcomes, _resigned(state, progress, sight.snapshot)),
        sight,
        found.breaches,
        outcomes,
        progress.closed,
        min(wishes, default=None),
    )


def _resigned(state: State, progress: Progress, snapshot: Snapshot) -> frozenset[ProcId]:
    """Return the tops of trees with survivors, as long as they live."""
    new = {dossier.root.id for case, dossier in progress.closed if case.survivors}
    return frozenset(who for who in state.resigned | new if snapshot.get(who) is not None)


def opened(docket: Docket, breaches: tuple[Breach, ...], snapshot: Snapshot, *, force: bool) -> Docket:
    """Return the docket with a case for every breach."""
    for breach in breaches:
        limits = breach.launch.rule.limits
        case = open_case(new_name(docket), breach.reason, now=snapshot.at, grace=limits.grace, force=force)
        docket = docket.opened(case, breach.launch, snapshot)
    return docket


def new_name(docket: Docket) -> str:
    """Return a short name for a case that none of the open ones has."""
    while True:
        name = "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(4))
        if name not in docket.cases:
            return name
