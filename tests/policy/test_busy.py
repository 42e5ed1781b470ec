from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.policy.busy import Mark, Streak, follow, sustained
from guardian.policy.limits import Limits

LIMITS = Limits(max_cpu=80, cpu_window=60)
ALWAYS = Limits(max_cpu=80, cpu_window=60, cpu_when="always")


def run(limits: Limits, *marks: tuple[float, float, int]) -> Streak | None:
    """Follow looks at (seconds, CPU seconds used by then, bytes read and written by then)."""
    streak = None
    for at, cpu, io in marks:
        streak = follow(limits, streak, Mark(at, cpu, io))
    return streak


def test_a_loop_that_fills_the_window_is_sustained() -> None:
    """100 % for all of the window with nothing read or written is a runaway (P4)."""
    assert sustained(LIMITS, run(LIMITS, *((t, t, 500) for t in range(0, 70, 10))))


def test_a_burst_inside_the_window_is_not() -> None:
    """400 % for half a window that averages over the limit is honest work (P4)."""
    burst = [(float(t), 4.0 * min(t, 30), 0) for t in range(0, 70, 10)]
    assert 100 * burst[-1][1] / 60 > 80
    assert not sustained(LIMITS, run(LIMITS, *burst))


def test_progress_breaks_the_streak() -> None:
    """A compiler that reads and writes while it uses all the CPU is no runaway (P4)."""
    assert not sustained(LIMITS, run(LIMITS, *((t, t, 500 + t) for t in range(0, 200, 10))))


def test_always_means_the_cpu_alone() -> None:
    """With cpu_when = "always" progress does not help."""
    assert sustained(ALWAYS, run(ALWAYS, *((t, t, 500 + t) for t in range(0, 70, 10))))


def test_unknown_progress_is_taken_for_progress() -> None:
    """Where a tree's reads and writes cannot be seen, its CPU alone condemns nobody (P4)."""
    assert not sustained(LIMITS, run(LIMITS, *((t, t, -1) for t in range(0, 70, 10))))


def test_looks_close_together_do_not_split_the_window() -> None:
    """A moment's pause between two quick looks does not end a streak that the part as a whole keeps."""
    marks = [(t / 2, t / 2 * 0.95, 7) for t in range(130)]
    assert sustained(LIMITS, run(LIMITS, *marks))


def test_one_look_later_than_the_window_is_enough() -> None:
    """A window shorter than the rhythm is judged by what lies between two looks."""
    short = Limits(max_cpu=80, cpu_window=2)
    assert sustained(short, run(short, (0, 0, 5), (10, 10, 5)))


@pytest.mark.parametrize("limits", [Limits(max_cpu=0), Limits(max_cpu=80, cpu_window=0)])
def test_no_limit_no_verdict(limits: Limits) -> None:
    """0 means no limit."""
    assert not sustained(limits, run(limits, *((t, 9 * t, 5) for t in range(0, 200, 10))))


@given(st.lists(st.tuples(st.floats(0.1, 30), st.floats(0, 0.8)), min_size=1, max_size=40))
def test_within_the_limit_nothing_is_ever_sustained(steps: list[tuple[float, float]]) -> None:
    """For every rhythm of looks: a tree at or below its limit has no sustained streak (P4)."""
    at, cpu, marks = 0.0, 0.0, [(0.0, 0.0, 5)]
    for elapsed, share in steps:
        at, cpu = at + elapsed, cpu + elapsed * share
        marks.append((at, cpu * 0.999, 5))
    assert not sustained(LIMITS, run(LIMITS, *marks))
