"""Measuring a tree: what its members use now, and what its dead have used."""

from __future__ import annotations

import os

from guardian.policy.runlimits import Usage
from guardian.procs.linux import only_gone, read_file
from guardian.procs.model import Snapshot, Wants
from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.procs.model import Proc

IO_SIZE = 4096


class Gauge:
    """Looks at one tree; children of the sentinel that have died belong to it."""

    def __init__(self, containment: Containment) -> None:
        self._containment = containment
        self._table = system_table()
        self._cpu = 0.0
        self.members: list[Proc] = []  # who was alive at the last look

    def look(self) -> Usage:
        """Return what one look shows, without what costs more."""
        everybody = self._containment.everybody()
        self.members = [proc for proc in everybody if not proc.gone]
        return Usage(
            procs=len(self.members),
            cpu=self._cpu_of(everybody),
            rss=sum([proc.rss for proc in self.members]),
            out_of_memory=self._containment.out_of_memory(),
        )

    def _cpu_of(self, everybody: list[Proc]) -> float:
        """Return CPU seconds, the dead included; never less than before.

        Where the kernel does not count for the tree: whoever dies is counted in its parent's
        times, in the end in ours, once it is waited for. Children of a parent that ignores
        SIGCHLD are in nobody's (getrusage(2)).
        """
        counted = self._containment.cpu()
        if counted < 0:
            times = os.times()
            counted = sum([proc.cpu + proc.reaped for proc in everybody])
            counted += times.children_user + times.children_system
        self._cpu = max(self._cpu, counted)
        return self._cpu

    def _closer(self, **wanted: frozenset[int]) -> Snapshot:
        return self._table.closer(Snapshot(self.members, taken=0.0, at=0.0), Wants(**wanted))

    def pss(self) -> int:
        """Return bytes of the members with shared pages once, RSS for those that may not be looked into."""
        pids = frozenset(proc.pid for proc in self.members)
        return sum(proc.pss if proc.pss >= 0 else proc.rss for proc in self._closer(pss=pids))

    def io(self) -> int:
        """Return bytes read and written by the members; -1 when one of them does not tell."""
        pids = frozenset(proc.pid for proc in self.members)
        told = [proc.io for proc in self._closer(io=pids)]
        return sum(told) if told and min(told) >= 0 else -1

    def written(self) -> int:
        """Return bytes that the members have written, to whatever; who may not be looked into is left out."""
        return sum(_written(proc.pid) for proc in self.members)

    def foreground(self) -> bool:
        """Whether a terminal has one of the members in its foreground."""
        return any(proc.tty and proc.pgrp == proc.tpgid for proc in self.members)


def _written(pid: int) -> int:
    """Return wchar of /proc/PID/io: what went through write(2), pipes and terminals too (proc(5))."""
    try:
        lines = read_file(f"/proc/{pid}/io", IO_SIZE).splitlines()
    except OSError as error:
        only_gone(error)
        return 0
    return next((int(line[7:]) for line in lines if line.startswith(b"wchar: ")), 0)
