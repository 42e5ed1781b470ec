"""Channels: what goes in comes out, whole lines, within the quota."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlet import Outlet, drain

from guardian.errors import OutputError
from guardian.output.channel import Channel, reserve
from guardian.output.inlet import Splicing, make_fifo

LINES = st.integers(0, 700).flatmap(
    lambda n: st.sampled_from([b"x", b"\0", b"\r", b"\xff"]).map(lambda c: c * n)
)
PIECES = st.one_of(
    LINES.map(lambda line: line + b"\n"),  # a whole line
    LINES,  # half of one
    st.binary(max_size=300),
    st.lists(LINES, max_size=12).map(lambda lines: b"".join(line + b"\n" for line in lines)),
)
DEEDS = st.lists(st.tuples(PIECES, st.sampled_from(["", "move", "move", "reopen", "remember"])), max_size=40)


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    made = Outlet()
    yield made
    made.close()


def played(outlet: Outlet, deeds: list[tuple[bytes, str]], max_size: int, keep: int) -> bytes:
    """Print the pieces and move in between, with a new channel here and there; return what was printed."""
    channel, printed = outlet.channel(max_size=max_size, keep=keep), b""
    for piece, deed in deeds:
        outlet.write(piece) if piece else None
        printed += piece
        outlet.now += 0.012
        if deed == "reopen":
            channel.close()
            channel = outlet.channel(max_size=max_size, keep=keep)
        elif deed:
            channel.move()
    drain(channel)
    channel.close()
    return printed


def longest(data: bytes) -> int:
    return max(map(len, data.split(b"\n"))) + 1


@given(deeds=DEEDS, max_size=st.integers(256, 3000))
def test_rotated_files_hold_what_was_printed(deeds: list[tuple[bytes, str]], max_size: int) -> None:
    """All files, oldest first, are what was printed; lines up to the reserve are in one file each (P7)."""
    outlet = Outlet()
    try:
        printed = played(outlet, deeds, max_size, keep=500)
        files = outlet.files()
        assert b"".join(files) == printed
        if longest(printed) <= reserve(max_size):
            assert all(file.endswith(b"\n") for file in files[:-1])
        assert all(len(file) <= max_size for file in files)
    finally:
        outlet.close()


@given(deeds=DEEDS, max_size=st.integers(256, 2000), keep=st.integers(0, 4))
def test_quota_is_kept_from_the_old_end(deeds: list[tuple[bytes, str]], max_size: int, keep: int) -> None:
    """With their times all files are within (keep + 1) * max_size; what went is the oldest, at a line end."""
    outlet = Outlet()
    try:
        printed = played(outlet, deeds, max_size, keep)
        files, kept = outlet.files(), b"".join(outlet.files())
        assert printed.endswith(kept)
        assert len(files) <= keep + 1
        assert sum(map(len, files + outlet.kept())) <= (keep + 1) * max_size
        gone = printed.removesuffix(kept)
        if longest(printed) <= reserve(max_size):
            assert not gone or gone.endswith(b"\n")
        assert len(outlet.kept()) <= len(files)
    finally:
        outlet.close()


@given(deeds=DEEDS, max_size=st.integers(256, 3000))
def test_hook_gets_every_byte_in_whole_lines(deeds: list[tuple[bytes, str]], max_size: int) -> None:
    """`lines` gets what was moved, in order and once; a half line waits for its end."""
    outlet, got = Outlet(), []
    try:
        channel = outlet.channel(max_size=max_size, keep=3)
        channel.lines = got.append
        printed = b""
        for piece, deed in deeds:
            outlet.write(piece) if piece else None
            printed += piece
            if deed:
                channel.move()
        drain(channel)
        whole = printed[: printed.rfind(b"\n") + 1]
        assert b"".join(got).startswith(whole)
        if longest(printed) <= reserve(max_size):
            assert b"".join(got) == whole
            assert all(block.endswith(b"\n") for block in got)
        channel.close()
    finally:
        outlet.close()


def test_hook_begins_when_it_is_set(outlet: Outlet) -> None:
    """What was moved before, and while nobody listened, is not told."""
    channel, got = outlet.channel(), []
    for hook, text in ((None, b"one\n"), (got.append, b"two\n"), (None, b"three\n"), (got.append, b"four\n")):
        channel.lines = hook
        outlet.write(text)
        channel.move()
    assert got == [b"two\n", b"four\n"]
    channel.close()


def test_line_without_end_is_cut_in_the_end(outlet: Outlet) -> None:
    """A line longer than the whole quota of a file fills files, and what comes behind it is whole (P7)."""
    channel = outlet.channel(max_size=1000, keep=50)
    outlet.write(b"x" * 5000 + b"\nnext\n")
    drain(channel)
    assert b"".join(outlet.files()) == b"x" * 5000 + b"\nnext\n"
    assert max(map(len, outlet.files())) <= 1000
    channel.close()


def test_one_move_is_bounded(outlet: Outlet) -> None:
    """A channel takes half a MB and lets others have a turn, however much is there (P12)."""
    outlet.write(b"x" * (1 << 20))
    channel = outlet.channel(max_size=64 << 20)
    assert [channel.move() for _ in range(3)] == [1 << 19, 1 << 19, 0]
    channel.close()


@pytest.mark.parametrize("step", [1, 7, 50])
def test_line_that_comes_in_bits_stays_whole(outlet: Outlet, step: int) -> None:
    """A line may begin anywhere and come slowly: up to the reserve it is in one file (P7)."""
    channel, printed = outlet.channel(max_size=1000, keep=100), b""
    for number in range(25):
        line = b"%d %s\n" % (number, b"x" * (reserve(1000) - 4 - number % 3 * 100))
        printed += line
        for at in range(0, len(line), step):
            outlet.write(line[at : at + step])
            channel.move()
    assert b"".join(outlet.files()) == printed
    assert all(file.endswith(b"\n") for file in outlet.files())
    channel.close()


def test_failing_rotation_tells_no_line_twice(outlet: Outlet) -> None:
    """While the log cannot be rotated `lines` hears nothing, and afterwards only what is new (P7)."""
    channel, got = outlet.channel(max_size=300, keep=1), []
    channel.lines = got.append
    hindrance = Path(outlet.file + ".1")
    outlet.write(b"one " + b"x" * 200 + b"\n")
    channel.move()
    hindrance.mkdir()
    outlet.write(b"two " + b"x" * 200 + b"\n")
    for _ in range(3):
        with pytest.raises(OutputError, match="name a file, not a folder"):
            channel.move()
    hindrance.rmdir()
    channel.move()
    assert [block[:3] for block in got] == [b"one", b"two"]
    channel.close()


def test_nobody_writing_is_no_event(outlet: Outlet) -> None:
    """When all writers are gone the channel is not readable: no busy loop on a hang-up (P12)."""
    channel = outlet.channel()
    other = os.open(outlet.fifo, os.O_WRONLY)
    os.write(other, b"last words")
    os.close(other)
    os.close(outlet.end)
    poll = select.epoll()
    poll.register(channel, select.EPOLLIN)
    assert poll.poll(0)
    assert channel.move() == 10
    assert poll.poll(0) == []
    assert channel.move() == 0
    poll.close()
    channel.close()
    outlet.end = os.open(outlet.fifo, os.O_RDWR | os.O_NONBLOCK)


def test_removed_log_is_made_anew(outlet: Outlet) -> None:
    """Somebody removes the log, or its folder, while it is written: there is a new one, and it is 0600."""
    channel = outlet.channel()
    for text in (b"one\n", b"two\n"):
        outlet.write(text)
        channel.move()
        assert outlet.files() == [text]
        assert os.stat(outlet.file).st_mode & 0o777 == 0o600
        os.unlink(outlet.file)
        os.rmdir(os.path.dirname(outlet.file))
    channel.close()


def test_moved_log_is_left_alone(outlet: Outlet) -> None:
    """Somebody's own rotation (mv) keeps what it took; we go on in a new file."""
    channel = outlet.channel()
    outlet.write(b"one\n")
    channel.move()
    os.rename(outlet.file, outlet.file + ".old")
    outlet.write(b"two\n")
    channel.move()
    assert (Path(outlet.file + ".old").read_bytes(), outlet.files()) == (b"one\n", [b"two\n"])
    channel.close()


