"""The times of a log."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlet import Outlet, drain

from guardian.output.rotation import numbers
from guardian.output.times import SIZE, Stamps, Times, forget, times_folder, times_path

STEPS = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from([0.0, 0.002, 0.5, 2.0, -3.0])), min_size=1, max_size=900
)


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    made = Outlet()
    yield made
    made.close()


@given(steps=STEPS, asked=st.lists(st.integers(0, 30000), max_size=40), order=st.sampled_from([1, -1, 0]))
def test_each_offset_has_the_time_of_its_chunk(
    steps: list[tuple[int, float]], asked: list[int], order: int
) -> None:
    """Whatever is asked in whatever order: the time of the last chunk at or before it, within 10 ms."""
    outlet = Outlet()
    try:
        times, offset, now, chunks = Times(outlet.times, 7), 0, 1000.0, []
        for size, later in steps:
            now += later
            times.note(offset, now)
            chunks.append((offset, now))
            offset += size
        stamps = Stamps(outlet.times, 7, otherwise=1.0)
        for at in sorted(asked, reverse=order < 0) if order else asked:
            place = min(at, offset)
            found = chunks[bisect.bisect_right(chunks, place, key=lambda chunk: chunk[0]) - 1][1]
            assert stamps.at(place, offset + 1) == pytest.approx(found, abs=0.0101)
        times.close()
        stamps.close()
    finally:
        outlet.close()


def test_times_written_later_are_seen(tmp_path: Path) -> None:
    """A reader that has the times open sees records that are added, and a log's first one."""
    stamps = Stamps(str(tmp_path), 7, otherwise=5.0)
    assert stamps.at(0, 1) == 5.0
    times = Times(str(tmp_path), 7)
    times.note(10, 100.0)
    assert stamps.at(3, 10) == 100.0  # the nearest later one
    times.note(20, 200.0)
    assert [stamps.at(n, 30) for n in (12, 19, 20, 29)] == [100.0, 100.0, 200.0, 200.0]
    times.close()
    stamps.close()


def test_half_a_record_is_written_over(tmp_path: Path) -> None:
    """A record that a full disk or SIGKILL cut in two is none, and the next one takes its place (P7)."""
    times = Times(str(tmp_path), 7)
    times.note(0, 100.0)
    times.note(10, 200.0)
    times.close()
    os.truncate(times_path(str(tmp_path), 7), 2 * SIZE - 3)
    times = Times(str(tmp_path), 7)
    times.note(20, 300.0)
    times.close()
    stamps = Stamps(str(tmp_path), 7, otherwise=0.0)
    assert [stamps.at(n, 30) for n in (5, 15, 25)] == [100.0, 100.0, 300.0]
    stamps.close()


def test_repeated_tries_leave_one_record(tmp_path: Path) -> None:
    """While the log cannot be written its times do not grow; the last try's time counts."""
    times = Times(str(tmp_path), 7)
    times.note(0, 100.0)
    for seconds in range(100):
        times.note(10, 200.0 + seconds)
    assert times.size == 3 * SIZE  # these two, and the next one
    stamps = Stamps(str(tmp_path), 7, otherwise=0.0)
    assert [stamps.at(n, 20) for n in (0, 10)] == [100.0, 299.0]
    times.close()
    stamps.close()


def test_times_that_cannot_be_written_are_no_fault(tmp_path: Path) -> None:
    """A file stands where the folder should be: the log is written all the same (P7)."""
    outlet = Outlet(tmp_path)
    Path(outlet.times).write_text("")
    channel = outlet.channel()
    outlet.write(b"one\n")
    assert channel.move() == 4
    assert outlet.files() == [b"one\n"]
    channel.close()
    os.close(outlet.end)


def test_times_go_with_their_files(outlet: Outlet) -> None:
    """Through many rotations there are times for the files that are there, and for no others."""
    channel = outlet.channel(max_size=300, keep=2)
    for number in range(100):
        outlet.now += 1
        outlet.write(b"%d %s\n" % (number, b"x" * 40))
        channel.move()
    folder = Path(times_folder(outlet.times, outlet.file))
    inodes = {os.stat(f"{outlet.file}.{n}" if n else outlet.file).st_ino for n in numbers(outlet.file)}
    assert {int(path.name) for path in folder.iterdir()} == inodes
    channel.close()


def test_new_file_does_not_inherit_times(tmp_path: Path) -> None:
    """An inode is used again: what an older file of that number had is not taken for the new one's."""
    times = Times(str(tmp_path), 7)
    times.note(0, 100.0)
    times.close()
    times = Times(str(tmp_path), 7)
    times.cut(0)
    times.note(0, 100.001)
    times.note(1, 500.0)
    times.close()
    stamps = Stamps(str(tmp_path), 7, otherwise=0.0)
    assert [stamps.at(n, 10) for n in (0, 1)] == [100.001, 500.0]
    stamps.close()


def test_forgetting_keeps_the_living_and_strangers(tmp_path: Path) -> None:
    """Times of files that are gone are removed; what else lies there, and a missing folder, is not."""
    for name in ("1", "2", "note.txt"):
        (tmp_path / name).write_text("")
    forget(str(tmp_path), lambda: {2})
    forget(str(tmp_path / "missing"), lambda: {2})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "note.txt"]


def test_logs_of_one_name_have_their_own_times(tmp_path: Path) -> None:
    """Two services may each have a web.log in folders of their own."""
    assert times_folder("/t", "/a/web.log") != times_folder("/t", "/b/web.log")
    assert times_folder("/t", "/a/web.log") == times_folder("/t", "/a/../a/web.log")


def test_cut_log_has_no_times_of_what_is_gone(outlet: Outlet) -> None:
    """After somebody truncates the log, new lines have new times."""
    channel = outlet.channel()
    for _ in range(5):
        outlet.now += 1
        outlet.write(b"x" * 20 + b"\n")
        channel.move()
    os.truncate(outlet.file, 0)
    outlet.now = 2000.0
    outlet.write(b"y" * 50 + b"\n")
    drain(channel)
    stamps = Stamps(times_folder(outlet.times, outlet.file), os.stat(outlet.file).st_ino, otherwise=0.0)
    assert stamps.at(45, 51) == 2000.0
    stamps.close()
    channel.close()
