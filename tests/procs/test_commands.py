"""When a command line is read again, and when the known one stands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from procfs import ProcFolder

from guardian.procs.linux import REREAD, LinuxTable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def proc(tmp_path: Path) -> ProcFolder:
    """A /proc with nobody but pid 1."""
    folder = ProcFolder(tmp_path)
    folder.write(1, name=b"init")
    return folder


class Commands:
    """Looks at one process again and again while its command line changes."""

    def __init__(self, proc: ProcFolder, **stat: object) -> None:
        self.proc = proc
        self.stat = {"starttime": 5, "name": b"bun", "arg_start": 100} | stat
        self.table = LinuxTable(str(proc.root))

    def look(self, cmdline: bytes, **stat: object) -> tuple[str, ...]:
        """Return the command seen while the file holds `cmdline`."""
        self.proc.write(80, cmdline=cmdline, **(self.stat | stat))
        return self.table.take().procs[80].command


def test_a_command_line_is_read_once(proc: ProcFolder) -> None:
    """While nothing tells of a new command line the old one is kept: reading is what a look costs (P12)."""
    seen = Commands(proc)
    assert seen.look(b"old\0") == ("old",)
    assert seen.look(b"new\0") == ("old",)


@pytest.mark.parametrize(
    "change",
    [{"arg_start": 200}, {"name": b"node"}, {"starttime": 6}],
    ids=["exec", "another name", "another process"],
)
def test_an_exec_renews_the_command_line(proc: ProcFolder, change: dict[str, object]) -> None:
    """After an exec, a new name, or under a reused pid the command line is the new one at once (P2)."""
    seen = Commands(proc)
    assert seen.look(b"old\0") == ("old",)
    assert seen.look(b"new\0", **change) == ("new",)


def test_an_overwritten_title_is_seen_in_time(proc: ProcFolder) -> None:
    """A process that overwrites its arguments in place is seen with the new ones REREAD looks later (P2)."""
    seen = Commands(proc)
    assert seen.look(b"old\0") == ("old",)
    assert ("new",) in [seen.look(b"new\0") for _ in range(REREAD)]


def test_who_hangs_in_the_kernel_is_let_be(proc: ProcFolder) -> None:
    """A known command line is not read again while its process is in state D: reading could hang too (P6)."""
    seen = Commands(proc, state="D")
    assert seen.look(b"old\0") == ("old",)
    assert {seen.look(b"new\0") for _ in range(REREAD)} == {("old",)}


def test_half_an_exec_is_not_kept(proc: ProcFolder) -> None:
    """An empty command line, as in the middle of an exec, is asked for again at the next look (P4)."""
    seen = Commands(proc)
    assert seen.look(b"") == ()
    assert seen.look(b"bun\0test\0") == ("bun", "test")


def test_a_process_that_may_not_be_traced_is_read_each_time(proc: ProcFolder) -> None:
    """Where the kernel hides what tells of an exec (arg_start 0), every look reads the command line (P2)."""
    seen = Commands(proc, arg_start=0)
    assert seen.look(b"old\0") == ("old",)
    assert seen.look(b"new\0") == ("new",)


def test_kept_command_lines_do_not_pile_up(proc: ProcFolder) -> None:
    """What is remembered of the dead is forgotten (P12)."""
    table = LinuxTable(str(proc.root))
    for pid in range(1000, 1200):
        proc.write(pid)
    table.take()
    for pid in range(1000, 1200):
        proc.remove(pid)
    table.take()
    assert len(table._kept) <= 2
