from __future__ import annotations

import pytest
from making import GUARDIAN, INIT, MB, ME, SHELL, bun, rule

from guardian.actions import Kind
from guardian.kill.spare import spared
from guardian.policy.launch import Launch, launches, matching
from guardian.policy.limits import Rule
from guardian.policy.mind import CONFIRM_AFTER, Verdict, Watch, judge, victims, watch
from guardian.procs.model import Proc, ProcId, Snapshot


def look(*procs: Proc, rules: tuple[Rule, ...], at: float = 1000.0, slept: float = 0.0) -> Snapshot:
    return Snapshot([INIT, SHELL, GUARDIAN, *procs], taken=at, at=at - slept, suspended=slept)


def seen(snapshot: Snapshot, *rules: Rule) -> tuple[Launch, ...]:
    return launches(snapshot, matching(snapshot, rules), spared(snapshot, ME, ()))


def decide(
    snapshot: Snapshot, *rules: Rule, memory: dict[ProcId, Watch] | None = None, confirmations: int = 2
) -> Verdict:
    found = seen(snapshot, *rules)
    before = memory or {}
    watches = {each.id: watch(before.get(each.id), each, snapshot) for each in found}
    return judge(watches, found, snapshot.at, confirmations=confirmations, slept=snapshot.suspended)


def whom(verdict: Verdict) -> list[tuple[int, Kind]]:
    return [(breach.launch.root.pid, breach.reason.kind) for breach in verdict.breaches]


def test_within_the_limits_nothing_happens() -> None:
    """A launch that keeps every limit is no breach."""
    generous = rule(max_concurrent=3, max_memory=1 << 30, timeout=300, max_cpu=80)
    assert decide(look(bun(10, rss=100 * MB), rules=()), generous).breaches == ()


def test_too_old() -> None:
    """A tree older than its timeout goes, and the reason says by how much (P8)."""
    verdict = decide(look(bun(10, start=60_000), rules=()), rule(timeout=300))
    assert whom(verdict) == [(10, Kind.AGE)]
    assert str(verdict.breaches[0].reason) == "age 6m40s, timeout is 5m"


def test_the_foreground_of_a_terminal_is_spared_its_age() -> None:
    """A dev server that a person has in front of them is not ended for its age (P4)."""
    front = bun(10, start=60_000, pgrp=10, tty=34816, tpgid=10)
    assert decide(look(front, rules=()), rule(timeout=300)).breaches == ()
    assert whom(decide(look(front, rules=()), rule(timeout=300, spare_foreground=False))) == [(10, Kind.AGE)]


def test_time_in_suspend_is_no_age() -> None:
    """A lid closed for hours does not make a ten second test a runaway (P4)."""
    strict = rule(timeout=300)
    first = decide(look(bun(10, start=99_000), rules=(), at=1000.0), strict)
    woken = look(bun(10, start=99_000), rules=(), at=30_000.0, slept=28_990.0)
    assert decide(woken, strict, memory=dict(first.memory)).breaches == ()
    later = look(bun(10, start=99_000), rules=(), at=30_400.0, slept=28_990.0)
    assert whom(decide(later, strict, memory=dict(first.memory))) == [(10, Kind.AGE)]


def test_memory_is_that_of_the_tree_and_confirmed_twice() -> None:
    """Too much memory in one look asks for another look soon; in two it is a breach (P4)."""
    small = rule(max_memory=300 * MB)
    snapshot = look(
        bun(10, rss=200 * MB, pss=190 * MB),
        bun(11, ppid=10, start=95_001, rss=200 * MB, pss=190 * MB),
        rules=(),
    )
    first = decide(snapshot, small)
    assert first.breaches == ()
    assert first.due == pytest.approx(1000.0 + CONFIRM_AFTER)
    second = decide(snapshot, small, memory=dict(first.memory))
    assert whom(second) == [(10, Kind.MEMORY)]
    assert second.breaches[0].reason.measured == 380 * MB


def test_shared_pages_count_once_before_anyone_is_ended() -> None:
    """Ten children that share 200 MB have 2 GB of RSS and 200 MB in truth: nobody goes (P4)."""
    children = [bun(11 + n, ppid=10, start=95_001, rss=200 * MB, pss=18 * MB) for n in range(10)]
    small = rule(max_memory=300 * MB)
    first = decide(look(bun(10, rss=200 * MB, pss=18 * MB), *children, rules=()), small, confirmations=1)
    assert first.breaches == ()


def test_memory_that_is_gone_at_the_second_look_is_forgiven() -> None:
    """A spike between two looks that confirm is no breach (P4)."""
    small = rule(max_memory=300 * MB)
    first = decide(look(bun(10, rss=400 * MB, pss=400 * MB), rules=()), small)
    dip = decide(look(bun(10, rss=100 * MB), rules=()), small, memory=dict(first.memory))
    third = decide(look(bun(10, rss=400 * MB, pss=400 * MB), rules=()), small, memory=dict(dip.memory))
    assert third.breaches == ()


