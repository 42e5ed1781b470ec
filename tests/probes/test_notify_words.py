"""The messages of sd_notify(3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.probes.notify import Told, parsed


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"READY=1", Told(7, 8, ready=True)),
        (b"READY=1\n", Told(7, 8, ready=True)),
        (b"WATCHDOG=1", Told(7, 8, alive=True)),
        (b"WATCHDOG=trigger", Told(7, 8, failed=True)),
        (b"STOPPING=1\nSTATUS=bye", Told(7, 8, stopping=True, status="bye")),
        (b"RELOADING=1\nMONOTONIC_USEC=17", Told(7, 8, reloading=True)),
        (b"MAINPID=1\nREADY=1", Told(7, 8, ready=True)),
        (b"STATUS=a=b \x1b[31m\xff", Told(7, 8, status="a=b \\x1b[31m\ufffd")),
        (b"STATUS=" + b"x" * 4000, Told(7, 8, status="x" * 199 + "…")),
        (b"READY=0", None),
        (b"READY=11", None),
        (b"ready=1", None),
        (b" READY=1", None),
        (b"READY", None),
        (b"MAINPID=1", None),
        (b"BARRIER=1", None),
        (b"", None),
        (b"\0\n\n=\n", None),
    ],
)
def test_a_message_is_read(data: bytes, told: Told | None) -> None:
    """Known assignments count, one a line; all else is nothing, and MAINPID changes nobody."""
    assert parsed(data, pid=7, uid=8) == told


@given(st.binary(max_size=5000))
def test_no_message_does_harm(data: bytes) -> None:
    """Whatever the bytes are: nothing is raised, and the status is one short printable line."""
    told = parsed(data, pid=1, uid=2)
    assert told is None or (told.status.isprintable() and len(told.status) <= 200)
