"""What somebody who waits at the gate is told."""

from __future__ import annotations

import pytest

from guardian.gate.waiting import Holder, Waiting, ordinal
from guardian.procs.model import ProcId

THREE = tuple(Holder(4710 + n, 900.0 + 30 * n, f"bun test {n}") for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("waiting", "line"),
    [
        (
            Waiting("bun", 3, 2, THREE),
            "waiting for a slot: 3 of 3 taken (4711 for 1m10s, 4712 for 40.0s, 4713 for 10.0s), you are 2nd",
        ),
        (
            Waiting("bun", 3, 1, THREE[:1], (ProcId(99, 5), ProcId(98, 5))),
            "waiting for a slot: 3 of 3 taken (4711 for 1m10s, not launched by guardian: 99, 98),"
            " you are 1st",
        ),
        (Waiting("bun", 3, 1, (), (), "load 9.00 per core"), "waiting: load 9.00 per core, you are 1st"),
        (Waiting("bun", 0, 4, ()), "waiting for a slot: 0 running, you are 4th"),
        (
            Waiting("bun", 9, 1, THREE * 3),
            "waiting for a slot: 9 of 9 taken (4711 for 1m10s, 4712 for 40.0s, 4713 for 10.0s,"
            " 4711 for 1m10s, 4712 for 40.0s, 4 more), you are 1st",
        ),
    ],
)
def test_one_line_says_what_there_is_to_wait_for(waiting: Waiting, line: str) -> None:
    """How many of how many are taken, by whom, since when, and one's own place in the line (P5)."""
    assert waiting.told(1000.0) == line


@pytest.mark.parametrize(
    ("waiting", "waited", "line"),
    [
        (
            Waiting("bun", 1, 1, THREE[:1]),
            0.0,
            'not admitted: slots of bun: 1 of 1 taken (4711 "bun test 1" for 1m10s)',
        ),
        (
            Waiting("b\nn", 1, 2, THREE[:1]),
            5.0,
            "not admitted within 5.0s: slots of b\\nn:"
            ' 1 of 1 taken (4711 "bun test 1" for 1m10s); 1 waits ahead',
        ),
        (Waiting("bun", 1, 3, (), (), "short"), 5.0, "not admitted within 5.0s: short; 2 wait ahead"),
    ],
)
def test_a_refusal_names_who_holds_the_slots(waiting: Waiting, waited: float, line: str) -> None:
    """One line, with pid, command and time of each holder (P10)."""
    assert waiting.refusal(1000.0, waited) == line


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (112, "112th"),
    ],
)
def test_ordinals(number: int, word: str) -> None:
    """English counts in its own way."""
    assert ordinal(number) == word