def test_memory_that_cannot_be_looked_at_closely_says_so() -> None:
    """Without PSS the verdict stands on RSS, and the reason tells (P11)."""
    verdict = decide(look(bun(10, rss=400 * MB), rules=()), rule(max_memory=300 * MB), confirmations=1)
    assert "counted more than once" in str(verdict.breaches[0].reason)


def test_growth_asks_for_a_look_before_the_limit() -> None:
    """A tree that grows is looked at again when it would reach its limit (P4)."""
    big = rule(max_memory=1000 * MB)
    first = decide(look(bun(10, rss=100 * MB), rules=(), at=1000.0), big)
    second = decide(look(bun(10, rss=300 * MB), rules=(), at=1002.0), big, memory=dict(first.memory))
    assert second.due == pytest.approx(1009.0)


def test_too_many_are_brought_down_to_the_limit_oldest_first() -> None:
    """Of five launches with a limit of three two go, the oldest (P4)."""
    crowd = [bun(10 + n, start=90_000 + n) for n in range(5)]
    verdict = decide(look(*crowd, rules=()), rule(max_concurrent=3))
    assert whom(verdict) == [(10, Kind.COUNT), (11, Kind.COUNT)]
    assert str(verdict.breaches[0].reason) == "5 launches, max_concurrent is 3"


def test_who_goes_anyway_counts_first() -> None:
    """A launch that is too old is one of those by which there are too many."""
    crowd = [bun(10, start=10_000), *(bun(11 + n, start=95_000 + n) for n in range(3))]
    verdict = decide(look(*crowd, rules=()), rule(max_concurrent=3, timeout=300))
    assert whom(verdict) == [(10, Kind.AGE)]


@pytest.mark.parametrize(
    ("by", "order"),
    [("oldest", [13, 10, 11, 12]), ("newest", [13, 12, 11, 10]), ("largest", [13, 11, 12, 10])],
)
def test_victims(by: str, order: list[int]) -> None:
    """Orphans go first, then by the rule's order."""
    crowd = (
        bun(10, start=90_000, rss=1 * MB),
        bun(11, start=91_000, rss=9 * MB),
        bun(12, start=92_000, rss=5 * MB),
        bun(13, start=91_500, ppid=1, rss=2 * MB),
    )
    found = seen(look(*crowd, rules=()), rule(victims=by))
    assert [launch.root.pid for launch in victims(found)] == order


def test_cpu_needs_a_window_of_looks() -> None:
    """A tree that loops through all of the window without reading or writing goes (P4)."""
    strict = rule(max_cpu=80, cpu_window=60)
    memory: dict[ProcId, Watch] = {}
    for at in range(1000, 1071, 10):
        verdict = decide(look(bun(10, cpu=at - 995.0, io=77), rules=(), at=float(at)), strict, memory=memory)
        memory = dict(verdict.memory)
    assert whom(verdict) == [(10, Kind.CPU)]
    assert str(verdict.breaches[0].reason) == (
        "CPU 100 %, max_cpu is 80 %; over 1m, nothing read or written meanwhile"
    )


def test_cpu_of_children_that_died_counts() -> None:
    """A leader that burns its CPU in short-lived children is measured with them (P4)."""
    strict = rule(max_cpu=80, cpu_window=60, cpu_when="always")
    memory: dict[ProcId, Watch] = {}
    for at in range(1000, 1071, 10):
        parent = bun(10, cpu=0.5, reaped=at - 1000.0)
        verdict = decide(look(parent, rules=(), at=float(at)), strict, memory=memory)
        memory = dict(verdict.memory)
    assert whom(verdict) == [(10, Kind.CPU)]


def test_cpu_of_the_unreaped_dead_stays_counted() -> None:
    """A child that is a zombie for a while neither takes its CPU away nor brings it twice (P4)."""
    strict = rule(max_cpu=80, cpu_window=60, cpu_when="always")
    child = bun(11, ppid=10, start=95_001, cpu=50.0)
    looks = [
        (bun(10), child),
        (bun(10), child.replace(state="Z")),
        (bun(10, reaped=50.0),),
    ]
    memory: dict[ProcId, Watch] = {}
    used = []
    for number, procs in enumerate(looks):
        verdict = decide(look(*procs, rules=(), at=1000.0 + 10 * number), strict, memory=memory)
        memory = dict(verdict.memory)
        used.append(memory[procs[0].id].cpu)
    assert used == [0.0, 0.0, 0.0]


def test_the_condemned_are_not_judged_again() -> None:
    """A launch that is being ended is no second breach and takes no place in the count."""
    crowd = [bun(10 + n, start=90_000 + n) for n in range(5)]
    snapshot = look(*crowd, rules=())
    found = seen(snapshot, rule(max_concurrent=3))
    watches = {each.id: watch(None, each, snapshot) for each in found}
    condemned = frozenset(each.id for each in found[:2])
    assert judge(watches, found, 1000.0, condemned=condemned).breaches == ()


def test_the_next_look_is_when_the_next_timeout_is() -> None:
    """A launch is looked at again at the moment it gets too old, not an interval later."""
    assert decide(look(bun(10, start=80_000), rules=()), rule(timeout=300)).due == pytest.approx(1100.0)
