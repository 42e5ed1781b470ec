"""Signals to true processes: stopped ones, other users', reused pids, and systems that forbid pidfds."""

from __future__ import annotations

import os
import platform
import signal
import sys

import pytest
from alone import alone, namespace
from litter import Litter
from waiting import wait_until

from guardian.actions import How, Sent
from guardian.kill.signals import SIGNALS, send
from guardian.procs.linux import LinuxTable
from guardian.procs.model import ProcId

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and /proc")


def test_a_stopped_process_can_act_on_being_asked(litter: Litter) -> None:
    """Asked to end, a stopped process goes on, cleans up after itself, and ends (P3)."""
    table = LinuxTable()
    victim = litter.python(
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'cleaned up\\n'), os._exit(3)))\n"
        "os.write(1, b'ready\\n')\n"
        "while True: signal.pause()\n",
        stdout=-1,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "ready\n"
    who = table.identify(victim.pid)
    assert who is not None
    assert send(who, SIGNALS[How.FREEZE], table.identify) == (Sent.DONE, "")
    assert os.WIFSTOPPED(os.waitpid(victim.pid, os.WUNTRACED)[1])
    assert table.take().procs[victim.pid].state == "T"
    assert send(who, SIGNALS[How.ASK], table.identify) == (Sent.DONE, "")
    assert victim.stdout.readline() == "cleaned up\n"
    assert victim.wait(timeout=20) == 3


def test_a_stopped_and_deaf_process_is_forced(litter: Litter) -> None:
    """Frozen and deaf to SIGTERM, a process ends by SIGKILL without being continued (P1, P3)."""
    table = LinuxTable()
    victim = litter.start("sh", "-c", "trap '' TERM; echo ready; kill -STOP $$; echo went on", stdout=-1)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "ready\n"
    assert os.WIFSTOPPED(os.waitpid(victim.pid, os.WUNTRACED)[1])
    who = table.identify(victim.pid)
    assert who is not None
    assert send(who, SIGNALS[How.FORCE], table.identify) == (Sent.DONE, "")
    assert victim.wait(timeout=20) == -signal.SIGKILL
    assert victim.stdout.read() == ""


def test_a_zombie_is_signalled_in_vain(litter: Litter) -> None:
    """A dead process that nobody has waited for is still there for the system; to signal it harms nobody."""
    table = LinuxTable()
    victim = litter.start("true")
    os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)
    who = table.identify(victim.pid)
    assert who is not None
    assert table.take().procs[victim.pid].gone
    assert send(who, SIGNALS[How.FORCE], table.identify) == (Sent.DONE, "")
    assert victim.wait() == 0


def test_other_users_processes_are_denied(needs_root: None) -> None:
    """What the system forbids is an outcome in its words; the other user's process lives (P1, P2)."""
    told = alone(
        """
table = LinuxTable()
victim = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
who = table.identify(victim.pid)
become_nobody()
outcomes = [send(who, SIGNALS[how], table.identify) for how in How]
victim.stdin.write(b"there?"); victim.stdin.close()
tell(outcomes=[[result.name, words] for result, words in outcomes],
     lives=victim.stdout.read().decode(), code=victim.wait())
"""
    )
    assert told["outcomes"] == [["DENIED", "Operation not permitted"]] * 3
    assert (told["lives"], told["code"]) == ("there?", 0)


def test_the_last_descriptors() -> None:
    """With one descriptor left a process is signalled by number; with none it is not called gone (P1)."""
    told = alone(
        """
table = LinuxTable()
victim = subprocess.Popen(["sleep", "60"])
who = table.identify(victim.pid)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True: taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
none_left = send(who, SIGNALS[How.FORCE], table.identify)
alive = victim.poll() is None
os.close(taken.pop())
one_left = send(who, SIGNALS[How.FORCE], table.identify)
tell(none_left=[none_left[0].name, none_left[1]], alive=alive, one_left=one_left[0].name, code=victim.wait())
"""
    )
    assert told["none_left"] == ["FAILED", "cannot read processes: Too many open files"]
    assert told["alive"] is True
    assert (told["one_left"], told["code"]) == ("DONE", -signal.SIGKILL)


