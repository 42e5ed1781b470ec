"""Owning a tree by its traces: parents, sessions and groups, and the run's id in the environment.

Works anywhere, and is the weakest way: a process that clears its environment, leaves its session
and loses its parent before anybody looked leaves no trace, and escapes.
"""

from __future__ import annotations

import os

from guardian.kill.reach import led_groups, reach
from guardian.procs.linux import read_file
from guardian.procs.model import TICKS
from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from guardian.procs.model import Proc, ProcId, Snapshot

ENVIRONMENT_SIZE = 1 << 20


class Tree:
    """Owns whoever can be traced back to the command."""

    name = "tree"

    def __init__(self, run_id: str) -> None:
        self._table = system_table()
        self._mark = f"GUARDIAN_RUN_ID={run_id}".encode("ascii")
        self._marked: dict[ProcId, bool] = {}  # whose environment was read, and what it said
        self._known: dict[ProcId, Proc] = {}
        self._groups: frozenset[int] = frozenset()
        self._born = self._table.now() * TICKS

    def own(self) -> None:
        """Count who is below this process from now on."""
        self._me = os.getpid()

    def spawn(self, child: Callable[[], NoReturn]) -> int:
        """Fork; the child's environment carries the run's id."""
        pid = os.fork()
        if pid == 0:
            child()
        return pid

    def identify(self, pid: int) -> ProcId | None:
        """Return who has this pid at this moment."""
        return self._table.identify(pid)

    def holds(self, targets: Iterable[ProcId]) -> frozenset[ProcId]:
        """Return which of these are still who they were."""
        return frozenset(who for who in targets if self.identify(who.pid) == who)

    def members(self) -> list[Proc]:
        """Return those alive who have left a trace, now or at an earlier look."""
        snapshot = self._table.take()
        traced = [proc.id for proc in snapshot if proc.ppid == self._me or self._is_marked(proc)]
        found = reach(
            snapshot, dict.fromkeys([*self._known, *traced]), self._groups, {self._me}, since=self._born
        )
        self._known |= found
        self._groups = led_groups(self._known.values()) & self._groups_of(found.values())
        self._forget(snapshot)
        return list(found.values())

    def everybody(self) -> list[Proc]:
        """Return the same: the dead leave no trace."""
        return self.members()

    @staticmethod
    def _groups_of(procs: Iterable[Proc]) -> frozenset[int]:
        return frozenset(group for proc in procs for group in (proc.pgrp, proc.session))

    def _forget(self, snapshot: Snapshot) -> None:
        """Drop what was known of processes that are gone; leaders stay, their groups may live on."""
        self._marked = {who: mark for who, mark in self._marked.items() if snapshot.get(who) is not None}

    def _is_marked(self, proc: Proc) -> bool:
        """Whether the run's id stands in its environment; read once, since only an exec changes it."""
        if proc.kernel or proc.gone or proc.start < self._born - TICKS:
            return False
        if proc.id not in self._marked:
            self._marked[proc.id] = self._mark in _environment(proc.pid)
        return self._marked[proc.id]

    def empty(self) -> bool:
        """Whether nobody with a trace is left."""
        return not self.members()

    def brake(self, members: Iterable[Proc]) -> None:
        """Not here: RLIMIT_NPROC of another process can be set on Linux only."""

    def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Nobody: each is ended on its own."""
        return frozenset()

    def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Nobody: each is ended on its own."""
        return frozenset()

    def cpu(self) -> float:
        """Not counted for the tree as a whole."""
        return -1.0

    def limit_memory(self, limit: int) -> bool:
        """Not without a cgroup."""
        return False

    def out_of_memory(self) -> bool:
        """Not without a cgroup."""
        return False

    def close(self) -> None:
        """Nothing was made."""


def _environment(pid: int) -> frozenset[bytes]:
    """Return the variables that a process began with; none where they may not be read."""
    try:
        return frozenset(read_file(f"/proc/{pid}/environ", ENVIRONMENT_SIZE).split(b"\0"))
    except OSError:
        return frozenset() if os.path.isdir("/proc/self") else _environment_by_psutil(pid)


def _environment_by_psutil(pid: int) -> frozenset[bytes]:
    import psutil  # late: only where there is no /proc

    try:
        environment = psutil.Process(pid).environ()
    except psutil.Error:
        return frozenset()
    return frozenset(os.fsencode(f"{name}={value}") for name, value in environment.items())
