"""Judging launches by the limits of their rules. Pure: (memory, launches, now) → (memory, breaches, due).

The memory is what earlier looks left: CPU used so far, since when a tree spins, how often its
memory was found too large. Without a memory (`status`, the first look) nothing is judged that
needs more than one look.
"""

from __future__ import annotations

from guardian.actions import Kind, Reason
from guardian.policy.busy import Mark, Streak, follow, over, part, sustained
from guardian.policy.launch import Launch
from guardian.procs.model import TICKS, Proc, ProcId, Snapshot
from guardian.procs.rates import cpu_between
from guardian.units import exact_duration
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

CONFIRMATIONS = 2  # looks in a row that must find the memory, shared pages once, over the limit
CONFIRM_AFTER = 0.1  # seconds between them


class Watch(Value):
    """What is remembered of one launch from look to look."""

    at: float  # when it was looked at last, monotonic seconds
    born: float  # the same moment on the clock of start times, in its ticks
    members: Mapping[ProcId, Proc]  # the unreaped dead among them
    cpu: float = 0.0  # seconds used since it was first seen
    slept: float = 0.0  # seconds that the machine had slept when it was first seen
    streak: Streak | None = None  # since when it is over its CPU limit
    too_large: int = 0  # looks in a row that found its memory over the limit
    rss: int = 0
    growth: float = 0.0  # bytes a second, the fastest seen lately


class Breach(Value):
    """A launch that has to go, and why."""

    launch: Launch
    reason: Reason


class Verdict(Value):
    """What one look leads to: the memory for the next, who has to go, when to look again at the latest."""

    memory: Mapping[ProcId, Watch]
    breaches: tuple[Breach, ...]
    due: float | None  # None: nothing asks for a sooner look than the usual one


def watch(before: Watch | None, launch: Launch, snapshot: Snapshot) -> Watch:
    """Return what is to be remembered of a launch after this look, but for the verdicts themselves."""
    now, born = snapshot.at, snapshot.taken * TICKS
    members = {proc.id: proc for proc in (*launch.members, *launch.unreaped)}
    if before is None:
        return Watch(now, born, members, slept=snapshot.suspended, rss=launch.rss)
    elapsed = now - before.at
    growth = max(0.0, (launch.rss - before.rss) / elapsed) if elapsed > 0 else 0.0
    return before.replace(
        at=now,
        born=born,
        members=members,
        cpu=before.cpu + cpu_between(before.members, members, since=before.born),
        rss=launch.rss,
        growth=max(growth, before.growth / 2),
    )


def too_busy_now(before: Watch | None, after: Watch, launch: Launch) -> bool:
    """Whether it is worth asking what this tree reads and writes: it used too much CPU lately."""
    limits = launch.rule.limits
    if before is None or limits.max_cpu <= 0 or limits.cpu_when == "always":
        return False
    return over(limits, Mark(before.at, before.cpu), Mark(after.at, after.cpu))


def too_large_at_first_sight(launch: Launch) -> bool:
    """Whether the sum of RSS, an upper bound, is over the limit, so that PSS has to be asked for."""
    return 0 < launch.rule.limits.max_memory < launch.rss


def judge(
    memory: Mapping[ProcId, Watch],
    launches: Iterable[Launch],
    now: float,
    *,
    condemned: Set[ProcId] = frozenset(),
    confirmations: int = CONFIRMATIONS,
    slept: float = 0.0,
) -> Verdict:
    """Judge the launches by their watches in `memory` (as `watch` returned them for this very look).

    `condemned` are launches that are being ended already: they are no breach again, and do not
    count against max_concurrent. `slept` is the snapshot's time in suspend.
    """
    standing = [launch for launch in launches if launch.id not in condemned]
    after: dict[ProcId, Watch] = {}
    breaches: list[Breach] = []
    due: list[float] = []
    for launch in standing:
        seen = after[launch.id] = _judged_watch(memory[launch.id], launch)
        reason = _reason(seen, launch, confirmations=confirmations, slept=slept)
        if reason is not None:
            breaches.append(Breach(launch, reason))
        due += _due(seen, launch, now, slept=slept, pending=0 < seen.too_large < confirmations)
    breaches += too_many(standing, {breach.launch.id for breach in breaches})
    return Verdict(after, tuple(breaches), min(due) if due else None)


