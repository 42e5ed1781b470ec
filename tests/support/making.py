"""Short ways to write processes, rules and worlds in tests."""

from __future__ import annotations

from collections.abc import Iterable

from guardian.actions import Outcome, Send, Sent
from guardian.effects.receipts import Fate, Receipt
from guardian.guard.world import World
from guardian.kill.spare import Self
from guardian.policy.limits import Limits, Rule
from guardian.procs.fake import FakeTable
from guardian.procs.machine import Machine
from guardian.procs.match import Selector
from guardian.procs.model import Proc

MB = 1 << 20
ME = Self(pid=900, uid=1000, session=900)
GUARDIAN = Proc(900, 90_000, "guardian", "S", 800, session=900, uid=1000, command=("guardian", "monitor"))
SHELL = Proc(800, 1_000, "bash", "S", 1, session=800, uid=1000, command=("bash",))
INIT = Proc(1, 0, "systemd", "S", 0, session=1, uid=0, command=("/sbin/init",))


def bun(pid: int, *, start: int = 95_000, ppid: int = 800, **fields: object) -> Proc:
    """Return a `bun test` of the tests' user in the shell's session."""
    given: dict[str, object] = {
        "name": "bun",
        "state": "R",
        "session": 800,
        "uid": 1000,
        "command": ("/opt/bun", "test"),
    }
    return Proc(pid=pid, start=start, ppid=ppid, **(given | fields))  # type: ignore[arg-type]


def rule(
    name: str = "bun", *, victims: str = "oldest", users: tuple[str, ...] = (), **limits: object
) -> Rule:
    """Return a rule about `bun` with no limits but the given ones."""
    none: dict[str, object] = {"max_concurrent": 0, "max_memory": 0, "max_cpu": 0, "timeout": 0}
    return Rule(name, Selector(names=("bun",)), Limits(**(none | limits)), victims, users)  # type: ignore[arg-type]


class Hands:
    """Performs on a fake table: remembers every action, and ends who would end."""

    def __init__(self, table: FakeTable, *, deaf: Iterable[int] = (), denied: Iterable[int] = ()) -> None:
        self.table = table
        self.sent: list[tuple[float, Send]] = []
        self.deaf = set(deaf)  # to SIGTERM
        self.denied = set(denied)
        self.immortal: set[int] = set()

    def __call__(self, action: Send) -> Outcome:
        """Do what the kernel would do."""
        pid = action.target.pid
        self.sent.append((self.table.clock, action))
        if self.table.identify(pid) != action.target:
            return Outcome(action, Sent.GONE)
        if pid in self.denied:
            return Outcome(action, Sent.DENIED, "Operation not permitted")
        ends = action.how.name == "FORCE" or (action.how.name == "ASK" and pid not in self.deaf)
        if ends and pid not in self.immortal:
            self.table.remove(pid)
        return Outcome(action, Sent.DONE)

    @property
    def said(self) -> list[tuple[int, str]]:
        """Whom, and how, in order."""
        return [(action.target.pid, action.how.name) for _, action in self.sent]


def world_of(table: FakeTable, hands: Hands, *, me: Self = ME) -> World:
    """Return a world whose eyes and hands are fake."""
    machine = Machine(16 << 30, 8 << 30, 0, 0, (0.0, 0.0, 0.0), 4)
    return World(table=table, perform=hands, me=me, machine=lambda: machine, wall=lambda: table.clock)


class Recording:
    """Stands for a recorder."""

    by = "cleanup"

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def record(self, event: str, at: float, **fields: object) -> None:
        """Remember one event."""
        self.events.append((event, fields))


def receipt(*members: Fate, **fields: object) -> Receipt:
    """Return a receipt of a timeout with these fates; fields of it can be set."""
    given: dict[str, object] = {
        "id": "r7k2",
        "at": 1_700_000_000.0,
        "by": "monitor",
        "rule": "bun",
        "kind": "timeout",
        "measured": 400.0,
        "limit": 300.0,
        "reason": "age 6m40s, timeout is 5m",
        "pid": 10,
        "start": 60_000,
        "command": "bun test",
        "took": 5.02,
        "peak_memory": 150 << 20,
        "peak_exact": True,
        "cpu": 12.5,
        "members": members,
    }
    return Receipt(**(given | fields))  # type: ignore[arg-type]
