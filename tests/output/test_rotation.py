"""Rotation of the files of one log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlet import Outlet

from guardian.output.rotation import numbered, numbers, rotate


def fill(root: Path, present: set[int]) -> str:
    """Make the files of these numbers, each holding its number; return the path of the log."""
    path = str(root / "web.log")
    for number in present:
        Path(numbered(path, number)).write_text(f"{number}")
    return path


def held(path: str) -> list[int]:
    """Return what the files hold, the oldest first."""
    return [int(Path(numbered(path, number)).read_text()) for number in reversed(numbers(path))]


@given(present=st.sets(st.integers(1, 7)), keep=st.integers(1, 6))
def test_rotation_keeps_order_and_drops_only_the_oldest(present: set[int], keep: int) -> None:
    """Whatever gaps there are, the order stays, the log's name is free, and only what is too much goes."""
    outlet = Outlet()
    try:
        path = fill(outlet.root, present | {0})
        before = held(path)
        rotate(path, keep)
        after = held(path)
        assert not Path(path).exists()
        assert after == before[len(before) - len(after) :]
        assert len(after) >= min(keep, len([n for n in before if n <= keep]))
    finally:
        outlet.close()


@pytest.mark.parametrize("step", range(1, 5))
def test_rotation_that_stops_half_way_is_gone_on_with(tmp_path: Path, step: int) -> None:
    """A rename in the middle fails, as when it was killed there: the next one goes on (P7)."""
    path = fill(tmp_path, {0, 1, 2, 3})
    hindrance = Path(numbered(path, step))
    kept = hindrance.read_text() if hindrance.exists() else None
    hindrance.unlink(missing_ok=True)
    if step < 4:
        rotate(path, 9)  # ends at the gap: what a rotation leaves that was killed after its first renames
    else:
        hindrance.mkdir()
        with pytest.raises(OSError, match="directory"):
            rotate(path, 4)
        hindrance.rmdir()
        rotate(path, 4)
    wanted = [n for n in (3, 2, 1, 0) if kept is None or n != step]
    assert held(path) == wanted


def test_no_rotated_files_are_wanted(tmp_path: Path) -> None:
    """With `keep` 0 the log goes, and so do the rotated ones of better days."""
    path = fill(tmp_path, {0, 1, 2})
    rotate(path, 0)
    assert numbers(path) == []


def test_strangers_beside_the_log_are_left_alone(tmp_path: Path) -> None:
    """Files of similar names are nobody's rotated log."""
    path = fill(tmp_path, {0, 1})
    strangers = [
        "web.log.20261121",
        "web.log.gz",
        "web.log.01",
        "web.log.-1",
        "web.log.²",
        "web.logs.1",
        "web",
    ]
    for name in strangers:
        (tmp_path / name).write_text("")
    assert numbers(path) == [0, 1]
    rotate(path, 1)
    assert all((tmp_path / name).exists() for name in strangers)
    assert numbers(str(tmp_path / "no" / "web.log")) == []
