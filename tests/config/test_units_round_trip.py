"""Values written to a file read back as they were."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.config import kinds
from guardian.config.kinds import Count, DurationKind, FilledTexts, PercentKind, SizeKind, Text, Texts
from guardian.errors import UsageError
from guardian.units import LARGEST, LONGEST, exact_duration, exact_size, parse_duration, parse_size

DURATIONS = st.floats(1e-6, LONGEST, allow_nan=False) | st.integers(0, int(LONGEST)).map(float)
SIZES = st.integers(0, LARGEST)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
LISTS = st.lists(TEXTS, max_size=4).map(tuple)
VALUES = st.one_of(
    st.tuples(st.just(DurationKind), DURATIONS),
    st.tuples(st.just(SizeKind), SIZES),
    st.tuples(st.just(PercentKind), st.integers(0, 10**8).map(lambda n: n / 100)),
    st.tuples(st.just(Count), st.integers(0, 10**9)),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(st.just(Text), TEXTS),
    st.tuples(st.just(Texts), LISTS),
    st.tuples(st.just(FilledTexts), st.lists(TEXTS.filter(bool), min_size=1).map(tuple)),
    st.tuples(st.just(Literal["a", "b c"]), st.sampled_from(["a", "b c"])),
)


@given(DURATIONS)
def test_an_exact_duration_reads_back(seconds: float) -> None:
    """What exact_duration renders is what parse_duration reads."""
    assert parse_duration(exact_duration(seconds)) == seconds


@given(SIZES)
def test_an_exact_size_reads_back(size: int) -> None:
    """What exact_size renders is what parse_size reads."""
    assert parse_size(exact_size(size)) == size


@given(VALUES)
def test_a_written_value_reads_back(pair: tuple[object, object]) -> None:
    """Every kind of value, written as it stands in a file, is read as itself, of its own plain type."""
    kind, value = pair
    read = kinds.convert(kind, kinds.as_read(kind, value))
    assert (read, type(read)) == (value, type(value))


@given(VALUES)
def test_what_stands_in_a_file_can_be_typed(pair: tuple[object, object]) -> None:
    """`config set` takes every value in the form that a file has it in; a text needs no quotes."""
    kind, value = pair
    typed = value if isinstance(value, str) else kinds.written(kind, value).strip('"')
    assert kinds.convert(kind, kinds.from_text(kind, typed)) == value


TYPED = {
    "a, b": ["a", "b"],
    " a ": ["a"],
    "": [],
    '["a,b", "c"]': ["a,b", "c"],
    "[]": [],
    '["a"': '["a"',
    '["a"]\ny = 1': '["a"]\ny = 1',
    "[" * 5000: "[" * 5000,
}


@pytest.mark.parametrize("text", TYPED, ids=lambda text: text[:12])
def test_a_list_can_be_typed_in_two_ways(text: str) -> None:
    """Commas part a list; what holds commas itself is an array; what is neither stays wrong."""
    assert kinds.from_text(Texts, text) == TYPED[text]


def test_a_kind_that_nobody_described_still_gets_its_line() -> None:
    """A section may use any type that msgspec knows; the message falls back to the type's own name (P10)."""
    with pytest.raises(UsageError, match=r"^found 'x', expected dict\[str, str\]$"):
        kinds.convert(dict[str, str], "x")
    assert kinds.convert(dict[str, str], {"A": "b"}) == {"A": "b"}
