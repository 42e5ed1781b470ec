"""Patterns in the output of services."""

from __future__ import annotations

import pytest

from guardian.errors import UsageError
from guardian.probes.pattern import LONGEST, Pattern


@pytest.mark.parametrize(
    ("pattern", "line", "note"),
    [
        ("ready", b"server ready\n", 'printed "server ready"'),
        ("^ready$", b"ready\r\n", 'printed "ready"'),
        ("ready", b"not yet", None),
        ("ready in", b"\x1b[32mready\x1b[0m in 300 ms\n", 'printed "ready in 300 ms"'),
        (r"port \d+", "läuft, port 80".encode(), 'printed "läuft, port 80"'),
        ("up", b"\xff\xfe up \x07", 'printed "\ufffd\ufffd up \\x07"'),
        ("ready", b"", None),
        ("", b"anything", 'printed "anything"'),
    ],
)
def test_a_line_that_holds_the_pattern_is_heard(pattern: str, line: bytes, note: str | None) -> None:
    """Searched as a person sees the line, without colours; the note is printable."""
    assert Pattern(pattern).heard(line) == note


def test_of_a_long_line_the_beginning_is_searched() -> None:
    """What stands after the bound is not seen, so no line takes time without bound."""
    assert Pattern("ready").heard(b"x" * (LONGEST - 5) + b"ready")
    assert Pattern("ready").heard(b"x" * LONGEST + b"ready") is None
    assert Pattern("(x+)*;").heard(b"y" * 10_000_000) is None


def test_a_pattern_that_is_none_is_refused() -> None:
    """With its text and what is wrong with it."""
    with pytest.raises(UsageError, match=r"pattern: found '\(', expected a regular expression"):
        Pattern("(")
