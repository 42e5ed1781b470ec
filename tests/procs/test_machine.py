"""The machine's memory, load and pressure, as the kernel and odd kernels tell them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardian.errors import SeeError
from guardian.procs.machine import look_at_machine, parse_meminfo, parse_pressure

MEMINFO = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\nSwapTotal: 8 kB\nSwapFree: 4 kB\nx: y\n\n"


def test_memory_is_in_bytes() -> None:
    """Numbers are bytes; lines that hold none are left out."""
    assert parse_meminfo(MEMINFO) == {
        "MemTotal": 1024000,
        "MemFree": 10240,
        "MemAvailable": 409600,
        "SwapTotal": 8192,
        "SwapFree": 4096,
    }


@pytest.mark.parametrize(
    ("text", "pressure"),
    [
        ("some avg10=1.25 avg60=0.00 avg300=0.00 total=5\nfull avg10=9.00 avg60=0 avg300=0 total=1\n", 1.25),
        ("full avg10=9.00\nsome avg10=2.00\n", 2.0),
        ("", None),
        ("some\n", None),
        ("some total=5\n", None),
    ],
)
def test_pressure_is_some_avg10(text: str, pressure: float | None) -> None:
    """Pressure is the share of the last 10 s in which somebody waited; None when it is not told (P11)."""
    assert parse_pressure(text) == pressure


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_kernel_without_pressure(tmp_path: Path) -> None:
    """Without PSI, or with an older meminfo, the rest is told all the same (P11)."""
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 10 kB\n")
    seen = look_at_machine(str(tmp_path))
    assert (seen.memory_total, seen.memory_available, seen.pressure) == (1024000, 10240, None)
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "memory").write_text("some avg10=3.00 avg60=0.00\n")
    assert look_at_machine(str(tmp_path)).pressure == 3.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("text", ["", "nonsense\n"])
def test_a_meminfo_that_tells_nothing_is_said(tmp_path: Path, text: str) -> None:
    """Without a total the machine cannot be judged, and the message says so (P10)."""
    (tmp_path / "meminfo").write_text(text)
    with pytest.raises(SeeError, match="cannot read the machine's memory"):
        look_at_machine(str(tmp_path))


def test_this_machine() -> None:
    """What is told of this machine hangs together, by /proc and by the portable reader alike."""
    for seen in (look_at_machine(), look_at_machine("/nowhere")):
        assert 0 < seen.memory_available <= seen.memory_total
        assert 0 <= seen.swap_free <= seen.swap_total
        assert seen.cores >= 1
        assert len(seen.load) == 3