def _judged_watch(seen: Watch, launch: Launch) -> Watch:
    """Take this look into the streak and into the count of looks that found too much memory."""
    limits = launch.rule.limits
    large = too_large_at_first_sight(launch) and launch.pss > limits.max_memory
    mark = Mark(seen.at, seen.cpu, launch.io)
    return seen.replace(
        too_large=seen.too_large + 1 if large else 0,
        streak=follow(limits, seen.streak, mark),
    )


def _reason(seen: Watch, launch: Launch, *, confirmations: int, slept: float) -> Reason | None:
    """Return why this launch has to go on its own account, None when it need not."""
    rule, limits = launch.rule, launch.rule.limits
    if seen.too_large >= confirmations:
        note = "" if launch.looked_at else "resident, shared pages counted more than once"
        return Reason(rule.name, Kind.MEMORY, launch.pss, limits.max_memory, note)
    if seen.streak is not None and sustained(limits, seen.streak):
        idle = "nothing read or written meanwhile" if limits.cpu_when == "spinning" else ""
        note = f"over {exact_duration(limits.cpu_window)}" + (f", {idle}" if idle else "")
        return Reason(rule.name, Kind.CPU, seen.streak.percent, limits.max_cpu, note)
    age = awake_age(seen, launch, slept=slept)
    if 0 < limits.timeout < age and not (limits.spare_foreground and launch.foreground):
        return Reason(rule.name, Kind.AGE, age, limits.timeout)
    return None


def awake_age(seen: Watch, launch: Launch, *, slept: float) -> float:
    """Return the launch's age without the time that the machine slept while guardian knew it."""
    return launch.age - max(0.0, slept - seen.slept)


def _due(seen: Watch, launch: Launch, now: float, *, slept: float, pending: bool) -> list[float]:
    """Return the moments at which this launch has to be looked at again."""
    limits = launch.rule.limits
    moments = [now + CONFIRM_AFTER] if pending else []
    left = limits.timeout - awake_age(seen, launch, slept=slept)
    if limits.timeout > 0 and left > 0:
        moments.append(now + left)
    if seen.streak is not None and seen.streak.seconds > 0:
        moments.append(seen.streak.last.at + part(limits))
    if limits.max_memory > launch.rss and seen.growth > 0:
        moments.append(now + (limits.max_memory - launch.rss) / seen.growth)
    return moments


def too_many(launches: Iterable[Launch], going: Set[ProcId]) -> list[Breach]:
    """Return who goes because a rule has more launches than it may; those in `going` go anyway."""
    by_rule: dict[str, list[Launch]] = {}
    for launch in launches:
        if launch.id not in going:
            by_rule.setdefault(launch.rule.name, []).append(launch)
    result = []
    for crowd in by_rule.values():
        rule = crowd[0].rule
        excess = len(crowd) - rule.limits.max_concurrent
        if rule.limits.max_concurrent > 0 and excess > 0:
            reason = Reason(rule.name, Kind.COUNT, len(crowd), rule.limits.max_concurrent)
            result += [Breach(launch, reason) for launch in victims(crowd)[:excess]]
    return result


def victims(crowd: Iterable[Launch]) -> list[Launch]:
    """Return launches of one rule in the order in which they go: orphans first, then as the rule says."""

    def order(launch: Launch) -> tuple[bool, float]:
        by = {"oldest": -launch.age, "newest": launch.age, "largest": -float(launch.pss)}
        return not launch.orphan, by[launch.rule.victims]

    return sorted(crowd, key=order)
