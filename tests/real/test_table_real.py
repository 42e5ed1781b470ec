"""The tables on true processes: dead leaders, execs, other users, and CPU that adds up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from alone import alone
from litter import Litter

from guardian.procs.linux import REREAD, LinuxTable
from guardian.procs.model import TICKS, Proc, Wants
from guardian.procs.portable import PortableTable
from guardian.procs.rates import cpu_between
from guardian.procs.tree import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HELD = 40 << 20  # bytes that a victim keeps in memory


def say(victim: subprocess.Popen[str], word: str) -> str:
    """Write a line to a victim and return its answer."""
    assert victim.stdin is not None
    assert victim.stdout is not None
    victim.stdin.write(word + "\n")
    victim.stdin.flush()
    return victim.stdout.readline().rstrip("\n")


def heard(victim: subprocess.Popen[str]) -> str:
    """Return the next line of a victim."""
    assert victim.stdout is not None
    return victim.stdout.readline().rstrip("\n")


def test_a_zombie_is_gone_and_still_identified(litter: Litter) -> None:
    """A process that has ended and was not waited for is a row that is gone, without a command line."""
    victim = litter.start("true")
    os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)
    for table in (LinuxTable(), PortableTable()):
        seen = table.take().procs[victim.pid]
        assert (seen.state, seen.gone, seen.command) == ("Z", True, ())
        assert table.identify(victim.pid) == seen.id


# The first thread ends by exit(2), which ends a thread only; the second holds memory and waits.
LEADERLESS = f"""
import ctypes, platform, sys, threading
def state():
    with open("/proc/self/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
def live():
    held = b"x" * {HELD}
    while state() != "Z": pass
    print("alone", flush=True)
    sys.stdin.readline()
threading.Thread(target=live).start()
exit_of_a_thread = 60 if platform.machine() == "x86_64" else 93
ctypes.CDLL(None).syscall(exit_of_a_thread, 0)
"""


def test_a_process_whose_first_thread_has_ended(litter: Litter) -> None:
    """A zombie leader with a living thread is alive, and its memory and command count (P1, P4)."""
    victim = litter.python(LEADERLESS, "an argument", stdin=-1, stdout=-1)
    assert heard(victim) == "alone"
    table = LinuxTable()
    snapshot = table.take()
    seen = snapshot.procs[victim.pid]
    assert (seen.state, seen.gone, seen.threads) == ("Z", False, 2)
    assert seen.command[-1] == "an argument"
    assert seen.rss > HELD
    closer = table.closer(snapshot, Wants(*[frozenset({victim.pid})] * 4)).procs[victim.pid]
    assert closer.pss > HELD
    assert closer.uid == os.getuid()
    assert closer.wchan != ""
    if os.geteuid() == 0:  # the kernel shows it to no other user, not even its own: unknown, so spared
        assert closer.io > 0
    victim.kill()
    victim.wait()
    assert table.identify(victim.pid) is None


def test_kernel_threads_are_known(needs_root: None) -> None:
    """The kernel's own threads are seen as such, and have neither command line nor PSS (P2)."""
    table = LinuxTable()
    snapshot = table.take()
    threads = frozenset(proc.pid for proc in snapshot if proc.kernel)
    if not threads:
        pytest.skip("needs a PID namespace in which kernel threads are seen")
    assert {snapshot.procs[pid].command for pid in threads} == {()}
    assert {table.closer(snapshot, Wants(pss=threads)).procs[pid].pss for pid in threads} == {-1}
    assert os.getpid() not in threads


def test_an_exec_renews_the_command_line(litter: Litter) -> None:
    """Another program under the same name keeps the identity, but not the command line (P2)."""
    victim = litter.start(
        "sh", "-c", "echo first; read x; exec sh -c 'echo second; read x' next", stdin=-1, stdout=-1
    )
    assert heard(victim) == "first"
    table = LinuxTable()
    before = table.take().procs[victim.pid]
    assert say(victim, "go") == "second"
    after = table.take().procs[victim.pid]
    assert after.id == before.id
    assert after.name == before.name == "sh"
    assert before.command[:2] == ("sh", "-c")
    assert before.command[2].startswith("echo first")
    assert after.command == ("sh", "-c", "echo second; read x", "next")


def test_an_exec_of_who_may_not_be_traced(needs_root: None) -> None:
    """Another user's exec is seen at the next look too, though the kernel hides what tells of it (P2)."""
    told = alone(
        """
victim = subprocess.Popen(
    ["sh", "-c", "echo first; read x; exec sh -c 'echo second; read x' next"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
victim.stdout.readline()
become_nobody()
table = LinuxTable()
before = table.take().procs[victim.pid]
victim.stdin.write("go\\n"); victim.stdout.readline()
after = table.take().procs[victim.pid]
closer = table.closer(table.take(), Wants(*[frozenset({victim.pid})] * 4)).procs[victim.pid]
victim.stdin.close(); victim.wait()
tell(before=before.command[2][:10], after=after.command, same=before.id == after.id,
     closer=[closer.uid, closer.pss, closer.io])
"""
    )
    assert told["before"] == "echo first"
    assert told["after"] == ["sh", "-c", "echo second; read x", "next"]
    assert told["same"] is True
    assert told["closer"] == [0, -1, -1]


def test_a_process_that_renames_itself(litter: Litter) -> None:
    """A new name, with bytes that would break a row, is seen at the next look, under one identity (P2)."""
    victim = litter.python(
        "import sys\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    open('/proc/self/comm', 'wb').write(bytes.fromhex(line)); print('done', flush=True)\n",
        stdin=-1,
        stdout=-1,
    )
    assert heard(victim) == "ready"
    table = LinuxTable()
    known = table.take().procs[victim.pid]
    for name in (b"sshd", b"a) Z 1 1", b"x\ny", b"\x1b[2J", b"\xff\xfe", b"((", b"fifteen-bytes-x"):
        assert say(victim, name.hex()) == "done"
        seen = table.take().procs[victim.pid]
        assert (seen.id, seen.ppid, seen.command) == (known.id, known.ppid, known.command)
        assert seen.name.encode("utf-8", "surrogateescape") == name


def test_a_title_written_over_the_arguments(litter: Litter) -> None:
    """A process that overwrites its own command line is seen with the new one REREAD looks later (P2)."""
    victim = litter.python(
        "import ctypes, sys\n"
        "fields = open('/proc/self/stat').read().rpartition(')')[2].split()\n"
        "start, end = int(fields[45]), int(fields[46])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "title = b'a new title'\n"
        "ctypes.memmove(start, title.ljust(end - start, b'\\0'), end - start)\n"
        "print('done', flush=True); sys.stdin.readline()\n",
        stdin=-1,
        stdout=-1,
    )
    assert heard(victim) == "ready"
    table = LinuxTable()
    assert table.take().procs[victim.pid].command[0] == sys.executable
    assert say(victim, "go") == "done"
    seen = [table.take().procs[victim.pid].command for _ in range(REREAD)]
    assert ("a new title",) in seen


def test_command_lines_of_true_processes(litter: Litter) -> None:
    """A command line of any bytes and of great length is seen for what it is, up to a bound (P12)."""
    waits = ("sh", "-c", "echo ready; read x")
    odd = litter.start(*waits, "", "two\nlines", "\udcff", stdin=-1, stdout=-1)
    long = litter.start(*waits, *["y" * 100_000] * 10, stdin=-1, stdout=-1)
    assert [heard(odd), heard(long)] == ["ready", "ready"]
    seen = LinuxTable().take().procs
    assert seen[odd.pid].command == (*waits, "", "two\nlines", "\udcff")
    assert seen[long.pid].command[:3] == waits
    assert len(seen[long.pid].command[3]) < 20_000


def test_looking_while_processes_come_and_go(litter: Litter) -> None:
    """A look is never an error, however many vanish while it goes on; who stays is in every look."""
    staying = litter.start("sleep", "60")
    for _ in range(2):
        litter.start("sh", "-c", "while :; do /bin/true; done", fuse=20)
    for table, looks in ((LinuxTable(), 20), (PortableTable(), 3)):
        for _ in range(looks):
            snapshot = table.take()
            assert staying.pid in snapshot.procs
            everybody = frozenset(snapshot.procs)
            table.closer(snapshot, Wants(owner=everybody, io=everybody))


BURNER = """
import os, resource, sys, time
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
def burn(seconds):
    while sum(os.times()[:2]) < seconds: pass
def child(depth):
    pid = os.fork()
    if pid == 0:
        below = [child(depth - 1)] if depth else []
        burn(0.15)
        for each in below: os.waitpid(each, 0)
        os._exit(0)
    return pid
print(cpu(), flush=True)
sys.stdin.readline()
for each in [child(2), child(0)]: os.waitpid(each, 0)
print(cpu(), flush=True)
sys.stdin.readline()
"""


def members(table: LinuxTable, pid: int) -> tuple[dict[object, Proc], float]:
    """Return a tree's members by identity, and when it was looked at, in ticks."""
    snapshot = table.take()
    root = snapshot.procs[pid]
    return {proc.id: proc for proc in (root, *descendants(snapshot, root))}, snapshot.taken * TICKS


def test_cpu_of_children_that_die_is_counted(litter: Litter) -> None:
    """What a tree's dead children used is in the sum of two looks, as getrusage(2) tells it (P4)."""
    table = LinuxTable()
    victim = litter.python(BURNER, stdin=-1, stdout=-1)
    first = float(heard(victim))
    before, since = members(table, victim.pid)
    second = float(say(victim, "go"))
    after, _ = members(table, victim.pid)
    assert len(before) == len(after) == 1
    used = second - first
    assert used > 0.5
    assert cpu_between(before, after, since=since) == pytest.approx(used, rel=0.2)  # type: ignore[arg-type]


def test_cpu_adds_up_over_many_looks(litter: Litter) -> None:
    """However often a tree is looked at while its children burn and die, the windows add up (P4)."""
    table = LinuxTable()
    victim = litter.python(BURNER, stdin=-1, stdout=-1)
    first = float(heard(victim))
    assert victim.stdin is not None
    assert victim.stdout is not None
    before, since = members(table, victim.pid)
    victim.stdin.write("go\n")
    victim.stdin.flush()
    os.set_blocking(victim.stdout.fileno(), False)
    total, told = 0.0, ""
    while not told:
        told = victim.stdout.readline()
        after, taken = members(table, victim.pid)
        total += cpu_between(before, after, since=since)  # type: ignore[arg-type]
        before, since = after, taken
    assert total == pytest.approx(float(told) - first, rel=0.2)


@pytest.mark.parametrize("table", ["LinuxTable", "PortableTable"])
def test_without_descriptors_nobody_is_called_gone(table: str) -> None:
    """Out of descriptors, a table says that it is blind, and not that everybody has gone (P1)."""
    told = alone(
        f"""
table = {table}()
me = table.identify(os.getpid())
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True: taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
errors = []
for ask in (table.take, lambda: table.identify(os.getpid())):
    try:
        ask()
    except SeeError as error:
        errors.append(str(error))
for fd in taken: os.close(fd)
tell(errors=errors, again=table.identify(os.getpid()) == me)
"""
    )
    assert len(told["errors"]) == 2
    assert all("Too many open files" in error for error in told["errors"])
    assert told["again"] is True
