"""Where one case is played: started as pid 1 of a namespace of its own, or else as a subreaper.

The stage starts the bystanders, lets the agent call the wrapper, waits for its end, counts who is
left, and prints what it saw as JSON. Then it ends, and with pid 1 the kernel ends the namespace
(pid_namespaces(7)). Nobody can leave its sight: in a namespace whoever is in /proc belongs to the
case; elsewhere every orphan comes back to the nearest subreaper, and nothing but the death of the
stage could change that (PR_SET_CHILD_SUBREAPER(2const)).
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../..")  # -I leaves no path at all

from tests.real.zoo.bystanders import BESIDE, OUTSIDE
from tests.real.zoo.cage import become_subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FUSE = 90  # seconds; the runner's patience ends before
TICK = 0.05  # seconds between two readings of the output: a reader slow enough not to feed a chatterbox
READY = 20.0  # seconds that the bystanders may take on a crowded machine
KEPT = 400  # bytes of the output
DEAD = "ZX"
MANY = 20  # looks
UNSEEN = "somebody who forks faster than /proc can be read"


class Proc:
    """A line of /proc/PID/stat."""

    def __init__(self, pid: int) -> None:
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, _, rest = file.read().rpartition(b")")
        fields = rest.split()
        self.pid, self.state, self.parent = pid, fields[0].decode(), int(fields[1])
        self.name = head.partition(b"(")[2].decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether anything of it runs: a zombie may have threads that do."""
        return self.state not in DEAD or any(state not in DEAD for state in _thread_states(self.pid))

    def __str__(self) -> str:
        return f"{self.name} ({self.pid}, {self.state})"


def _thread_states(pid: int) -> list[str]:
    states = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
                states.append(file.read().rpartition(b")")[2].split()[0].decode())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return states


