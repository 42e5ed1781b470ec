"""Launches that wait for each other: who gives up, and that it is enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.gate.deadlock import Wait, must_give_up


def wait(key: str, since: float, *inside: str, limit: int = 1) -> Wait:
    """Return a waiter for `key` that came at `since`."""
    return Wait(key, int(since * 10), since, limit, inside)


A_FOR_B, B_FOR_A = wait("b", 1.0, "a/1"), wait("a", 2.0, "b/1")
HELD = {"a": ["a/1"], "b": ["b/1"]}


@pytest.mark.parametrize(
    ("mine", "waits", "holders", "gives_up"),
    [
        (B_FOR_A, [A_FOR_B, B_FOR_A], HELD, True),  # the last comer
        (A_FOR_B, [A_FOR_B, B_FOR_A], HELD, False),  # the first stays
        (A_FOR_B, [A_FOR_B], HELD, False),  # b/1 can end
        (
            B_FOR_A,
            [A_FOR_B, B_FOR_A],
            HELD | {"b": ["b/1", "b/2"]},
            True,
        ),  # b/2 ends: one of two bound, limit 1
        (A_FOR_B.replace(limit=2), [A_FOR_B.replace(limit=2), B_FOR_A], HELD, False),  # there is room in b
        (B_FOR_A, [A_FOR_B.replace(limit=0), B_FOR_A], HELD, False),  # no limit: room always
        (wait("a", 3.0), [A_FOR_B, B_FOR_A, wait("a", 3.0)], HELD, False),  # waits behind them, holds nothing
        (wait("a", 3.0, "c/1"), [A_FOR_B, B_FOR_A, wait("a", 3.0, "c/1")], HELD | {"c": ["c/1"]}, False),
        (B_FOR_A, [A_FOR_B], HELD, False),  # let in meanwhile
    ],
)
def test_who_gives_up(mine: Wait, waits: list[Wait], holders: dict[str, list[str]], gives_up: bool) -> None:
    """The last comer of a circle, nobody who can still be let in, and nobody who only waits behind it."""
    assert must_give_up(mine, waits, holders) is gives_up


KEYS = ("a", "b", "c")
labels = st.tuples(st.sampled_from(KEYS), st.integers(1, 2)).map(lambda pair: f"{pair[0]}/{pair[1]}")
tangles = st.lists(
    st.tuples(st.sampled_from(KEYS), st.integers(1, 3), st.sets(labels, max_size=2)), min_size=1, max_size=6
)


@given(tangles)
def test_one_at_a_time_gives_up_until_everybody_can_go_on(tangle: list[tuple[str, int, set[str]]]) -> None:
    """Of those that wait for each other exactly one gives up; repeated, nobody waits for ever (P5)."""
    holders = {key: [f"{key}/1", f"{key}/2"] for key in KEYS}
    waits = [
        Wait(key, number, float(number), limit, tuple(sorted(inside)))
        for number, (key, limit, inside) in enumerate(tangle)
    ]
    while True:
        leaving = [each for each in waits if must_give_up(each, waits, holders)]
        assert len(leaving) <= 1
        if not leaving:
            break
        (gone,) = leaving
        waits.remove(gone)
        holders = {key: [each for each in held if each not in gone.inside] for key, held in holders.items()}
        waits = [each for each in waits if not set(each.inside) & set(gone.inside)]  # their tree ends too
    assert runs_out(waits, holders)


def runs_out(waits: list[Wait], holders: dict[str, list[str]]) -> bool:
    """Play it to the end: whoever is not bound ends, whoever finds room is let in and ends."""
    waits, held = list(waits), {key: set(each) for key, each in holders.items()}
    while waits:
        bound = {holder for each in waits for holder in each.inside}
        held = {key: each & bound for key, each in held.items()}
        able = [each for each in waits if len(held[each.key]) < each.limit]
        if not able:
            return False
        waits = [each for each in waits if each not in able]
    return True
