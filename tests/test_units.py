"""Durations, sizes and percentages: as people write them, and as people read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.errors import UsageError
from guardian.units import (
    LARGEST,
    LONGEST,
    exact_duration,
    exact_size,
    format_duration,
    format_size,
    parse_duration,
    parse_percent,
    parse_size,
)

DURATION = "a duration such as 500ms, 10s, 5m or 1h (a bare number is seconds)"
SIZE = "a size such as 512MB, 1GB or 1.5GiB (a bare number is bytes)"
PERCENT = "a percentage of one core such as 80"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("9ms", 0.009),
        ("10s", 10.0),
        ("5m", 300.0),
        ("5min", 300.0),
        ("1h", 3600.0),
        ("2d", 172800.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("5.s", 5.0),
        (" 5 M ", 300.0),
        ("0", 0.0),
        ("0ms", 0.0),
        ("10", 10.0),
        (10, 10.0),
        (0.25, 0.25),
        ("3650d", LONGEST),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    """A duration is seconds, whatever its unit; a bare number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1000B", 1000),
        ("1k", 1 << 10),
        ("1KB", 1 << 10),
        ("512MB", 512 << 20),
        ("512MiB", 512 << 20),
        ("1GB", 1 << 30),
        ("1.5GiB", 3 << 29),
        ("1.5 gb", 3 << 29),
        ("2T", 2 << 40),
        (4096, 4096),
        (1.5, 1),
        ("0", 0),
        ("0GB", 0),
        ("0.1B", 1),  # only 0 means none
        (str(LARGEST - 1), LARGEST - 1),  # to the byte, past what a float can tell
        (LARGEST - 1, LARGEST - 1),
        ("1048576TB", LARGEST),
    ],
)
def test_sizes(text: object, size: int) -> None:
    """A size is bytes, MB and MiB are 2^20 of them; a bare number is bytes."""
    parsed = parse_size(text)
    assert parsed == size
    assert type(parsed) is int


@pytest.mark.parametrize(
    ("text", "percent"),
    [("80", 80.0), ("80%", 80.0), (" 80 % ", 80.0), (250, 250.0), ("0.5%", 0.5), (0, 0.0)],
)
def test_percentages(text: object, percent: float) -> None:
    """A percentage is of one core, so that it may be over 100."""
    assert parse_percent(text) == percent


NO_NUMBER = [
    "",
    " ",
    "s",
    "MB",
    "five",
    "-5s",
    "+5",
    "1e3",
    "0x10",
    "1_000",
    "1.2.3",
    ".",
    "٣s",
    "5 5",
    "5m30s",
    "inf",
]


@pytest.mark.parametrize(
    ("parse", "form", "bad"),
    [
        (parse, form, bad)
        for parse, form, units in (
            (parse_duration, DURATION, ["5x", "5ns", "5MB", "5%"]),
            (parse_size, SIZE, ["5x", "5s", "5PB", "5%", "5bb"]),
            (parse_percent, PERCENT, ["5x", "5s", "5%%", "%"]),
        )
        for bad in (*NO_NUMBER, *units, None, True, False, b"5s", [5], {}, (5,), 5j)
    ],
)
def test_bad_input_is_answered(parse: Callable[[object], float], form: str, bad: object) -> None:
    """What is no quantity is answered with what was found and what was expected, in one line (P10)."""
    with pytest.raises(UsageError) as caught:
        parse(bad)
    assert str(caught.value) == f"found {bad!r}, expected {form}"
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parse", "form", "most", "bad"),
    [
        *(
            (parse_duration, DURATION, "315360000", bad)
            for bad in ("3651d", 1e300, float("inf"), float("nan"), -1)
        ),
        *((parse_size, SIZE, "1152921504606846976", bad) for bad in (LARGEST + 1, "1048577TB", -1, -0.5)),
        *((parse_percent, PERCENT, "1000000", bad) for bad in (-1, 1e7, float("nan"))),
    ],
)
def test_bounds_are_told(parse: Callable[[object], float], form: str, most: str, bad: object) -> None:
    """A negative or absurd quantity is answered with the bounds (P10)."""
    with pytest.raises(UsageError) as caught:
        parse(bad)
    assert str(caught.value) == f"found {bad!r}, expected {form}, from 0 to {most}"