def everyone() -> dict[int, Proc]:
    """Return all processes that can be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = Proc(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def alone() -> bool:
    """Whether the stage is the init of a namespace of its own."""
    return os.getpid() == 1


def last_pid() -> str:
    """Return the newest pid of this namespace: when it has not moved, nobody was born (proc_loadavg(5))."""
    with open("/proc/loadavg") as file:
        return file.read().split()[-1]


class Stage:
    """One case, from the first bystander to the last look."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.pids: dict[str, int] = {}
        self.handles: dict[str, int] = {}
        self.ended: tuple[int, float] | None = None
        self.said = b""
        self.hearing, self.telling = os.pipe()
        self.reading, self.writing = os.pipe()
        os.set_inheritable(self.telling, True)
        os.set_blocking(self.reading, False)

    def play(self) -> dict[str, object]:
        """Play the case and return what was seen."""
        for name, more in OUTSIDE.items():
            self._launch({"ZOO_ROLE": "bystander", "ZOO_NAME": name} | more)
        self._pump(lambda: set(OUTSIDE) <= set(self.pids), READY)
        os.kill(self.pids["sleeper"], signal.SIGSTOP)
        wrapped = json.dumps(self.spec["wrapped"])
        job = {"ZOO_JOB": ""} if self.spec["job"] else {}
        self._launch({"ZOO_ROLE": "agent", "ZOO_WRAPPED": wrapped} | job, loud=True)
        self._pump(lambda: "agent" in self.pids, READY)
        self._pump(self._over, self.spec["deadline"])
        at_exit = len(self._left())
        code, seconds = self.ended or (None, None)
        return {
            "survivors": self._settle(),
            "at_exit": at_exit,
            "harmed": self._harmed(),
            "exit_code": code,
            "seconds": seconds,
            "acted": os.path.exists("acted"),
            "said": self.said.decode(errors="replace"),
        }

    def _launch(self, role: dict[str, str], *, loud: bool = False) -> None:
        """Start an actor in a session of its own, as the user of the case."""
        if os.fork():
            return
        os.setsid()
        if loud and self.spec["cgroup"]:
            with open(f"{self.spec['cgroup']}/cgroup.procs", "w") as file:
                file.write("0")
        if self.spec["user"]:
            os.setgroups([])
            os.setresgid(*[self.spec["user"][1]] * 3)
            os.setresuid(*[self.spec["user"][0]] * 3)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for wanted, source in enumerate((nowhere, *[self.writing if loud else nowhere] * 2)):
            os.dup2(source, wanted)
        here = {"ZOO_TELL": str(self.telling), "ZOO_HARM": "harm", "ZOO_ACTED": os.path.abspath("acted")}
        os.execve(self.spec["actor"][0], self.spec["actor"], self.spec["env"] | here | role)

    def _pump(self, enough: Callable[[], bool], patience: float) -> None:
        """Hear what the actors tell, drain the output and reap orphans, until `enough` or out of patience."""
        until = time.monotonic() + patience
        while not enough() and time.monotonic() < until:
            if select.select([self.hearing], [], [], TICK)[0]:
                for line in os.read(self.hearing, 1 << 16).decode().splitlines():
                    self._hear(*line.split())
            self._drain()
            reap()

    def _hear(self, name: str, *facts: str) -> None:
        if name == "exit":
            self.ended = int(facts[0]), float(facts[1])
            return
        self.pids[name] = int(facts[0])
        try:
            self.handles[name] = os.pidfd_open(int(facts[0]))
        except ProcessLookupError:
            pass  # gone already: a bystander without a handle counts as dead

    def _drain(self) -> None:
        try:
            self.said = (self.said + os.read(self.reading, 1 << 16))[-KEPT:]
        except BlockingIOError:
            pass

    def _over(self) -> bool:
        return self.ended is not None or self._dead("agent")

    def _dead(self, name: str) -> bool:
        return name not in self.handles or bool(select.select([self.handles[name]], [], [], 0)[0])

    def _left(self) -> list[Proc]:
        """Return who is alive and neither the stage, a bystander, nor what the agent waits for."""
        reap()
        found = everyone()
        ours = {os.getpid(), *self.pids.values()}
        if not alone():
            found = descendants(found, os.getpid())
        return [proc for proc in found.values() if proc.pid not in ours and proc.alive]

    def _settle(self) -> list[str]:
        """Look until nobody is left, or the time to settle is over; return who was there last.

        One empty look proves nothing: a chain of forks runs ahead of whoever lists it. Two do, when
        no pid was given away between them; outside a namespace, where pids always are, many have to.
        """
        until, newest, quiet = time.monotonic() + self.spec["settle"], "", 0
        survivors = [UNSEEN]
        while time.monotonic() < until:
            left, before, newest = self._left(), newest, last_pid()
            survivors, quiet = [str(p) for p in left] or survivors, 0 if left else quiet + 1
            if quiet > 1 and (before == newest or (quiet > MANY and not alone())):
                return []
            time.sleep(0.005)
        return survivors

    def _harmed(self) -> list[str]:
        """Return which bystanders are gone, not as they were, or heard a signal."""
        harmed = [f"{name} is gone" for name in (*OUTSIDE, *BESIDE) if self._dead(name)]
        if not self._dead("sleeper") and Proc(self.pids["sleeper"]).state != "T":
            harmed.append("sleeper was woken")
        harmed += [f"{n} is stopped" for n in BESIDE if not self._dead(n) and Proc(self.pids[n]).state == "T"]
        try:
            with open("harm") as file:
                return harmed + file.read().splitlines()
        except FileNotFoundError:
            return harmed


def reap() -> None:
    """Take the dead from the list: orphans come to the stage."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def descendants(found: dict[int, Proc], root: int) -> dict[int, Proc]:
    """Return those whose line of parents leads to `root`."""
    below: dict[int, Proc] = {}
    while True:
        more = {
            p.pid: p
            for p in found.values()
            if p.pid not in below and p.pid != root and (p.parent == root or p.parent in below)
        }
        if not more:
            return below
        below |= more


def end_everyone() -> None:
    """Kill all descendants until there are none: what the end of a namespace would do."""
    while left := [p for p in descendants(everyone(), os.getpid()).values() if p.alive]:
        for proc in left:
            try:
                os.kill(proc.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()


def main() -> None:
    """Play the case that argv describes; on SIGALRM too, nobody is left behind."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the stage's fuse has burnt down"))
    signal.alarm(FUSE)
    become_subreaper()
    try:
        print(json.dumps(Stage(json.loads(sys.argv[1])).play()), flush=True)
    finally:
        if not alone():
            end_everyone()


if __name__ == "__main__":
    main()
