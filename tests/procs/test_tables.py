"""One contract, four tables: our pass over the real /proc, over one written by hand, psutil, and the fake."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from litter import Litter
from procfs import ProcFolder

from guardian.procs.fake import FakeTable
from guardian.procs.linux import LinuxTable
from guardian.procs.model import TICKS, Proc, ProcId, Snapshot, Wants
from guardian.procs.portable import PortableTable
from guardian.procs.table import system_table

if TYPE_CHECKING:
    from guardian.procs.table import Table

ROUNDING = 2.0  # seconds: psutil's boot time is cut to whole ones
LOADED = 20.0  # seconds that a loaded machine may take from a fork to a look


class Scene:
    """A table, the process that looks, and a way to let another one begin and end."""

    def __init__(self, table: Table, me: Proc, begin: Callable[[], int], end: Callable[[int], None]) -> None:
        self.table = table
        self.me = me  # pid, ppid, name and command, as they have to be seen
        self.begin = begin
        self.end = end


def real_scene(table: Table, litter: Litter) -> Scene:
    """Return a scene of true processes; a child waits on a pipe."""
    children = {}

    def begin() -> int:
        child = litter.start("cat", stdin=-1, stdout=-1)
        children[child.pid] = child
        return child.pid

    def end(pid: int) -> None:
        children[pid].kill()
        children[pid].wait()

    me = Proc(
        os.getpid(),
        own_start(),
        Path("/proc/self/comm").read_text().rstrip("\n"),
        "R",
        os.getppid(),
        command=tuple(Path("/proc/self/cmdline").read_text().removesuffix("\0").split("\0")),
    )
    return Scene(table, me, begin, end)


def own_start() -> int:
    """Return when this process started, in ticks since boot."""
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def ticks() -> int:
    """Return the ticks since boot."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


def written_scene(folder: Path) -> Scene:
    """Return a scene on a /proc written by hand."""
    proc = ProcFolder(folder)
    me = Proc(700, 5000, "pytest", "R", 1, command=("pytest", "-q"))
    proc.write(1, name=b"init", cmdline=b"/sbin/init\0")
    proc.write(700, name=b"pytest", starttime=5000, ppid=1, state="R", cmdline=b"pytest\0-q\0")

    def begin() -> int:
        proc.write(701, name=b"cat", starttime=ticks(), ppid=700, cmdline=b"cat\0")
        for pid in (700, 701):
            proc.detail(pid, uid=os.getuid(), pss=4096, io=20, wchan="pipe_read")
        return 701

    return Scene(LinuxTable(str(folder)), me, begin, proc.remove)


def fake_scene() -> Scene:
    """Return a scene that is only numbers."""
    me = Proc(700, 5000, "pytest", "R", 1, command=("pytest", "-q"), uid=os.getuid(), pss=4096, io=20)
    table = FakeTable(Proc(1, 0, "init", "S", 0), me, now=100.0)

    def begin() -> int:
        table.put(Proc(701, 10000, "cat", "S", 700, command=("cat",), uid=os.getuid(), pss=4096, io=20))
        return 701

    return Scene(table, me, begin, table.remove)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(
    params=[
        pytest.param("linux", marks=linux),
        pytest.param("written", marks=linux),
        pytest.param("portable", marks=linux),
        "fake",
    ]
)
def scene(request: pytest.FixtureRequest, tmp_path: Path, litter: Litter) -> Iterator[Scene]:
    """Each of the four tables in turn."""
    if request.param == "written":
        yield written_scene(tmp_path)
    elif request.param == "fake":
        yield fake_scene()
    else:
        yield real_scene(LinuxTable() if request.param == "linux" else PortableTable(), litter)


def test_who_looks_is_seen(scene: Scene) -> None:
    """A look holds the looking process with its pid, parent, name and command line."""
    seen = scene.table.take().procs[scene.me.pid]
    assert (seen.pid, seen.ppid, seen.name, seen.command) == (
        scene.me.pid,
        scene.me.ppid,
        scene.me.name,
        scene.me.command,
    )
    assert not seen.gone
    assert not seen.kernel


def test_start_times_since_boot_are_exact(tmp_path: Path) -> None:
    """On Linux a start time is the kernel's own number, so that it is one name for good (P2)."""
    assert LinuxTable().take().procs[os.getpid()].start == own_start()
    assert written_scene(tmp_path).table.take().procs[700].start == 5000