@pytest.mark.parametrize("bad", ["9" * 400, "9" * 5000, "x" * 5000, "9" * 400 + ".5", 10**400, [1] * 5000])
@pytest.mark.parametrize("parse", [parse_duration, parse_size, parse_percent])
def test_a_long_answer_is_cut(parse: Callable[[object], float], bad: object) -> None:
    """However long the input, the answer is a line that can be read (P10)."""
    with pytest.raises(UsageError) as caught:
        parse(bad)
    assert len(str(caught.value)) < 200


@given(
    st.one_of(
        st.text(max_size=12), st.floats(), st.integers(-(10**30), 10**30), st.binary(max_size=4), st.none()
    )
)
def test_parsing_returns_or_answers(value: object) -> None:
    """Whatever stands there: a number within the bounds, or a UsageError; nothing else (P10)."""
    for parse, most in ((parse_duration, LONGEST), (parse_size, LARGEST), (parse_percent, 1e6)):
        try:
            result = parse(value)
        except UsageError:
            continue
        assert 0 <= result <= most
        assert str(result) != "-0.0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"),
        (300, "5m"),
        (300.0, "5m"),
        (90, "90s"),
        (3600, "1h"),
        (86400, "24h"),
        (0.5, "500ms"),
        (1.5, "1500ms"),
        (0.009, "9ms"),
        (1.001, "1001ms"),
        (0.0333, "0.0333s"),
        (0.0000625, "0.0000625s"),
    ],
)
def test_exact_durations(seconds: float, text: str) -> None:
    """A limit is written as a person would write it."""
    assert exact_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1, "1B"),
        (1000, "1000B"),
        (1 << 10, "1KB"),
        (1536, "1536B"),
        (512 << 20, "512MB"),
        (1 << 30, "1GB"),
        (3 << 29, "1536MB"),
        (2 << 40, "2048GB"),
    ],
)
def test_exact_sizes(size: int, text: str) -> None:
    """A limit is written in the largest unit that keeps it whole."""
    assert exact_size(size) == text


@given(
    st.one_of(
        st.floats(1e-6, LONGEST), st.integers(0, int(LONGEST)), st.integers(1, 10**9).map(lambda n: n / 1000)
    )
)
def test_an_exact_duration_reads_back(seconds: float) -> None:
    """What `config show` writes for a duration is that duration when it is read again."""
    assert parse_duration(exact_duration(seconds)) == seconds


@given(st.integers(0, LARGEST))
def test_an_exact_size_reads_back(size: int) -> None:
    """What `config show` writes for a size is that size when it is read again, to the byte."""
    assert parse_size(exact_size(size)) == size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0004, "0ms"),
        (0.35, "350ms"),
        (0.9994, "999ms"),
        (0.9996, "1.0s"),
        (5, "5.0s"),
        (59.9, "59.9s"),
        (59.95, "1m00s"),
        (252, "4m12s"),
        (3599.6, "1h00m"),
        (11100, "3h05m"),
        (86399.9, "1d00h"),
        (183600, "2d03h"),
        (LONGEST, "3650d00h"),
    ],
)
def test_durations_as_people_read_them(seconds: float, text: str) -> None:
    """A measured duration is short, with the unit that fits; rounding up takes the next unit."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (14.2 * 2**20, "14.2 MB"),
        (150 * 2**20, "150 MB"),
        (1023.4 * 2**20, "1023 MB"),
        (1023.6 * 2**20, "1.0 GB"),
        (1.5 * 2**30, "1.5 GB"),
        (5 * 2**40, "5.0 TB"),
        (5000 * 2**40, "5000.0 TB"),
    ],
)
def test_sizes_as_people_read_them(size: float, text: str) -> None:
    """A measured size has the unit that keeps it readable."""
    assert format_size(size) == text


@given(st.floats(0, LONGEST), st.floats(0, 2.0**60))
def test_what_people_read_is_short(seconds: float, size: float) -> None:
    """Every measured quantity fits a column."""
    assert 2 <= len(format_duration(seconds)) <= 8
    assert 3 <= len(format_size(size)) <= 12
