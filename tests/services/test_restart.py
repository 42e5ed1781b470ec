"""Whether, when and how often something is started again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import service

from guardian.services.restart import (
    JITTER,
    SECOND_DELAY,
    Breaker,
    History,
    Next,
    counted,
    delay,
    judge,
    settled,
    tried,
    tripped,
)
from guardian.services.spec import ServiceSpec
from guardian.services.why import Cause, Why

CRASH = Why(Cause.EXITED, code=1)
DONE = Why(Cause.EXITED, code=0)


def crashes(spec: ServiceSpec, times: list[float]) -> tuple[History, Next]:
    """Return what becomes of a service that crashes at these moments."""
    history, last = History(), Next.AGAIN
    for at in times:
        last = judge(spec, history, CRASH, at).next
        if last is not Next.AGAIN:
            break
        history = counted(spec, history, at)
    return history, last


# cause → what follows under always, on-failure, false
POLICY = {
    "exit 0": (DONE, Next.AGAIN, Next.DONE, Next.DONE),
    "exit 1": (CRASH, Next.AGAIN, Next.AGAIN, Next.DONE),
    "a signal": (Why(Cause.EXITED, signal="KILL"), Next.AGAIN, Next.AGAIN, Next.DONE),
    "unhealthy": (Why(Cause.UNHEALTHY), Next.AGAIN, Next.AGAIN, Next.DONE),
    "not ready": (Why(Cause.NOT_READY), Next.AGAIN, Next.AGAIN, Next.DONE),
    "over a limit": (Why(Cause.LIMIT), Next.AGAIN, Next.AGAIN, Next.DONE),
    "vanished": (Why(Cause.VANISHED), Next.AGAIN, Next.AGAIN, Next.DONE),
    "no memory to start": (Why(Cause.NOT_SPAWNED), Next.AGAIN, Next.AGAIN, Next.BROKEN),
    "no such command": (Why(Cause.NOT_EXECUTABLE), Next.BROKEN, Next.BROKEN, Next.BROKEN),
}


@pytest.mark.parametrize("ending", POLICY.values(), ids=POLICY)
def test_policy(ending: tuple[Why, Next, Next, Next]) -> None:
    """What follows an end is a table of its cause and the policy."""
    why, *expected = ending
    found = [
        judge(service(autorestart=each), History(), why, 0.0).next for each in (True, "on-failure", False)
    ]
    assert found == expected


def test_slow_crashes_count_too() -> None:
    """A service that crashes every ten minutes is found out by a window of an hour."""
    spec = service(max_restarts=5, restart_window=3600.0)
    assert crashes(spec, [600.0 * n for n in range(6)])[1] is Next.BROKEN
    assert crashes(spec, [800.0 * n for n in range(50)])[1] is Next.AGAIN


def test_stability_resets_the_delay_and_not_the_window() -> None:
    """Half a minute of READY between crashes makes the delay short again, and hides no crash."""
    spec = service(max_restarts=3, restart_window=3600.0)
    history = History()
    for at in (100.0, 200.0, 300.0):
        history = settled(counted(spec, history, at))
    assert history.attempt == 0
    assert judge(spec, history, CRASH, 400.0).next is Next.BROKEN


def test_without_a_limit_it_goes_on_for_ever() -> None:
    """max_restarts = 0 means no limit, and remembers no moments; restart_window = 0 forgets none."""
    history, last = crashes(service(max_restarts=0), [float(n) for n in range(1000)])
    assert (last, history.times, history.total) == (Next.AGAIN, (), 1000)
    history, last = crashes(service(max_restarts=3, restart_window=0.0), [1e6 * n for n in range(9)])
    assert (last, history.total) == (Next.BROKEN, 3)


def test_the_breaker() -> None:
    """Closed → open when there are too many → half-open at the next start → closed when stable."""
    spec = service(max_restarts=1)
    history, last = crashes(spec, [1.0, 2.0])
    assert last is Next.BROKEN
    opened = tripped(history)
    trial = tried(opened)
    assert (trial.breaker, trial.attempt, trial.times) == (Breaker.HALF_OPEN, 0, ())
    assert judge(spec, trial, CRASH, 9e9).next is Next.BROKEN
    assert judge(spec, settled(trial), CRASH, 9e9).next is Next.AGAIN
    assert tried(history) == history


@given(
    first=st.floats(0, 30),
    factor=st.floats(1, 10),
    cap=st.floats(30, 600),
    chance=st.floats(0, 1),
    attempts=st.integers(1, 400),
)
def test_delays_grow_to_the_cap(
    first: float, factor: float, cap: float, chance: float, attempts: int
) -> None:
    """Every delay is at least the one before, never over the cap, and chance takes at most its part off."""
    spec = service(restart_delay=first, backoff_multiplier=factor, max_restart_delay=cap)
    before = 0.0
    for attempt in (1, 2, 3, attempts):
        longest = delay(spec, attempt, 0.0)
        assert longest <= cap
        assert longest >= before - 1e-9 or attempt == attempts
        assert longest * (1 - JITTER) - 1e-9 <= delay(spec, attempt, chance) <= longest
        before = longest
    assert delay(spec, 1, 0.0) == pytest.approx(first)
    assert delay(spec, 2, 0.0) >= min(SECOND_DELAY, cap) - 1e-9
    if factor >= 2:
        assert delay(spec, 400, 0.0) == cap


def test_the_first_restart_comes_at_once_and_a_loop_is_slowed() -> None:
    """Without restart_delay a crash is answered at once, and the second one not."""
    assert [round(delay(service(), n, 0.0), 3) for n in range(1, 6)] == [0.0, 0.1, 0.2, 0.4, 0.8]
    two = service(restart_delay=2.0, max_restart_delay=10.0)
    assert [delay(two, n, 0.0) for n in range(1, 6)] == [2.0, 4.0, 8.0, 10.0, 10.0]
