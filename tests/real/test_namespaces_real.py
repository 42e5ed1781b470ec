"""The tables where the kernel shows other numbers: namespaces, hidden users, orphans, reused pids."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from alone import alone, namespace
from litter import Litter
from waiting import wait_until

from guardian.procs.model import TICKS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_orphans_of_true_trees() -> None:
    """An adopted process is told from one whose parent only left its session (P2)."""
    told = alone(
        """
import ctypes
def wait_for_ever():
    signal.alarm(60)
    while True: signal.pause()
def child(work):
    pid = os.fork()
    if pid == 0:
        work(); wait_for_ever()
    return pid
def report(work):
    r, w = os.pipe()
    child(lambda: work(w))
    return int(os.read(r, 20))
def leaves_its_session(w):
    below = child(lambda: None)
    os.setsid()
    os.write(w, b"%d" % below)
def starts_a_session_of_its_own(w):
    def daemon():
        os.setsid()
        os.write(w, b"%d" % os.getpid())
    child(daemon)
def dies_in_a_session_of_its_own(w):
    os.setsid()
    child(lambda: (wait_until_adopted(), os.write(w, b"%d" % os.getpid())))
    os._exit(0)
def wait_until_adopted():
    while os.getppid() != keeper: pass
keeper = os.getpid()
os.setsid()  # the tests' own session may have lost its leader (CI), which is the sign of an orphan
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
pids = [report(work) for work in
        (leaves_its_session, starts_a_session_of_its_own, dies_in_a_session_of_its_own)]
snapshot = LinuxTable().take()
tell(orphans=[tree.is_orphan(snapshot, snapshot.procs[pid]) for pid in pids])
for each in tree.descendants(snapshot, snapshot.procs[keeper]): os.kill(each.pid, signal.SIGKILL)
"""
    )
    assert told["orphans"] == [False, False, True]


def test_a_process_that_came_from_outside_its_namespace_is_no_orphan(litter: Litter) -> None:
    """Who was put into a PID namespace (docker exec) has no parent there, and is nobody's orphan (P2)."""
    inside = namespace("--pid", "--fork", "--mount-proc")
    if os.geteuid() != 0:
        pytest.skip("needs root to enter a namespace")
    litter.start(*inside, sys.executable, "-S", "-E", "-c", HOLDER, stdin=-1, stdout=-1)
    holder = wait_until(lambda: litter.alive() and newest(litter), what="the namespace")
    told = alone(
        "snapshot = LinuxTable().take(); me = snapshot.procs[os.getpid()];"
        "tell(ppid=me.ppid, orphan=tree.is_orphan(snapshot, me), seen=len(snapshot))",
        inside=("nsenter", "--target", str(holder), "--pid", "--mount"),
    )
    assert told == {"ppid": 0, "orphan": False, "seen": 2}


HOLDER = "import sys; print('ready', flush=True); sys.stdin.readline()"


def newest(litter: Litter) -> int | None:
    """Return who is pid 1 of a namespace below this one (status, NSpid: two numbers)."""
    for pid in litter.alive():
        numbers = [
            line.split()[1:]
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("NSpid")
        ]
        if len(numbers[0]) > 1 and numbers[0][-1] == "1":
            return pid
    return None


def test_another_namespaces_proc_is_refused() -> None:
    """In a new PID namespace under the old /proc nobody is named: its numbers are strangers (P2, P10)."""
    told = alone(
        """
try:
    LinuxTable().take()
except SeeError as error:
    tell(error=str(error))
""",
        inside=namespace("--pid", "--fork"),
    )
    assert told["error"].startswith("/proc shows another PID namespace: guardian is ")
    assert told["error"].endswith(" there and 1 here; mount a proc file system of this namespace on /proc")


@pytest.mark.parametrize("ahead", [1_000_000, 5])
def test_a_time_namespace_moves_both_clocks(ahead: int) -> None:
    """In a time namespace start times and `now` move together: a fresh process is of age 0 there too."""
    inside = namespace("--time", "--boottime", str(ahead), "--fork")
    told = alone(
        "table = LinuxTable(); snapshot = table.take(); me = snapshot.procs[os.getpid()];"
        "tell(age=snapshot.age(me), now=table.now(), start=me.start)",
        inside=inside,
    )
    assert 0 <= told["age"] < 20
    assert told["start"] >= ahead * TICKS
    assert told["now"] >= ahead


HIDDEN = """
subprocess.run(["mount", "-t", "proc", "-o", "hidepid=%s", "proc", "/proc"], check=True)
parent = os.getpid()
r, w = os.pipe()
pid = os.fork()
if pid: sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
become_nobody()
table = LinuxTable()
snapshot = table.take()
me = snapshot.procs[os.getpid()]
tell(hidden=parent not in snapshot.procs, parent=table.identify(parent),
     ppid=me.ppid == parent, orphan=tree.is_orphan(snapshot, me))
"""


@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_a_proc_that_hides_others(hidepid: str, needs_root: None) -> None:
    """Where /proc hides other users' processes one's own are seen, and are no orphans (P2, P11)."""
    told = alone(HIDDEN % hidepid, inside=namespace("--mount"))
    assert told == {"hidden": True, "parent": None, "ppid": True, "orphan": False}


REUSED = """
table = {table}()
first = subprocess.Popen(["sleep", "60"])
old = table.take().procs[first.pid]
first.kill(); first.wait()
while time.clock_gettime(time.CLOCK_BOOTTIME) < before(old): pass
table.take() if {between} else None
with open("/proc/sys/kernel/ns_last_pid", "w") as file: file.write(str(old.pid - 1))
second = subprocess.Popen(["sh", "-c", "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
second.stdout.readline()  # before, in the middle of its exec, it has no command line
new = table.take().procs.get(second.pid)
closer = table.closer(Snapshot([old], taken=0), Wants(*[frozenset({{old.pid}})] * 3)).procs[old.pid]
tell(reused=second.pid == old.pid, seen=new is not None, same=new is not None and new.id == old.id,
     command=new.command if new else None, identified=table.identify(old.pid) == (new and new.id),
     closer=[closer.uid, closer.pss, closer.io])
second.kill(); second.wait()
"""


@pytest.mark.parametrize("between", [True, False], ids=["looked between", "not looked between"])
@pytest.mark.parametrize("table", ["LinuxTable", "PortableTable"])
def test_a_reused_pid_is_another_process(table: str, between: bool) -> None:
    """Whoever gets a dead one's pid is seen at once, as another; the old row stays as it was (P1, P2)."""
    told = alone(
        "born = time.clock_gettime(time.CLOCK_BOOTTIME)\n"
        "before = lambda old: born + 1.1\n"  # a whole second: psutil's start times are that exact
        + REUSED.format(table=table, between=between),
        inside=namespace("--pid", "--fork", "--mount-proc"),
    )
    assert told == {
        "reused": True,
        "seen": True,
        "same": False,
        "command": ["sh", "-c", "echo; read x"],
        "identified": True,
        "closer": [-1, -1, -1],
    }
