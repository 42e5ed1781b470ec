"""Reading logs, from their end and as they grow."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlet import Outlet, drain

from guardian.output.channel import reserve
from guardian.output.reading import Follower, LogLine, Source, read, tail
from guardian.output.rotation import rotate

TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40),
        st.integers(0, 400).map(lambda n: "x" * n),
    ),
    max_size=60,
)


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    made = Outlet()
    yield made
    made.close()


@pytest.fixture
def errors(outlet: Outlet) -> Iterator[Outlet]:
    made = Outlet(outlet.root, "stderr")
    yield made
    os.close(made.end)


def longest(printed: bytes) -> int:
    return max(map(len, printed.split(b"\n"))) + 1


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


@given(printed=TEXTS, wanted=st.integers(0, 70), max_size=st.integers(900, 3000), open_end=st.booleans())
def test_tail_returns_the_last_lines(printed: list[str], wanted: int, max_size: int, open_end: bool) -> None:
    """The last N lines over rotated files, in order, with the time of each; also a half one."""
    outlet = Outlet()
    try:
        channel = outlet.channel(max_size=max_size, keep=100)
        for number, text in enumerate(printed):
            outlet.now = 1000.0 + number
            outlet.write(text.encode() + b"\n" * (not open_end or number < len(printed) - 1))
            drain(channel)
        there = [(1000.0 + n, text) for n, text in enumerate(printed)]
        if open_end and printed and not printed[-1]:
            there.pop()  # nothing was printed
        expected = there[len(there) - wanted :] if wanted < len(there) else there
        found = tail([outlet.source()], lines=wanted)
        assert [(line.at, line.text) for line in found] == (expected if wanted else [])
        assert tail([outlet.source()]) == list(read([outlet.source()]))
        assert texts(tail([outlet.source()])) == [text for _, text in there]
        channel.close()
    finally:
        outlet.close()


@given(
    deeds=st.lists(
        st.tuples(
            st.one_of(st.binary(max_size=60), st.integers(0, 400).map(lambda n: b"x" * n + b"\n")),
            st.sampled_from(["", "move", "new", "new", "reopen"]),
        ),
        max_size=80,
    ),
    max_size=st.integers(900, 4000),
)
def test_follower_gives_each_line_once(deeds: list[tuple[bytes, str]], max_size: int) -> None:
    """However writing, rotating, restarting and reading follow each other: every line once, in order (P7)."""
    outlet = Outlet()
    try:
        channel, got, printed = outlet.channel(max_size=max_size, keep=200), [], b""
        follower = Follower([outlet.source()])
        for piece, deed in deeds:
            outlet.write(piece) if piece else None
            printed += piece
            if deed == "reopen":
                channel.close()
                channel = outlet.channel(max_size=max_size, keep=200)
            elif deed:
                drain(channel)
            if deed == "new":
                got += follower.new()
                assert len(got) == printed.count(b"\n") or longest(printed) > reserve(max_size)
        drain(channel)
        got += follower.new(over=True)
        lines = printed.split(b"\n")
        if not lines[-1]:
            lines.pop()
        whole = [line.decode("utf-8", "backslashreplace") for line in lines]
        assert "".join(texts(got)) == "".join(whole)
        assert texts(got) == whole or longest(printed) > reserve(max_size)
        follower.close()
        channel.close()
    finally:
        outlet.close()


def test_streams_and_services_are_merged_by_time(outlet: Outlet, errors: Outlet) -> None:
    """Lines of several logs come in the order of their times, those of one time by the sources."""
    channels = (outlet.channel(), errors.channel())
    for number, (log, channel) in enumerate([(outlet, channels[0]), (errors, channels[1])] * 3):
        log.now = 1000.0 + number // 2
        log.write(b"%d\n" % number)
        channel.move()
    sources = [outlet.source(), errors.source()]
    assert texts(tail(sources)) == ["0", "1", "2", "3", "4", "5"]
    assert texts(list(read(sources, grep=re.compile("[1-4]")))) == ["1", "2", "3", "4"]
    assert texts(tail(sources[::-1], lines=3)) == ["2", "5", "4"]
    assert [(line.stream, line.level) for line in tail(sources, lines=2)] == [
        ("stdout", "info"),
        ("stderr", "error"),
    ]
    for channel in channels:
        channel.close()


def test_since_and_grep_choose(outlet: Outlet) -> None:
    """`since` is a time, itself included; `grep` is searched in the text; what it leaves is counted."""
    channel = outlet.channel()
    for number in range(20):
        outlet.now = 1000.0 + number
        outlet.write(b"%s %d\n" % (b"even" if number % 2 == 0 else b"odd", number))
        channel.move()
    source = [outlet.source()]
    assert texts(tail(source, since=1018.0)) == ["even 18", "odd 19"]
    assert texts(tail(source, lines=2, grep=re.compile("^even"))) == ["even 16", "even 18"]
    assert texts(tail(source, since=1017.0, grep=re.compile("odd"))) == ["odd 17", "odd 19"]
    assert tail(source, since=2000.0) == []
    follower = Follower(source, since=1019.0, grep=re.compile("odd"))
    outlet.write(b"even 20\nodd 21\n")
    channel.move()
    assert texts(follower.new()) == ["odd 19"]
    assert texts(follower.new()) == ["odd 21"]
    assert follower.new() == []
    follower.close()
    channel.close()


def test_follower_begins_with_the_last_lines(outlet: Outlet) -> None:
    """The last lines and those that come: none twice, none left out, a half line once it is whole."""
    channel = outlet.channel()
    outlet.write(b"one\ntwo\nthr")
    channel.move()
    follower = Follower([outlet.source()], lines=1)
    outlet.write(b"ee\nfour\n")
    channel.move()
    assert texts(follower.new()) == ["two"]
    assert texts(follower.new()) == ["three", "four"]
    everything, nothing = Follower([outlet.source()], lines=None), Follower([outlet.source()])
    assert texts(everything.new()) == ["one", "two", "three", "four"]
    assert nothing.new() == []
    for each in (follower, everything, nothing):
        each.close()
    channel.close()


def test_nothing_to_read_is_nothing(outlet: Outlet) -> None:
    """No log, no folder, an empty log: no lines, no error; a follower waits for the log to come."""
    source = Source("web", "stdout", str(outlet.root / "none" / "web.log"), outlet.times)
    assert tail([]) == tail([source]) == []
    follower = Follower([outlet.source()], lines=10)
    assert follower.new() == []
    channel = outlet.channel()
    assert tail([outlet.source()]) == follower.new() == []
    outlet.write(b"here\n")
    channel.move()
    assert texts(follower.new()) == ["here"]
    follower.close()
    channel.close()


def test_log_that_was_removed_is_not_told_again(outlet: Outlet) -> None:
    """Somebody removes the log: a follower goes on with the new one and does not begin with the old ones."""
    channel = outlet.channel(max_size=400)
    for number in range(20):
        outlet.write(b"%d %s\n" % (number, b"x" * 60))
        channel.move()
    follower = Follower([outlet.source()])
    os.unlink(outlet.file)
    outlet.write(b"new\n")
    channel.move()
    assert texts(follower.new()) == ["new"]
    os.truncate(outlet.file, 0)
    outlet.write(b"a\n")
    channel.move()
    assert texts(follower.new()) == ["a"]
    follower.close()
    channel.close()


def test_slow_follower_gets_what_is_left(outlet: Outlet) -> None:
    """A follower that sleeps through more rotations than files are kept goes on with the oldest there is."""
    channel = outlet.channel(max_size=300, keep=2)
    outlet.write(b"first\n")
    channel.move()
    follower = Follower([outlet.source()], lines=1)
    for number in range(100):
        outlet.write(b"%d %s\n" % (number, b"x" * 60))
        channel.move()
    left = texts(tail([outlet.source()]))
    got = texts(follower.new() + follower.new())
    assert got[0] == "first"
    assert got[1].startswith("0 ")  # its own file, which it holds open
    assert got[-len(left) :] == left
    assert len(got) < 50
    follower.close()
    channel.close()


def test_line_over_many_files_is_followed(outlet: Outlet) -> None:
    """A line that had to be cut is followed in parts, none of them lost (P7)."""
    channel = outlet.channel(max_size=1000, keep=50)
    follower = Follower([outlet.source()])
    outlet.write(b"x" * 5000 + b"y\nnext\n")
    drain(channel)
    found = texts(follower.new())
    assert ("".join(found[:-1]), found[-1]) == ("x" * 5000 + "y", "next")
    follower.close()
    channel.close()


def test_long_lines_are_followed_whole(outlet: Outlet) -> None:
    """A line of 1 MB comes in one piece, a longer one in pieces while it has no end (P7)."""
    channel = outlet.channel(max_size=32 << 20)
    follower, got = Follower([outlet.source()]), []
    for size in (900_000, 1_500_000):
        line = b"x" * size + b"\n"
        for at in range(0, len(line), 1 << 19):
            outlet.write(line[at : at + (1 << 19)])
            drain(channel)
            got += [len(each.text) for each in follower.new()]
    assert got == [900_000, 1 << 20, 1_500_000 - (1 << 20)]
    assert [len(line.text) for line in tail([outlet.source()])] == [900_000, 1_500_000]
    follower.close()
    channel.close()


def test_rotation_killed_half_way_can_be_read(outlet: Outlet) -> None:
    """Between two renames the log has no newest file: tail and follower read what there is (P6, P7)."""
    channel = outlet.channel(max_size=400)
    outlet.write(b"one\n")
    channel.move()
    follower = Follower([outlet.source()])
    channel.close()
    rotate(outlet.file, 5)
    assert texts(tail([outlet.source()])) == ["one"]
    assert follower.new() == []
    late = Follower([outlet.source()])
    channel = outlet.channel(max_size=400)
    outlet.write(b"two\n")
    channel.move()
    assert texts(follower.new()) == texts(late.new()) == ["two"]
    for each in (follower, late, channel):
        each.close()


def test_bytes_that_are_no_text_are_shown(outlet: Outlet) -> None:
    """Undecodable bytes become \\xNN, control characters stay; only the newline ends a line (P10)."""
    channel = outlet.channel()
    outlet.write(b"\xff\xfe caf\xc3\xa9 \x1b[31m\r\x85\x1c\nnext\n")
    channel.move()
    assert texts(tail([outlet.source()])) == ["\\xff\\xfe café \x1b[31m\r\\x85\x1c", "next"]
    channel.close()


def test_few_lines_of_a_large_log_are_read_from_its_end(tmp_path: Path) -> None:
    """-n 10 of 10 MB reads some 100 KB, not 10 MB (P12)."""
    log = tmp_path / "web.log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(900_000)))
    assert log.stat().st_size > 10 << 20
    source = Source("web", "stdout", str(log), str(tmp_path / "times"))
    before = read_so_far()
    found = tail([source], lines=10)
    assert read_so_far() - before < 300_000
    assert texts(found) == [f"line {number}" for number in range(899_990, 900_000)]


def test_all_of_a_large_log_is_read_in_parts(tmp_path: Path) -> None:
    """All lines of 20 MB in two logs are given one after the other, without all of them in memory (P12)."""
    sources = []
    for stream in ("stdout", "stderr"):
        log = tmp_path / f"{stream}.log"
        log.write_bytes(b"".join(b"line %d\n" % number for number in range(900_000)))
        sources.append(Source("web", stream, str(log), str(tmp_path / "times")))
    before, lines = read_so_far(), read(sources)
    assert next(lines).text == "line 0"
    assert read_so_far() - before < 1 << 20
    lines.close()  # type: ignore[attr-defined]


def read_so_far() -> int:
    """Return the bytes that this process has read (rchar, proc(5))."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_readers_leave_no_descriptor_open(outlet: Outlet) -> None:
    """Whatever was read, all files are closed again, also when only some lines were wanted."""
    channel = outlet.channel(max_size=300, keep=10)
    before = len(os.listdir("/proc/self/fd"))
    follower = Follower([outlet.source()], lines=3)
    for number in range(50):
        outlet.write(b"%d %s\n" % (number, b"x" * 60))
        channel.move()
        if number % 5 == 0:
            follower.new()
        tail([outlet.source()], lines=number % 7)
    follower.close()
    assert len(os.listdir("/proc/self/fd")) == before
    channel.close()
