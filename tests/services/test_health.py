"""When a service is ready, well and unhealthy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.services.health import (
    FIRST_LOOK,
    SHORTEST,
    Checkup,
    Condition,
    answered,
    ask,
    begin,
    heard,
    missed,
)
from guardian.services.spec import HealthSpec

TCP = HealthSpec("tcp", port=80, interval=10.0, timeout=5.0, retries=3, start_period=20.0)
OUTPUT = HealthSpec("output", pattern="ready", interval=10.0, retries=3, start_period=20.0)


def looked(checkup: Checkup, *answers: tuple[float, bool]) -> Checkup:
    """Return the checkup after looks that ended at these moments, well or not."""
    for at, good in answers:
        asked = ask(checkup, at)
        checkup = answered(asked, asked.number, good=good, note="", now=at)
    return checkup


# check, (moment, good)… → condition
LOOKS: dict[str, tuple[HealthSpec, list[tuple[float, bool]], Condition]] = {
    "nothing yet": (TCP, [], Condition.WAITING),
    "the first good look": (TCP, [(1, True)], Condition.WELL),
    "failures in the start period": (TCP, [(n, False) for n in range(20)], Condition.WAITING),
    "well in the start period": (TCP, [(n, False) for n in range(15)] + [(15, True)], Condition.WELL),
    "failed too often after it": (TCP, [(20, False), (30, False), (40, False)], Condition.SICK),
    "looks close together count once": (TCP, [(20 + n / 10, False) for n in range(90)], Condition.WAITING),
    "a good look between": (TCP, [(1, True), (11, False), (21, False), (31, True)], Condition.WELL),
    "two failures": (TCP, [(1, True), (11, False), (21, False)], Condition.WELL),
    "three failures": (TCP, [(1, True), (2, False), (3, False), (4, False)], Condition.SICK),
    "well again": (TCP, [(1, True), *((n, False) for n in (2, 3, 4)), (5, True)], Condition.WELL),
    "one of two good ones": (TCP.replace(success_threshold=2), [(1, True)], Condition.WAITING),
    "two good ones": (TCP.replace(success_threshold=2), [(1, True), (2, True)], Condition.WELL),
    "two good ones, not in a row": (
        TCP.replace(success_threshold=2),
        [(1, True), (2, False), (3, True)],
        Condition.WAITING,
    ),
    "no start period": (
        TCP.replace(start_period=0.0, retries=1),
        [(0.1, False)],
        Condition.SICK,
    ),
}


@pytest.mark.parametrize(("check", "looks", "condition"), LOOKS.values(), ids=LOOKS)
def test_thresholds(check: HealthSpec, looks: list[tuple[float, bool]], condition: Condition) -> None:
    """Looks lead to a condition by thresholds, and a start that takes its time is no failure."""
    assert looked(begin(check, generation=1, now=0.0), *looks).condition is condition


def test_a_look_under_way_is_never_doubled() -> None:
    """As long as an answer is awaited no look is due, however long that takes."""
    asked = ask(begin(TCP, generation=1, now=0.0), 0.05)
    assert asked.due is None
    assert asked.under_way
    late = answered(asked, 1, good=False, note="timeout", now=100.0)
    assert late.due == 100.0


def test_an_answer_that_nobody_awaits_changes_nothing() -> None:
    """An answer counts once, and only for the look that is under way."""
    asked = ask(begin(TCP, generation=1, now=0.0), 0.05)
    assert answered(asked, 2, good=True, note="", now=1.0) == asked
    once = answered(asked, 1, good=True, note="", now=1.0)
    assert answered(once, 1, good=False, note="", now=2.0) == once


def test_looks_are_close_together_until_it_is_ready() -> None:
    """With an interval of ten seconds a service that needs half a second is READY in well under one."""
    checkup, now = begin(TCP, generation=1, now=0.0), 0.0
    looks = 0
    while checkup.condition is Condition.WAITING:
        assert checkup.due is not None
        now = checkup.due
        checkup = looked(checkup, (now, now >= 0.5))
        looks += 1
    assert now < 0.7
    assert looks < 15
    assert checkup.due == now + 10.0


def test_the_interval_runs_from_look_to_look() -> None:
    """A look that took three of ten seconds is followed by the next after seven."""
    asked = ask(begin(TCP, generation=1, now=0.0, well=True), 50.0)
    assert answered(asked, 1, good=True, note="", now=53.0).due == 60.0


def test_what_is_adopted_is_well_until_a_look_says_otherwise() -> None:
    """A service that was READY goes on so, its next look comes after an interval (P6)."""
    checkup = begin(TCP, generation=3, now=100.0, well=True)
    assert (checkup.condition, checkup.due) == (Condition.WELL, 110.0)


def test_a_service_that_tells_is_not_asked() -> None:
    """The pattern makes it READY at once; nothing is due after that."""
    begun = begin(OUTPUT, generation=1, now=0.0)
    assert begun.due == 20.0
    told = heard(begun, "ready in 5ms", 3.0)
    assert (told.condition, told.due, told.note) == (Condition.WELL, None, "ready in 5ms")


def test_a_service_that_does_not_tell_fails_like_one_that_does_not_answer() -> None:
    """Not heard of by the start period and `retries` intervals it is unhealthy, not READY."""
    checkup, moments = begin(OUTPUT, generation=1, now=0.0), []
    while checkup.due is not None:
        moments.append(checkup.due)
        checkup = missed(checkup, checkup.due)
    assert moments == [20.0, 30.0, 40.0]
    assert (checkup.condition, checkup.note) == (Condition.SICK, "nothing heard for 40.0s")


def test_silence() -> None:
    """With max_silence a service has to tell again and again, as sd_notify's WATCHDOG=1 does."""
    watched = HealthSpec("notify", max_silence=5.0)
    told = heard(begin(watched, generation=1, now=0.0), "READY=1", 1.0)
    assert told.due == 6.0
    again = heard(told, "WATCHDOG=1", 5.0)
    assert again.due == 10.0
    silent = missed(again, 10.0)
    assert (silent.condition, silent.note) == (Condition.SICK, "nothing heard for 5s")
    assert heard(silent, "WATCHDOG=1", 11.0).condition is Condition.WELL


@given(
    answers=st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=40),
    check=st.builds(
        lambda *numbers: TCP.replace(
            **dict(zip(("retries", "success_threshold", "start_period"), numbers, strict=True))
        ),
        st.integers(1, 4),
        st.integers(1, 3),
        st.floats(0, 60),
    ),
)
def test_whatever_the_answers_a_condition_is_earned(
    answers: list[tuple[float, bool]], check: HealthSpec
) -> None:
    """For every course of answers WELL and SICK come only with their thresholds, and the next look is due."""
    checkup, now, good, failed = begin(check, generation=1, now=0.0), 0.0, 0, 0
    assert checkup.due == FIRST_LOOK
    for took, well in answers:
        assert checkup.due is not None
        assert checkup.due >= now
        now = checkup.due
        before, asked = checkup, ask(checkup, now)
        now += took
        checkup = answered(asked, asked.number, good=well, note="", now=now)
        good, failed = (good + 1, 0) if well else (0, failed + 1)
        assert checkup.due is not None
        assert checkup.due >= asked.asked + SHORTEST  # type: ignore[operator]
        if checkup.condition is not before.condition:
            earned = {
                Condition.WELL: good >= check.success_threshold,
                Condition.SICK: failed >= check.retries,
            }
            assert earned[checkup.condition]
            early = now < check.start_period and before.condition is Condition.WAITING
            assert not (early and checkup.condition is Condition.SICK)