# A filter that answers two system calls with an error (seccomp(2)): load the number, compare, return.
FILTER = """
import ctypes, struct
def forbid(error, *calls):
    allow, deny = 0x7FFF0000, 0x00050000 | error
    code = [(0x20, 0, 0, 0)]
    for number in calls: code += [(0x15, 0, 1, number), (0x06, 0, 0, deny)]
    code += [(0x06, 0, 0, allow)]
    packed = b"".join(struct.pack("HBBI", *each) for each in code)
    room = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(room))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS"
    assert libc.prctl(22, 2, ctypes.create_string_buffer(program, len(program)), 0, 0) == 0, "PR_SET_SECCOMP"
"""
PIDFD_SEND_SIGNAL, PIDFD_OPEN = 424, 434  # the same on every architecture
ENOSYS, EPERM = 38, 1


@pytest.mark.skipif(platform.architecture()[0] != "64bit", reason="the filter's layout is that of 64 bits")
@pytest.mark.parametrize("error", [ENOSYS, EPERM], ids=["no such call", "forbidden"])
@pytest.mark.parametrize("calls", [(PIDFD_OPEN, PIDFD_SEND_SIGNAL), (PIDFD_OPEN,)], ids=["both", "open"])
def test_where_pidfds_are_forbidden(error: int, calls: tuple[int, ...]) -> None:
    """Where a filter forbids pidfds, a process is ended by number, after the check (P1, P2, P11)."""
    told = alone(
        FILTER
        + f"""
table = LinuxTable()
victim = subprocess.Popen(["sleep", "60"])
who = table.identify(victim.pid)
forbid({error}, *{calls})
stranger = send(ProcId(who.pid, who.start - 1), SIGNALS[How.FORCE], table.identify)
alive = victim.poll() is None
asked = send(who, SIGNALS[How.ASK], table.identify)
tell(stranger=stranger[0].name, alive=alive, asked=asked[0].name, code=victim.wait())
"""
    )
    assert told == {"stranger": "GONE", "alive": True, "asked": "DONE", "code": -signal.SIGTERM}


def test_where_only_sending_is_missing() -> None:
    """A kernel that opens handles but cannot send through them still gets the signal by number (P1)."""
    told = alone(
        FILTER
        + f"""
table = LinuxTable()
victim = subprocess.Popen(["sleep", "60"])
who = table.identify(victim.pid)
forbid({ENOSYS}, {PIDFD_SEND_SIGNAL})
tell(asked=send(who, SIGNALS[How.ASK], table.identify)[0].name, code=victim.wait())
"""
    )
    assert told == {"asked": "DONE", "code": -signal.SIGTERM}


def test_a_reused_pid_is_not_signalled() -> None:
    """A signal for a process that has ended does not reach the one that has its pid now (P2)."""
    told = alone(
        """
table = LinuxTable()
first = subprocess.Popen(["sleep", "60"])
old = table.identify(first.pid)
first.kill(); first.wait()
while time.clock_gettime(time.CLOCK_BOOTTIME) * 100 < old.start + 2: pass  # one tick is one identity
with open("/proc/sys/kernel/ns_last_pid", "w") as file: file.write(str(old.pid - 1))
second = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
result, words = send(old, SIGNALS[How.FORCE], table.identify)
second.stdin.write(b"there?"); second.stdin.close()
lives = second.stdout.read().decode()
tell(reused=second.pid == old.pid, result=result.name, lives=lives, code=second.wait())
""",
        inside=namespace("--pid", "--fork", "--mount-proc"),
    )
    assert told == {"reused": True, "result": "GONE", "lives": "there?", "code": 0}


def test_a_number_that_no_process_has() -> None:
    """A pid past the kernel's greatest is nobody's: gone, and no error."""
    assert send(ProcId(2**22 + 1, 5), (signal.SIGURG,), LinuxTable().identify) == (Sent.GONE, "")


def test_a_process_that_ends_by_itself_meanwhile(litter: Litter) -> None:
    """Signals race with processes that end by themselves: every outcome is one of three (P2)."""
    table = LinuxTable()
    seen = set()
    for _ in range(30):
        victim = litter.start("true")
        who = table.identify(victim.pid)
        if who is not None:
            seen.add(send(who, SIGNALS[How.ASK], table.identify)[0])
        victim.wait()
        if who is not None:
            assert wait_until(lambda who=who: send(who, SIGNALS[How.ASK], table.identify)[0] is Sent.GONE)  # type: ignore[misc]
    assert seen <= {Sent.DONE, Sent.GONE}
