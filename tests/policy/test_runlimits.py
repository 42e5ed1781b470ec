"""The limits of one run, judged without a process: tables of looks, and invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.actions import Kind, Reason
from guardian.policy.bounds import Bounds, matching_rule, terms
from guardian.policy.limits import Limits, Rule
from guardian.policy.runlimits import (
    LATEST,
    SOONEST,
    Growth,
    Memory,
    Usage,
    fresh,
    judge,
    needs_foreground,
    needs_io,
    needs_pss,
    worse,
)
from guardian.procs.match import Selector

MB = 1 << 20


def look_at(bounds: Bounds, usages: Iterable[tuple[float, Usage]]) -> tuple[Memory, Reason | None, float]:
    """Judge looks at their times; return the memory, the first reason, and when it was found."""
    memory = fresh(0.0)
    now = 0.0
    for now, usage in usages:
        judged = judge(bounds, memory, usage, now)
        memory = judged.memory
        if judged.reason is not None:
            return memory, judged.reason, now
    return memory, None, now


def live(
    bounds: Bounds, usage: Callable[[float], Usage], *, until: float = 1000.0, begin: float = 0.0
) -> tuple[Reason | None, float, int]:
    """Look whenever a look is due; return the reason, when it was found, and after how many looks."""
    memory, now, looks = fresh(0.0), begin, 0
    while now < until:
        judged = judge(bounds, memory, usage(now), now)
        memory, looks = judged.memory, looks + 1
        if judged.reason is not None or judged.due is None:
            return judged.reason, now, looks
        assert judged.due > now
        now = judged.due
    return None, now, looks


def test_no_limit_asks_for_no_look() -> None:
    """0 means no limit: whatever is used, nobody looks again."""
    usage = Usage(procs=10**6, cpu=1e9, rss=1 << 60, pss=1 << 60, written=0)
    judged = judge(Bounds(), fresh(0.0), usage, 1e9)
    assert (judged.reason, judged.due) == (None, None)


@pytest.mark.parametrize(
    ("bounds", "usage", "kind"),
    [
        (Bounds(timeout=10), Usage(), Kind.AGE),
        (Bounds(cpu_time=10), Usage(cpu=10), Kind.CPU_TIME),
        (Bounds(max_procs=3), Usage(procs=4), Kind.PROCS),
        (Bounds(max_output=100), Usage(output=101), Kind.OUTPUT),
        (Bounds(memory=MB), Usage(out_of_memory=True), Kind.MEMORY),
    ],
)
def test_a_broken_limit_is_the_reason(bounds: Bounds, usage: Usage, kind: Kind) -> None:
    """Each limit has its own reason (P8)."""
    reason = judge(bounds, fresh(0.0), usage, 10.0).reason
    assert reason is not None
    assert reason.kind is kind


@pytest.mark.parametrize(
    ("bounds", "usage"),
    [
        (Bounds(timeout=10), Usage()),
        (Bounds(cpu_time=10), Usage(cpu=9.99)),
        (Bounds(max_procs=3), Usage(procs=3)),
        (Bounds(max_output=100), Usage(output=100)),
        (Bounds(memory=MB), Usage(rss=MB)),
    ],
)
def test_up_to_the_limit_nobody_is_ended(bounds: Bounds, usage: Usage) -> None:
    """A limit may be used to the full (P4)."""
    assert judge(bounds, fresh(0.0), usage, 9.99).reason is None


def test_a_timeout_is_found_at_its_moment() -> None:
    """The look that is due last falls on the timeout itself."""
    reason, now, _ = live(Bounds(timeout=300.0, memory=1 << 30), lambda now: Usage(rss=100 * MB))
    assert reason is not None
    assert now == 300.0


def test_memory_needs_two_looks() -> None:
    """One look over the limit is no reason, two in a row are (P4)."""
    large, small = Usage(rss=2 * MB, pss=2 * MB), Usage(rss=MB // 2)
    bounds = Bounds(memory=MB)
    assert look_at(bounds, [(0.1, large), (0.2, small), (0.3, large)])[1] is None
    assert look_at(bounds, [(0.1, large), (0.2, large)])[1] is not None


def test_shared_pages_count_once() -> None:
    """Ten children that share their pages are no ten times as large (P4)."""
    usage = Usage(procs=11, rss=2206 * MB, pss=201 * MB)
    assert needs_pss(Bounds(memory=500 * MB), usage)
    assert live(Bounds(memory=500 * MB), lambda now: usage, until=60)[0] is None


def test_a_fork_that_doubles_rss_until_exec_passes() -> None:
    """A child that is about to exec shares its parent's pages (P4)."""
    looks = [
        (0.1, Usage(rss=400 * MB)),
        (0.2, Usage(procs=2, rss=800 * MB, pss=400 * MB)),
        (0.3, Usage(rss=400 * MB)),
    ]
    assert look_at(Bounds(memory=500 * MB), looks)[1] is None


