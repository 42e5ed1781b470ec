"""Hostile rows: what a /proc may show that no honest program would write."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from procfs import ProcFolder, stat_line

from guardian.errors import SeeError
from guardian.procs.linux import (
    ARGV_LIMIT,
    PF_KTHREAD,
    LinuxTable,
    check_namespace,
    only_gone,
    parse_stat,
    split_command,
)
from guardian.procs.model import Proc, Wants
from guardian.procs.printable import printable, shown_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def proc(tmp_path: Path) -> ProcFolder:
    """A /proc with nobody but pid 1."""
    folder = ProcFolder(tmp_path)
    folder.write(1, name=b"init")
    return folder


def look(proc: ProcFolder, pid: int) -> Proc:
    return LinuxTable(str(proc.root)).take().procs[pid]


NAMES = [
    b"a) S 1 1",
    b"(",
    b")",
    b")) R 7 (x) ",
    b"two\nlines",
    b"\x1b[31mred\x1b[0m",
    b"\xff\xfe",
    b"",
    b" ",
    b"\t\r\v",
    b"caf\xc3\xa9",
    b"0123456789abcde",
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_may_hold_anything(proc: ProcFolder, name: bytes) -> None:
    """No name shifts the fields behind it, and its bytes survive, so that they can be matched (P2)."""
    proc.write(50, name=name, ppid=1, starttime=9, session=4)
    seen = look(proc, 50)
    assert (seen.ppid, seen.start, seen.session, seen.state) == (1, 9, 4, "S")
    assert seen.name.encode("utf-8", "surrogateescape") == name
    assert "\n" not in printable(seen.name)
    assert printable(seen.name).isprintable()


@given(name=st.binary(max_size=64), start=st.integers(0, 2**62), ppid=st.integers(0, 2**22))
def test_every_name_is_read(name: bytes, start: int, ppid: int) -> None:
    """Whatever bytes a name has, the numbers are those of the kernel (P2)."""
    fields, mark = parse_stat(5, stat_line(5, name=name, starttime=start, ppid=ppid, arg_start=77))
    assert (fields[0], fields[1], fields[4], mark) == (5, start, ppid, b"77")
    assert fields[2].encode("utf-8", "surrogateescape") == name


@given(cut=st.integers(0, 200))
def test_a_torn_row_is_no_row(cut: int) -> None:
    """A row that was cut off is refused, or it lost nothing that is read."""
    line = stat_line(5, name=b"a) b", starttime=12345, utime=150, rss=3)
    whole = parse_stat(5, line)
    try:
        fields, _ = parse_stat(5, line[:cut])
    except (ValueError, IndexError):
        return
    assert fields == whole[0]


def test_all_fields_are_read(proc: ProcFolder) -> None:
    """Each number of a row lands in its field, in its unit."""
    proc.write(
        60,
        name=b"all",
        state="T",
        ppid=1,
        pgrp=61,
        session=62,
        tty_nr=34816,
        tpgid=63,
        utime=150,
        stime=50,
        cutime=30,
        cstime=70,
        num_threads=8,
        starttime=1234,
        rss=10,
        cmdline=b"all\0-x\0",
    )
    expected = Proc(60, 1234, "all", "T", 1, 61, 62, 34816, 63, 2.0, 1.0, 8, 10 * PAGE, False, ("all", "-x"))
    assert look(proc, 60) == expected


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        (b"", ()),
        (b"\0", ()),
        (b"\0" * 5000, ()),
        (b"bun\0test\0", ("bun", "test")),
        (b"bun\0test", ("bun", "test")),  # overwritten up to the end
        (b"bun\0\0test\0", ("bun", "", "test")),
        (b"bun test\0\0\0\0\0\0", ("bun test",)),  # a title, padded
        (b"\0test\0", ("", "test")),
        (b"\xff\xfe\0\x80\0", ("\udcff\udcfe", "\udc80")),
        (b"a\nb\0\x1b[2J\0", ("a\nb", "\x1b[2J")),
    ],
)
def test_command_lines_of_any_bytes(raw: bytes, command: tuple[str, ...]) -> None:
    """A command line is split at its NULs; padding is no argument; the bytes survive."""
    assert split_command(raw) == command


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda b: b"\0" not in b), max_size=9))
def test_a_command_line_is_what_was_executed(argv: list[bytes]) -> None:
    """Arguments that are not empty come back byte for byte."""
    split = split_command(b"".join(arg + b"\0" for arg in argv))
    assert [arg.encode("utf-8", "surrogateescape") for arg in split] == argv


def test_a_command_line_of_a_megabyte_is_cut(proc: ProcFolder) -> None:
    """A command line of 1 MB costs no more than the part of it that is looked at (P12)."""
    proc.write(70, cmdline=b"bun\0test\0" + b"x" * (1 << 20) + b"\0")
    command = look(proc, 70).command
    assert command[:2] == ("bun", "test")
    assert len(" ".join(command)) <= ARGV_LIMIT
    assert len(shown_command(command, "bun", width=80)) == 80


def missing(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").unlink()


def empty(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").write_bytes(b"")


def torn(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").write_bytes(b"80 (bun) S 1 80 80 0 -1 4194304 88 0")


def no_name(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").write_bytes(b"80 bun S 1 80 80")


def words(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").write_bytes(stat_line(80).replace(b" 0", b" x"))


def vanished(proc: ProcFolder) -> None:
    proc.root.joinpath("80").symlink_to(proc.root / "nowhere")  # listed, and gone when opened


def a_file(proc: ProcFolder) -> None:
    proc.root.joinpath("80").write_bytes(stat_line(80))


def a_folder(proc: ProcFolder) -> None:
    proc.write(80).joinpath("stat").unlink()
    proc.root.joinpath("80", "stat").mkdir()


def no_number(proc: ProcFolder) -> None:
    proc.root.joinpath("²").mkdir()  # str.isdigit says that it is one


@pytest.mark.parametrize(
    "spoil", [missing, empty, torn, no_name, words, vanished, a_file, a_folder, no_number]
)
def test_a_row_that_cannot_be_read_is_left_out(proc: ProcFolder, spoil: object) -> None:
    """Who vanishes while being read, or is unreadable, is left out; the others are seen (P10)."""
    spoil(proc)  # type: ignore[operator]
    proc.write(90)
    table = LinuxTable(str(proc.root))
    assert set(table.take().procs) == {1, 90}
    assert table.identify(80) is None


def test_a_process_without_command_line_file_is_seen(proc: ProcFolder) -> None:
    """Who ends between its two files, or hides the second, is seen by its name alone."""
    proc.write(80, name=b"bun").joinpath("cmdline").unlink()
    seen = look(proc, 80)
    assert (seen.name, seen.command) == ("bun", ())


def test_pids_beyond_the_kernels_greatest(proc: ProcFolder) -> None:
    """A pid past 2^22 (pid_max) is a number like any other."""
    proc.write(2**22 + 5, starttime=8)
    proc.write(10**18, starttime=9)
    table = LinuxTable(str(proc.root))
    assert set(table.take().procs) == {1, 2**22 + 5, 10**18}
    assert repr(table.identify(10**18)) == "1000000000000000000@9"


def test_no_proc_is_said(tmp_path: Path) -> None:
    """Without a /proc the message names the folder, why, and what to do (P10)."""
    with pytest.raises(SeeError, match=r"cannot list .*nowhere: No such file.*mount it"):
        LinuxTable(str(tmp_path / "nowhere")).take()


@pytest.mark.parametrize("spoil", [None, vanished, empty])
def test_a_proc_that_shows_nobody_is_said(tmp_path: Path, spoil: object) -> None:
    """Seeing nobody at all is blindness, not an empty machine (P10)."""
    if spoil is not None:
        spoil(ProcFolder(tmp_path))  # type: ignore[operator]
    with pytest.raises(SeeError, match="shows no process"):
        LinuxTable(str(tmp_path)).take()


def test_another_namespaces_proc_is_refused(proc: ProcFolder) -> None:
    """In a /proc of another PID namespace the numbers mean other processes here: nobody is named (P2)."""
    check_namespace(str(proc.root))
    link = proc.root / "self"
    link.symlink_to(str(os.getpid()))
    check_namespace(str(proc.root))
    link.unlink()
    link.symlink_to("1" if os.getpid() != 1 else "2")
    with pytest.raises(SeeError, match="another PID namespace"):
        LinuxTable(str(proc.root)).take()


@pytest.mark.parametrize(
    ("code", "blind"),
    [
        ("ENOENT", False),
        ("ESRCH", False),
        ("ENOTDIR", False),
        ("EACCES", False),
        ("EPERM", False),
        ("EMFILE", True),
        ("ENFILE", True),
        ("ENOMEM", True),
    ],
)
def test_blindness_is_no_death(code: str, blind: bool) -> None:
    """An error that says nothing about the process is not taken for its end (P1)."""
    import errno

    error = OSError(getattr(errno, code), os.strerror(getattr(errno, code)))
    if blind:
        with pytest.raises(SeeError, match=error.strerror):
            only_gone(error)
    else:
        only_gone(error)


def test_zombies_and_kernel_threads_have_no_command_line(proc: ProcFolder) -> None:
    """Neither is asked for one: what the file says is not theirs."""
    proc.write(80, state="Z", cmdline=b"bun\0")
    proc.write(81, flags=PF_KTHREAD | 0x40, cmdline=b"bun\0")
    dead, thread = look(proc, 80), look(proc, 81)
    assert (dead.command, dead.gone, dead.kernel) == ((), True, False)
    assert (thread.command, thread.gone, thread.kernel) == ((), False, True)


def test_a_dead_leader_with_living_threads_lives(proc: ProcFolder) -> None:
    """A process whose first thread has ended is alive, with the memory and command of its others (P1, P4)."""
    proc.write(80, name=b"bun", state="Z", num_threads=3, rss=0, cmdline=b"")
    proc.thread(80, 80, state="Z", num_threads=3)
    proc.thread(80, 81, state="X", num_threads=3)
    proc.root.joinpath("80/task/82").mkdir()  # one that vanished
    proc.thread(80, 83, num_threads=3, rss=50, cmdline=b"bun\0test\0")
    proc.root.joinpath("80/task/83/smaps_rollup").write_text("Pss: 8 kB\nSwapPss: 2 kB\n")
    table = LinuxTable(str(proc.root))
    snapshot = table.take()
    seen = snapshot.procs[80]
    assert (seen.gone, seen.rss, seen.command, seen.state) == (False, 50 * PAGE, ("bun", "test"), "Z")
    assert table.closer(snapshot, Wants(pss=frozenset({80}))).procs[80].pss == 10 * 1024


def test_a_dead_leader_whose_threads_vanish_is_still_a_row(proc: ProcFolder) -> None:
    """When no thread can be read any more, the row says what the leader says."""
    proc.write(80, state="Z", num_threads=2, rss=4, cmdline=b"")
    seen = look(proc, 80)
    assert (seen.gone, seen.rss, seen.command) == (False, 4 * PAGE, ())


def test_a_look_begins_when_it_says(proc: ProcFolder) -> None:
    """`taken` is when a look began, so that whoever starts during it counts as new at the next (P4)."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    for pid in range(1000, 1300):
        proc.write(pid)
    table = LinuxTable(str(proc.root))
    started = time.clock_gettime(time.CLOCK_BOOTTIME)
    snapshot = table.take()
    ended = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= started <= snapshot.taken
    assert snapshot.taken - started < (ended - started) / 2


DETAILS = {
    "status": [b"", b"Name:\tx\n", b"Name:\tx\nUid:\n", b"\nUid:\tx\n"],
    "smaps_rollup": [b"", b"Pss: x kB\n", b"Pss:\n"],
    "io": [b"", b"rchar: 1\n", b"nonsense\n", b"rchar: x\nwchar: 1\n"],
}


@pytest.mark.parametrize(
    ("file", "content"), [(file, content) for file, each in DETAILS.items() for content in each]
)
def test_a_torn_detail_is_left_out(proc: ProcFolder, file: str, content: bytes) -> None:
    """A detail that does not read as it should stays unknown; the others are told (P10)."""
    proc.write(80)
    proc.detail(80, uid=7, pss=4096, io=30, wchan="do_wait")
    proc.root.joinpath("80", file).write_bytes(content)
    table = LinuxTable(str(proc.root))
    seen = table.closer(table.take(), Wants(*[frozenset({80})] * 4)).procs[80]
    told = {"status": seen.uid, "smaps_rollup": seen.pss, "io": seen.io}
    assert told.pop(file) == -1
    assert -1 not in told.values()
    assert seen.wchan == "do_wait"
