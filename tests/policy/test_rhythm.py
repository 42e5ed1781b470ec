from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.policy.rhythm import SHORTEST, Headroom, machine_due, next_look

GB = 1 << 30


def test_steady_memory_asks_for_nothing() -> None:
    """A machine whose free memory does not shrink wants no sooner look."""
    assert machine_due(Headroom(0, 8 * GB, 16 * GB), Headroom(10, 8 * GB, 16 * GB)) is None


def test_shrinking_memory_asks_for_a_look_before_it_is_gone() -> None:
    """Half of the time that is left at this speed."""
    assert machine_due(Headroom(0, 9 * GB, 16 * GB), Headroom(10, 8 * GB, 16 * GB)) == pytest.approx(50.0)


def test_little_memory_asks_for_a_look_soon() -> None:
    """Below a tenth the next look is a second away at most."""
    assert machine_due(None, Headroom(10, 1 * GB, 16 * GB)) == pytest.approx(11.0)


@given(st.floats(0, 1e6), st.floats(0.1, 3600), st.lists(st.one_of(st.none(), st.floats(0, 2e6))))
def test_never_later_than_the_interval(now: float, interval: float, wishes: list[float | None]) -> None:
    """Whatever is wished, the next look is within the interval and not at once (P12)."""
    due = next_look(now, interval, *wishes)
    assert due <= now + interval
    assert due >= now + min(SHORTEST, interval)