def test_a_sawtooth_under_the_limit_passes() -> None:
    """Memory that comes and goes below the limit is no runaway (P4)."""

    def saw(now: float) -> Usage:
        return Usage(rss=int((now % 1.0) * 490 * MB))

    assert live(Bounds(memory=500 * MB), saw, until=60)[0] is None


@pytest.mark.parametrize("speed", [10 * MB, 100 * MB, 1024 * MB, 4096 * MB])
def test_the_rhythm_follows_the_growth(speed: int) -> None:
    """Constant growth, seen from the launch on, is found within milliseconds of the limit (P4)."""

    def leak(now: float) -> Usage:
        return Usage(rss=int(now * speed), pss=int(now * speed))

    reason, now, looks = live(Bounds(memory=1024 * MB), leak, begin=0.02)
    assert reason is not None
    assert now * speed < 1024 * MB + 0.012 * speed
    assert looks < 40 + 90 * now


@pytest.mark.parametrize("quiet", [0.01, 0.5, 3.0])
def test_a_burst_out_of_nothing_does_not_get_far(quiet: float) -> None:
    """Four gigabytes a second after a rest pass a limit of one by less than a tenth (P4)."""

    def burst(now: float) -> Usage:
        size = 50 * MB + int(max(0.0, now - quiet) * 4096 * MB)
        return Usage(rss=size, pss=size)

    reason, now, _ = live(Bounds(memory=1024 * MB), burst)
    assert reason is not None
    assert burst(now).rss < 1.1 * 1024 * MB


def test_who_stands_below_the_limit_costs_little() -> None:
    """A command that stays a percent below its limit is looked at a hundred times a second at most (P12)."""
    _, _, looks = live(Bounds(memory=1024 * MB), lambda now: Usage(rss=1013 * MB), until=10)
    assert looks < 1000


def test_who_stands_still_costs_a_look_a_second() -> None:
    """A command far below its limit is looked at once a second (P12)."""
    _, _, looks = live(Bounds(memory=4096 * MB), lambda now: Usage(rss=100 * MB), until=100)
    assert looks <= 105


def test_a_bomb_is_found_before_it_is_large() -> None:
    """Two thousand forks a second pass the limit by a few only."""

    def bomb(now: float) -> Usage:
        return Usage(procs=1 + int(2000 * now))

    reason, _, _ = live(Bounds(max_procs=100), bomb)
    assert reason is not None
    assert reason.measured < 110


@pytest.mark.parametrize(
    ("cpu", "ended"),
    [(lambda now: now, True), (lambda now: 0.79 * now, False), (lambda now: min(now, 50.0), False)],
    ids=["spins", "busy below the limit", "a burst inside the window"],
)
def test_cpu_counts_over_the_whole_window(cpu: Callable[[float], float], ended: bool) -> None:
    """A burst is not a runaway: every part of the window has to be over the limit (P4)."""
    bounds = Bounds(cpu=80, cpu_window=60)
    reason, now, _ = live(bounds, lambda now: Usage(cpu=cpu(now)), until=300)
    assert (reason is not None) == ended
    if ended:
        assert 60 <= now <= 71


def test_who_gets_something_done_does_not_spin() -> None:
    """With cpu_when "spinning" reading or writing is progress; an unknown is no proof of spinning (P4)."""
    bounds = Bounds(cpu=80, cpu_window=60, cpu_when="spinning")
    for io in (lambda now: int(now * 100), lambda now: -1):
        assert live(bounds, lambda now, io=io: Usage(cpu=now, io=io(now)), until=300)[0] is None  # type: ignore[misc]
    assert live(bounds, lambda now: Usage(cpu=now, io=7), until=300)[0] is not None