def test_identify_agrees_with_take(scene: Scene) -> None:
    """Asked for one pid, a table names the same process as in a look at all (P2)."""
    child = scene.begin()
    snapshot = scene.table.take()
    for pid in (scene.me.pid, child, 1):
        assert scene.table.identify(pid) == snapshot.procs[pid].id


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**31, 2**64])
def test_nobody_has_an_impossible_pid(scene: Scene, pid: int) -> None:
    """A number that no process can have names nobody, and is no error."""
    assert scene.table.identify(pid) is None


def test_who_has_ended_is_not_seen(scene: Scene) -> None:
    """A process that has ended and was waited for is neither in a look nor identified."""
    child = scene.begin()
    assert child in scene.table.take().procs
    scene.end(child)
    assert scene.table.identify(child) is None
    assert child not in scene.table.take().procs


def test_a_closer_look_fills_in_what_was_asked(scene: Scene) -> None:
    """uid, PSS and I/O are read for those who were asked for, and for nobody else."""
    child, me = scene.begin(), scene.me.pid
    plain = scene.table.take()
    assert {(p.uid, p.pss, p.io, p.wchan) for p in plain} == {(-1, -1, -1, "")}
    wants = Wants(owner=frozenset({child}), pss=frozenset({me}), io=frozenset({child, me}))
    closer = scene.table.closer(plain, wants)
    assert closer.procs[child].uid == os.getuid()
    assert closer.procs[child].pss == -1
    assert closer.procs[child].io >= 0
    assert closer.procs[me].uid == -1
    assert closer.procs[me].pss > 0
    assert closer.procs[me].io > 0
    untouched = [proc for proc in plain if proc.pid not in (child, me)]
    assert [closer.procs[proc.pid] for proc in untouched] == untouched


def test_a_closer_look_is_the_same_moment(scene: Scene) -> None:
    """A closer look changes no time, adds nobody and loses nobody."""
    snapshot = scene.table.take()
    closer = scene.table.closer(snapshot, Wants(owner=frozenset({scene.me.pid})))
    assert (closer.taken, closer.at, closer.suspended) == (snapshot.taken, snapshot.at, snapshot.suspended)
    assert [proc.id for proc in closer] == [proc.id for proc in snapshot]


def test_another_process_is_not_looked_at_in_its_place(scene: Scene) -> None:
    """A pid that belongs to another process by now keeps -1: nobody is judged by a stranger (P2)."""
    child = scene.begin()
    known = scene.table.take()
    earlier = [proc.replace(start=proc.start - 1) if proc.pid == child else proc for proc in known]
    everything = Wants(*[frozenset({child})] * 4)
    seen = scene.table.closer(Snapshot(earlier, taken=known.taken), everything).procs[child]
    assert (seen.uid, seen.pss, seen.io, seen.wchan) == (-1, -1, -1, "")


def test_who_vanishes_before_a_closer_look_keeps_its_row(scene: Scene) -> None:
    """A process that has gone since the look is no error for the closer one."""
    child = scene.begin()
    snapshot = scene.table.take()
    scene.end(child)
    closer = scene.table.closer(snapshot, Wants(*[frozenset({child, 2**22 + 1})] * 4))
    assert closer.procs[child] == snapshot.procs[child]
    assert 2**22 + 1 not in closer.procs


def test_now_is_on_the_clock_of_start_times(scene: Scene) -> None:
    """The age of a process that has just begun is about 0, by `now` and by the look."""
    child = scene.begin()
    snapshot = scene.table.take()
    start = snapshot.procs[child].start / TICKS
    assert -1.0 <= scene.table.now() - start <= LOADED + ROUNDING
    assert snapshot.age(snapshot.procs[child]) <= LOADED + ROUNDING
    assert snapshot.taken <= scene.table.now()


def test_two_looks_agree_on_who_lives(scene: Scene) -> None:
    """From look to look a living process keeps its identity (P2)."""
    child = scene.begin()
    first, second = scene.table.take(), scene.table.take()
    assert first.procs[child].id == second.procs[child].id
    assert second.get(first.procs[child].id) is second.procs[child]
    assert second.get(ProcId(child, -5)) is None


def test_a_name_stays_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start times of psutil move with the system clock; those of this table stay (P2)."""
    import psutil

    table = PortableTable()
    before = table.take().procs[os.getpid()].id
    moved = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: moved(self) + 3600)
    assert table.identify(os.getpid()) == before
    assert table.take().procs[os.getpid()].id == before


def test_this_machine_has_a_table() -> None:
    """On Linux the system's table is the fast one."""
    expected = LinuxTable if sys.platform == "linux" else PortableTable
    assert isinstance(system_table(), expected)
