"""What a process is, and what one look at all of them returns."""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TICKS = 100  # USER_HZ: /proc counts start and CPU in 1/100 s on every Linux that has it (proc(5))


class ProcId(Value):
    """One process for good: a pid is reused, a pid together with its start is not."""

    pid: int
    start: int  # 1/100 s on the clock of the table that made it (Linux: since boot)

    def __eq__(self, other: object) -> bool:  # hot: these are keys everywhere
        return type(other) is ProcId and self.pid == other.pid and self.start == other.start

    def __hash__(self) -> int:
        return hash((self.pid, self.start))

    def __repr__(self) -> str:
        return f"{self.pid}@{self.start}"


class Proc(Value):
    """A process as one look saw it; the last fields only when a closer look was asked for."""

    pid: int
    start: int  # 1/100 s, see ProcId
    name: str  # comm: at most 15 bytes on Linux, chosen by the process, not to be trusted
    state: str  # R S D T t Z X I (proc(5))
    ppid: int
    pgrp: int = 0
    session: int = 0
    tty: int = 0  # device number of the controlling terminal, 0: none
    tpgid: int = -1  # foreground process group of that terminal, -1: none
    cpu: float = 0.0  # seconds, user and system, of its own threads
    reaped: float = 0.0  # seconds of children that died and were waited for, and of theirs
    threads: int = 1
    rss: int = 0  # bytes resident, pages shared with others counted in full
    kernel: bool = False  # a kernel thread
    command: tuple[str, ...] = ()  # argv as it reads now; empty for kernel threads and zombies
    uid: int = -1  # real user, -1: not looked at, or not readable
    pss: int = -1  # bytes, shared pages divided among their users, with swap; -1: not looked at
    io: int = -1  # bytes passed through read and write by it and reaped children; -1: not looked at
    wchan: str = ""  # where it waits in the kernel, for those who will not go

    @property
    def id(self) -> ProcId:
        """Who this is: (pid, start)."""
        return ProcId(self.pid, self.start)

    @property
    def gone(self) -> bool:
        """Whether nothing of it runs: dead, or a zombie without living threads.

        A leader in state Z whose other threads go on is alive, and still eats and writes.
        """
        return self.state in "Xx" or (self.state == "Z" and self.threads <= 1)


class Wants(Value):
    """What a closer look is asked for: the pids, per detail. The details cost, so they are asked for."""

    owner: frozenset[int] = frozenset()  # uid
    pss: frozenset[int] = frozenset()
    io: frozenset[int] = frozenset()
    wchan: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return any(self.astuple())


class Snapshot:
    """All processes at one moment. Frozen by custom: nobody changes it after it was made."""

    __slots__ = ("_children", "at", "procs", "suspended", "taken")

    def __init__(
        self, procs: Iterable[Proc], *, taken: float, at: float | None = None, suspended: float = 0.0
    ) -> None:
        self.procs: dict[int, Proc] = {proc.pid: proc for proc in procs}
        self.taken = taken  # seconds on the clock of `Proc.start`: what ages are measured with
        self.at = taken if at is None else at  # monotonic seconds awake: what waiting is measured with
        self.suspended = suspended  # seconds that the machine has slept since boot
        self._children: dict[int, list[Proc]] | None = None

    def __iter__(self) -> Iterator[Proc]:
        return iter(self.procs.values())

    def __len__(self) -> int:
        return len(self.procs)

    def get(self, who: ProcId) -> Proc | None:
        """Return that very process, or None when it has gone or its pid belongs to another now."""
        proc = self.procs.get(who.pid)
        return proc if proc is not None and proc.start == who.start else None

    def age(self, proc: Proc) -> float:
        """Return seconds since the process started, time in suspend included."""
        return max(0.0, self.taken - proc.start / TICKS)

    @property
    def children(self) -> dict[int, list[Proc]]:
        """The processes by their parent's pid, computed once."""
        if self._children is None:
            self._children = {}
            for proc in self.procs.values():
                self._children.setdefault(proc.ppid, []).append(proc)
        return self._children

    def with_procs(self, changed: Iterable[Proc]) -> Snapshot:
        """Return the same moment with some processes seen more closely."""
        merged = self.procs | {proc.pid: proc for proc in changed}
        return Snapshot(merged.values(), taken=self.taken, at=self.at, suspended=self.suspended)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self.procs)} processes at {self.taken:.2f}>"