def test_log_that_was_exchanged_is_gone_on_with(outlet: Outlet) -> None:
    """Somebody puts another file in the log's place: we go on at its end, and tell only what we moved."""
    channel, got = outlet.channel(), []
    channel.lines = got.append
    outlet.write(b"one\n")
    channel.move()
    Path(outlet.file + ".other").write_bytes(b"mine\n")
    os.replace(outlet.file + ".other", outlet.file)
    outlet.write(b"two\n")
    channel.move()
    assert (outlet.files(), got) == ([b"mine\ntwo\n"], [b"one\n", b"two\n"])
    channel.close()


def test_cut_or_longer_log_has_no_hole(outlet: Outlet) -> None:
    """Somebody truncates the log, or adds to it: we go on at its end, wherever that is."""
    channel = outlet.channel()
    channel.lines = lambda block: got.append(block)
    got: list[bytes] = []
    for text in (b"one\n", b"two\n", b"three\n"):
        outlet.write(text)
        channel.move()
        os.truncate(outlet.file, 0 if text == b"one\n" else len(b"two\n"))
    with open(outlet.file, "ab") as file:
        file.write(b"mine\n")
    outlet.write(b"four\n")
    channel.move()
    assert outlet.files() == [b"two\nmine\nfour\n"]
    assert got[:3] == [b"one\n", b"two\n", b"three\n"]
    assert b"".join(got).endswith(b"four\n")
    channel.close()


