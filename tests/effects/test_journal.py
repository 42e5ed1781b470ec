from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from guardian.effects.journal import Journal


def test_a_record_is_a_line_of_ascii(tmp_path: Path) -> None:
    """Whatever a process calls itself cannot forge a second line (P8)."""
    journal = Journal(str(tmp_path))
    journal.write({"command": 'a\n{"event":"forged"}\x1b[2J\udcff'})
    (line,) = (tmp_path / "journal.jsonl").read_bytes().splitlines()
    assert line.isascii()
    assert json.loads(line)["command"] == 'a\n{"event":"forged"}\x1b[2J\udcff'


def test_the_journal_is_private(tmp_path: Path) -> None:
    """Others cannot read what ran here: 0600 in a folder of 0700 (P9)."""
    folder = tmp_path / "state"
    Journal(str(folder)).write({"a": 1})
    assert stat.S_IMODE(os.stat(folder / "journal.jsonl").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_it_is_rotated_and_its_past_is_bounded(tmp_path: Path) -> None:
    """The journal never takes more than its share of the disk, and no record is torn (P7)."""
    journal = Journal(str(tmp_path), max_size=200, keep=2)
    for number in range(100):
        journal.write({"number": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "journal.jsonl",
        "journal.jsonl.1",
        "journal.jsonl.2",
    ]
    assert all(path.stat().st_size <= 200 for path in tmp_path.iterdir())
    numbers = [record["number"] for record in journal.read()]
    assert numbers == list(range(99, 99 - len(numbers), -1))


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Several guardians write one journal, rotations included (P7)."""
    journal = [Journal(str(tmp_path), max_size=2000, keep=1000) for _ in range(4)]

    def write(number: int) -> None:
        for count in range(50):
            journal[number].write({"who": number, "count": count})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {(record["who"], record["count"]) for record in journal[0].read()}
    assert found == {(who, count) for who in range(4) for count in range(50)}


def test_a_full_or_forbidden_place_is_told_once_and_the_guard_goes_on(tmp_path: Path) -> None:
    """What cannot be written never stops the guard (P10)."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    told: list[str] = []
    journal = Journal(str(blocked / "state"), complain=told.append)
    assert journal.write({"a": 1}) is False
    assert journal.write({"a": 2}) is False
    assert len(told) == 1
    assert "going on without it" in told[0]


def test_torn_lines_are_passed_over(tmp_path: Path) -> None:
    """A crash in the middle of a line costs that line only (P7)."""
    journal = Journal(str(tmp_path))
    journal.write({"a": 1})
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"a": 2, "half\n[1]\nnonsense\n')
    journal.write({"a": 3})
    assert [record["a"] for record in journal.read()] == [3, 1]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in place of the journal does not lead guardian to write elsewhere (P9)."""
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "target")
    assert Journal(str(tmp_path)).write({"a": 1}) is False
    assert not (tmp_path / "target").exists()


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.none())))
def test_what_is_written_is_read(tmp_path_factory, record: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    """For every record: reading gives back what was written (P8)."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(str(folder))
    journal.write(record)
    assert list(journal.read()) == [record]