def test_io_is_asked_for_only_when_busy() -> None:
    """What a tree reads and writes costs a look more, so only a busy one is asked (P12)."""
    bounds = Bounds(cpu=80, cpu_window=60, cpu_when="spinning")
    memory = judge(bounds, fresh(0.0), Usage(), 0.0).memory
    assert needs_io(bounds, memory, Usage(cpu=10.0), 10.0)
    assert not needs_io(bounds, memory, Usage(cpu=1.0), 10.0)


@pytest.mark.parametrize(
    ("usage", "ended"),
    [
        (lambda now: Usage(written=7), True),
        (lambda now: Usage(written=int(now) // 5), False),
        (lambda now: Usage(written=7, cpu=0.05 * now), False),
        (lambda now: Usage(written=7, cpu=0.001 * now), True),
    ],
    ids=["silent", "writes", "computes", "ticks"],
)
def test_idle_is_neither_output_nor_cpu(usage: Callable[[float], Usage], ended: bool) -> None:
    """Who writes or computes is not idle; who only has a timer that ticks is."""
    reason, now, _ = live(Bounds(idle_timeout=30), usage, until=300)
    assert (reason is not None) == ended
    if ended:
        assert now < 33


def test_a_terminal_spares_from_the_timeout() -> None:
    """What a person has in front of them is not ended for its age, and is once it is not any more."""
    bounds = Bounds(timeout=10, spare_foreground=True)
    assert not needs_foreground(bounds, fresh(0.0), 9.0)
    assert needs_foreground(bounds, fresh(0.0), 10.0)
    reason, now, _ = live(bounds, lambda now: Usage(foreground=now < 60))
    assert reason is not None
    assert 60 <= now <= 61


def test_cpu_time_is_found_when_it_is_used_up() -> None:
    """Two processes on two cores use it up twice as fast, and are found in time."""
    reason, now, _ = live(Bounds(cpu_time=10), lambda now: Usage(procs=2, cpu=2 * now))
    assert reason is not None
    assert now < 5.05


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Usage(rss=520 * MB), False),
        (Usage(rss=600 * MB), True),
        (Usage(rss=400 * MB, procs=200), True),
        (Usage(rss=400 * MB, procs=3), False),
    ],
)
def test_who_grows_on_is_worse(now: Usage, expected: bool) -> None:
    """A tree that was asked to end and goes on growing must not have its grace."""
    assert worse(Bounds(memory=500 * MB, max_procs=100), Usage(rss=510 * MB, procs=3), now) is expected


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 1e12)), min_size=1, max_size=20),
    st.floats(1, 1e12),
)
def test_the_rhythm_keeps_its_bounds(looks: list[tuple[float, float]], limit: float) -> None:
    """Whatever is seen, the next look is neither at once nor later than the longest pause."""
    growth, now = Growth(0.0), 0.0
    for elapsed, size in looks:
        now += elapsed
        growth = growth.grown(now, size)
        assert growth.speed >= 0
        assert growth.due(limit, possible=1.0) - now >= SOONEST - 1e-9
        assert growth.due(limit, possible=1.0) - now <= LATEST + 1e-9


BUN = Rule("bun", Selector(("bun",), ("*bun test*",)), Limits(timeout=60.0, max_memory=512 * MB))


def test_the_rule_of_a_command_gives_its_limits() -> None:
    """Flags beat the rule, the rule beats [limits]; the line says where a limit came from."""
    rule = matching_rule(("/opt/bun", "test"), [BUN])
    assert rule is None or rule.name == "bun"
    agreed = terms({"timeout": 5.0}, Limits(), matching_rule(("bun", "test"), [BUN]))
    assert (agreed.rule, agreed.bounds.timeout, agreed.bounds.memory) == ("bun", 5.0, 512 * MB)
    assert "timeout" not in agreed.sources
    assert agreed.sources["memory"] == "[rules.bun] max_memory or --memory"


def test_without_a_rule_limits_speak() -> None:
    """A command that no rule is about runs under [limits]; a default says that it is one."""
    assert matching_rule(("make",), [BUN]) is None
    agreed = terms({}, Limits(), None)
    assert (agreed.bounds.timeout, agreed.bounds.spare_foreground) == (300.0, True)
    assert agreed.sources["timeout"] == "default; [limits] timeout or --timeout"


def test_an_asked_for_timeout_spares_nobody() -> None:
    """--timeout is meant, also in a terminal; --cpu decides alone."""
    bounds = terms({"timeout": 5.0, "cpu": 90.0}, Limits(), None).bounds
    assert (bounds.spare_foreground, bounds.cpu_when) == (False, "always")