def test_fewer_files_when_fewer_are_wanted(outlet: Outlet) -> None:
    """`keep` and `max_size` may be lowered while it is written; a rotation removes what is too much."""
    channel = outlet.channel(max_size=300, keep=6)
    for number in range(60):
        outlet.write(b"%d %s\n" % (number, b"x" * 50))
        channel.move()
    assert len(outlet.files()) == 7
    channel.keep = 2
    outlet.write(b"x" * 200 + b"\n" + b"y" * 100 + b"\n")
    drain(channel)
    assert len(outlet.files()) == 3
    channel.close()


def refuse(*_: object, **__: object) -> int:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize("refused", [False, True])
def test_without_splice_it_reads_and_writes(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """Where there is no splice(2), or the file system refuses it, the same comes out (P7, P11)."""
    monkeypatch.setattr(os, "splice", refuse) if refused else monkeypatch.delattr(os, "splice")
    lines = [b"%d %s\n" % (number, b"x" * (number % 90)) for number in range(500)]
    channel = outlet.channel(max_size=2000, keep=100)
    for line in lines:
        outlet.write(line)
        if len(line) % 3 == 0:
            channel.move()
    drain(channel)
    assert b"".join(outlet.files()) == b"".join(lines)
    assert all(file.endswith(b"\n") and len(file) <= 2000 for file in outlet.files())
    channel.close()


def test_what_was_read_is_not_left_lying(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without splice(2) a move leaves nothing behind that no event would tell of (P7)."""
    monkeypatch.delattr(os, "splice")
    outlet.write(b"x" * 1000)
    channel = outlet.channel()
    outlet.write(b"x" * ((1 << 20) - 1000))
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    while poll.poll(0):
        channel.move()
    assert sum(map(len, outlet.files())) == 1 << 20
    channel.close()


def test_pipe_that_cannot_be_peeked_at(outlet: Outlet) -> None:
    """Where tee(2) fails that is an error like a refused splice: then it is read and written (P11)."""
    outlet.write(b"x")
    with pytest.raises(OSError, match="Invalid"):
        Splicing(outlet.end, lambda *_: -1).peek(10)


def test_null_device_takes_everything(outlet: Outlet) -> None:
    """log_file = "/dev/null" is a wish like any other: nothing is kept, nothing rotates."""
    outlet.file = os.devnull
    channel = outlet.channel(max_size=256)
    outlet.write(b"gone\n" * 1000)
    assert drain(channel) == 5000
    assert os.path.exists(os.devnull)
    channel.close()


def test_bad_places_are_refused_in_a_line(outlet: Outlet) -> None:
    """A folder, a link, a FIFO or a file in the way of the folder: what, why, what to do (P10)."""
    root = outlet.root
    (root / "folder").mkdir()
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    (root / "plain").write_bytes(b"")
    for name, word in (
        ("folder", "name a file"),
        ("link", "no link"),
        ("pipe", "not a device"),
        ("plain/web.log", "directory"),
    ):
        outlet.file = str(root / name)
        with pytest.raises(OutputError, match=word) as caught:
            outlet.channel()
        assert outlet.file in str(caught.value)
        assert "\n" not in str(caught.value)


def test_failing_log_loses_nothing(outlet: Outlet) -> None:
    """While the log cannot be written it all stays in the pipe, move() says so, and later it goes on (P7)."""
    channel = outlet.channel()
    outlet.write(b"one\n")
    channel.move()
    os.rename(outlet.file, outlet.file + ".1")
    os.mkdir(outlet.file)
    outlet.write(b"two\n")
    for _ in range(3):
        with pytest.raises(OutputError, match="Nothing is lost"):
            channel.move()
        assert channel.rest > 0
    os.rmdir(outlet.file)
    assert channel.move() == 4
    assert outlet.files() == [b"one\n", b"two\n"]
    channel.close()


def test_rest_lets_chatter_gather(outlet: Outlet) -> None:
    """After a move the channel asks for a rest of at most 10 ms, and of none when nothing came (P12)."""
    channel = outlet.channel()
    outlet.write(b"one\n")
    channel.move()
    assert 0 < channel.rest <= 0.01
    channel.move()
    assert channel.rest == 0
    channel.close()


def test_fifo_is_made_once_and_kept(tmp_path: Path) -> None:
    """A FIFO of ours is used again with all that it holds; it is 0600 whatever the umask says (P6)."""
    path = str(tmp_path / "fifo")
    before = os.umask(0)
    try:
        make_fifo(path)
    finally:
        os.umask(before)
    assert os.stat(path).st_mode & 0o777 == 0o600
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(end, b"kept")
    make_fifo(path)
    assert os.read(end, 10) == b"kept"
    os.close(end)


def test_fifo_of_another_service_user(tmp_path: Path, needs_root: None) -> None:
    """A FIFO belongs to the user of its service, also when it was ours before."""
    path = str(tmp_path / "fifo")
    make_fifo(path)
    for _ in range(2):
        make_fifo(path, 12345)
        assert os.stat(path).st_uid == 12345


def test_what_is_no_fifo_of_ours_is_refused(tmp_path: Path) -> None:
    """A file, a link, or a FIFO that others may use is not taken for the service's (P9, P10)."""
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "good", 0o600)
    (tmp_path / "link").symlink_to("good")
    os.mkfifo(tmp_path / "open")
    (tmp_path / "open").chmod(0o622)
    for name in ("file", "link", "open"):
        with pytest.raises(OutputError, match="remove it"):
            make_fifo(str(tmp_path / name))
    with pytest.raises(OutputError, match="no-folder"):
        make_fifo(str(tmp_path / "no-folder" / "fifo"))
    for name in ("file", "link", "missing"):
        with pytest.raises(OutputError, match="FIFO"):
            Channel(str(tmp_path / name), str(tmp_path / "log"), max_size=4096, keep=1, times=str(tmp_path))
