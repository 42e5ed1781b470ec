from __future__ import annotations

import json

from making import receipt

from guardian.effects.receipts import Fate, prose, read_receipt, signal_counts, summary

ASKED = (("SIGTERM", 0.0),)
KILLED = (("SIGTERM", 0.0), ("SIGSTOP", 5.0), ("SIGKILL", 5.01))


GONE = Fate(10, 60_000, "bun test", "gone", ASKED, 0.2)
KILLED_ONE = Fate(11, 60_001, "deaf", "gone", KILLED, 5.02)
STUCK = Fate(12, 60_002, "mount", "gave up", KILLED, None, "state D, uninterruptible sleep in nfs_wait")


def test_a_receipt_survives_the_journal() -> None:
    """What JSON keeps is the whole receipt (P8)."""
    one = receipt(GONE, STUCK)
    assert read_receipt(json.loads(json.dumps(one.record()))) == one


def test_what_is_no_receipt_is_none() -> None:
    """A record of another kind, or of an incomplete one, is passed over."""
    assert read_receipt({"event": "signal"}) is None
    assert read_receipt({**receipt().record(), "members": 7}) is None


def test_the_summary_is_one_line_with_everything_that_counts() -> None:
    """One line says whom, why, which signals, how much (P8)."""
    assert summary(receipt(GONE, KILLED_ONE)) == (
        'ended "bun test" (pid 10, rule bun): age 6m40s, timeout is 5m; '
        "2 processes got SIGTERM, 1 SIGKILL; peak 150 MB"
    )


def test_survivors_are_named_with_where_they_hang() -> None:
    """Whoever would not go is named with state and place, never passed over (P1)."""
    line = summary(receipt(GONE, STUCK))
    assert line.startswith('could not end all of "bun test"')
    assert line.endswith("still there: 12 (state D, uninterruptible sleep in nfs_wait)")


def test_a_hostile_name_stays_one_line() -> None:
    """Escapes and newlines of a name never reach a terminal."""
    assert summary(receipt(command="a\nb\x1b[2J")).isprintable()


def test_counts() -> None:
    """One process is one process."""
    assert signal_counts([GONE]) == "1 process got SIGTERM"
    assert signal_counts([]) == "nobody was signalled"
    assert (
        signal_counts([Fate(1, 1, "x", "gone", (("SIGSTOP", 0.0), ("SIGKILL", 0.0)))])
        == "1 process got SIGKILL"
    )


def test_prose_tells_each_process() -> None:
    """`guardian why` shows each signal with its time, each end, and the last output (P8)."""
    text = prose(receipt(GONE, STUCK, output=("boom\x07",)), when="2026-11-21 at 10:00:00")
    assert "r7k2: guardian monitor tried to end" in text
    assert "10 bun test: SIGTERM at 0ms, gone at 200ms" in text
    assert "12 mount: SIGTERM at 0ms, SIGSTOP at 5.0s, SIGKILL at 5.0s, gave up (state D" in text
    assert "boom\\x07" in text
