"""A process that owns a tree by one of the ways, does one thing with it, and says in JSON what it saw.

Started by the contract tests as `owner.py WAY SCENARIO [UID [CGROUP]]`; as root it becomes that user once
all is imported, who may not be allowed to read where Python lies. Owning makes a process a subreaper for
good, so it must not be the test runner. Every victim has a fuse.
"""

from __future__ import annotations

import _ctypes  # noqa: F401 - what kernel.py imports late, before the rights go
import json
import os
import resource  # noqa: F401 - as above
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from guardian.contain import cgroup, choose, subreaper, tree  # noqa: F401 - all of them, before the rights go
from guardian.kill.signals import send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment

RUN_ID = "test"
PATIENCE = 10.0
SLEEP = "exec sleep 20"
FAMILY = "(setsid sleep 20 &); setsid sleep 20 & echo ready; wait"
HIDING = "(setsid env -i sh -c 'echo ready; exec sleep 20' &); exec sleep 20"
BURNING = "(n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done); echo done; exec sleep 20"


class Scenario:
    """One tree, one victim, and what the victim writes."""

    def __init__(self, way: str) -> None:
        self.tree: Containment = choose.choose(way, RUN_ID)[0]
        self.reading, self.writing = os.pipe()

    def start(self, *command: str) -> int:
        """Spawn a command as the first member; its output comes to `reading`."""

        def child() -> NoReturn:
            os.dup2(self.writing, 1)
            os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "GUARDIAN_RUN_ID": RUN_ID})

        return self.tree.spawn(child)

    def heard(self, word: bytes) -> None:
        """Wait until the victim has written this."""
        text = b""
        while word not in text:
            text += os.read(self.reading, 4096)

    def drained(self) -> bytes:
        """Return what was written so far."""
        os.set_blocking(self.reading, False)
        try:
            return os.read(self.reading, 1 << 16)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self.reading, True)

    def end(self) -> None:
        """End everybody: at once where that is possible, else one by one until nobody is found."""

        def ended() -> bool:
            at_once = self.tree.kill(self.tree.members())
            for proc in self.tree.members():
                if proc.id not in at_once:
                    send(proc.id, (signal.SIGKILL,), self.tree.identify)
            reap()
            return self.tree.empty()

        until(ended, "somebody would not go")


def reap() -> None:
    """Reap whoever is ours and dead."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that a process does."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(what)
        time.sleep(0.01)


def alone(case: Scenario) -> dict[str, object]:
    """One process is the only member; nobody is before and after."""
    before = case.tree.empty()
    leader = case.start("sh", "-c", f"echo ready; {SLEEP}")
    case.heard(b"ready")
    members = [proc.pid for proc in case.tree.members()]
    filled = not case.tree.empty()
    case.end()
    return {"before": before, "members": members == [leader], "filled": filled, "after": case.tree.empty()}


def family(case: Scenario) -> dict[str, object]:
    """Who left the session, and who lost its parent, are members."""
    case.start("sh", "-c", FAMILY)
    case.heard(b"ready")
    until(lambda: len({proc.session for proc in case.tree.members()}) >= 3, "three sessions")
    members = case.tree.members()
    case.end()
    return {"members": len(members), "sessions": len({proc.session for proc in members})}


def hiding(case: Scenario) -> dict[str, object]:
    """Who has no parent, session and environment of ours any more before anybody looked."""
    leader = case.start("sh", "-c", HIDING)
    case.heard(b"ready")
    own = os.getsid(leader)
    others = [proc for proc in case.tree.members() if proc.session != own]
    case.end()
    return {"found": len(others)}


def killing(case: Scenario) -> dict[str, object]:
    """Who is ended at once is gone."""
    case.start("sh", "-c", FAMILY)
    case.heard(b"ready")
    until(lambda: len(case.tree.members()) >= 3, "three members")
    expected = case.tree.at_once(case.tree.members())
    killed = case.tree.kill(case.tree.members())
    until(lambda: reap() is None and not {p.id for p in case.tree.members()} & killed, "their end")
    left = len(case.tree.members())
    case.end()
    return {"expected": killed == expected, "killed": len(killed), "left": left}


def forking(writing: int) -> NoReturn:
    """Fork ever and again, and write whether it worked."""
    signal.alarm(20)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            if os.fork() == 0:
                os._exit(0)
            os.write(writing, b"+")
        except OSError:
            os.write(writing, b"-")
        time.sleep(0.05)


def braking(case: Scenario) -> dict[str, object]:
    """Forks of members fail after the brake."""
    case.tree.spawn(lambda: forking(case.writing))
    case.heard(b"+")
    case.tree.brake(case.tree.members())
    case.drained()
    case.heard(b"-")
    case.drained()
    time.sleep(0.3)  # six tries
    tries = case.drained()
    case.end()
    return {"forks": tries.count(b"+"), "refused": tries.count(b"-")}


def counting(case: Scenario) -> dict[str, object]:
    """CPU of the dead is counted, where the kernel counts."""
    case.start("sh", "-c", BURNING)
    case.heard(b"done")
    cpu = case.tree.cpu()
    case.end()
    return {"cpu": cpu}


def closing(case: Scenario) -> dict[str, object]:
    """Nothing that was made for the tree is left."""
    case.start("sh", "-c", FAMILY)
    case.heard(b"ready")
    case.end()
    case.tree.close()
    folder = getattr(case.tree, "folder", "")
    return {"left": os.path.exists(folder)}


def leaving(case: Scenario) -> dict[str, object]:
    """Who may live on does not keep what was made for the tree."""
    leader = case.start("sh", "-c", f"echo ready; {SLEEP}")
    case.heard(b"ready")
    case.tree.close()
    alive = case.tree.identify(leader) is not None
    left = os.path.exists(getattr(case.tree, "folder", ""))
    os.kill(leader, signal.SIGKILL)
    return {"alive": alive, "left": left}


def identity(case: Scenario) -> dict[str, object]:
    """A member is identified as itself, a pid without a process as nobody."""
    leader = case.start("sh", "-c", f"echo ready; {SLEEP}")
    case.heard(b"ready")
    (member,) = case.tree.members()
    same = case.tree.identify(leader) == member.id
    case.end()
    until(lambda: reap() is None and case.tree.identify(leader) is None, "nobody")
    return {"same": same}


def holding(case: Scenario) -> dict[str, object]:
    """Who is a member is held; who has another's pid outside of the tree is not, nor who has gone."""
    leader = case.start("sh", "-c", f"echo ready; {SLEEP}")
    case.heard(b"ready")
    (member,) = [proc.id for proc in case.tree.members()]
    outside = case.tree.identify(os.getpid())
    other = outside.replace(start=outside.start + 1) if outside is not None else member
    held = case.tree.holds([member, other])
    case.end()
    until(lambda: reap() is None and case.tree.identify(leader) is None, "nobody")
    return {"held": held == {member}, "after": len(case.tree.holds([member]))}


SCENARIOS = {
    each.__name__: each
    for each in (alone, family, hiding, killing, braking, counting, closing, leaving, identity, holding)
}


def move_into(folder: str) -> None:
    """Live in that cgroup from now on."""
    with open(f"{folder}/cgroup.procs", "w") as file:
        file.write("0")


def become(uid: int) -> None:
    """Be an ordinary user from now on."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    if sys.argv[4:]:
        move_into(sys.argv[4])
    if sys.argv[3:]:
        become(int(sys.argv[3]))
    case = Scenario(sys.argv[1])
    try:
        print(json.dumps(SCENARIOS[sys.argv[2]](case)))
    finally:
        case.tree.close()
