"""What a line says of its own weight."""

from __future__ import annotations

import pytest

from guardian.output.levels import level_of


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-11-21 12:00:00,123 ERROR app: no database", "error"),
        ("2026-11-21T12:00:00.123456789+00:00 [warn] slow", "warn"),
        ("WARNING: an old option", "warn"),
        ("[main] INFO  starting", "info"),
        ("<CRITICAL> out of memory", "fatal"),
        ("PANIC in thread 7", "fatal"),
        ("TRACE enter f", "trace"),
        ("DEBUG:root:x = 3", "debug"),
        ("12:00 (debug) x", "debug"),
        ("main.c:3:1: warning: unused variable", "warn"),
        ("error: cannot find module", "error"),
        ("npm err: nothing", "error"),
        ('{"time":"2026-11-21","level":"warn","msg":"ERROR is only a word here"}', "warn"),
        ('{"level": 50, "msg": "pino"}', "error"),
        ('{"level":30,"msg":"pino"}', "info"),
        ('time=12:00 level=debug msg="ERROR"', "debug"),
        ('ts=1 severity="CRITICAL"', "fatal"),
        ("NOTICE: table exists", "info"),
        # what is none
        ("the user typed an error in a terror film", None),
        ("INFORMATIONS are many", None),
        ("WARNINGS=all make", None),
        ("level=unheard of", None),
        ("x" * 100 + " ERROR too far away", None),
        ("an error occurred", None),
        ("", None),
        ("Ünïcödé ≠ ERRÖR", None),
    ],
)
def test_level_of_a_line(text: str, level: str | None) -> None:
    """The line's own word counts; without one the stream does."""
    assert level_of(text, "stdout") == (level or "info")
    assert level_of(text, "stderr") == (level or "error")


def test_long_lines_are_judged_by_their_beginning() -> None:
    """A line of 10 MB costs no more than its first thousand characters."""
    assert level_of("level" * (2 << 20), "stdout") == "info"
