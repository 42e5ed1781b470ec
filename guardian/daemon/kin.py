"""Who belongs to which service: everybody below the keeper, told apart by cgroup, parents and mark.

    in the service's cgroup                                      where one can be made
    below its leader                                             parents, as long as they live
    below a child of the keeper that carries its mark            orphans, whatever they did (keep.launch)

When the keeper was killed, its children went to somebody else: then all of /proc is searched for
the mark.
"""

from __future__ import annotations

import os
from functools import cache

from guardian.contain import descent
from guardian.contain.cgroup import CannotCreate, Cgroup, own_group
from guardian.contain.subreaper import Subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from guardian.contain.mark import Mark
    from guardian.procs.model import Proc, ProcId


class Family:
    """What all trees have in common: the keeper, and whose leaders its children are."""

    def __init__(self) -> None:
        self.keeper = 0  # pid
        self.leaders: set[int] = set()  # pids of those that belong to a service as such
        self.lost: set[str] = set()  # ids of trees that another keeper, which was killed, has started

    @property
    def scattered(self) -> bool:
        """Whether orphans of a tree may be somebody else's children than the keeper's."""
        return bool(self.lost)

    def strangers(self) -> list[int]:
        """Return the pids of those children of the keeper that nobody knows: orphans of some tree."""
        if self.scattered:
            return [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in descent.children(self.keeper) if pid not in self.leaders]


class _Pen(Cgroup):
    """The cgroup of a service; it is open only while somebody enters it."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        os.close(self._handle)

    @property
    def pids(self) -> list[int]:
        """Everybody inside."""
        return self._inside()


class Kin(Subreaper):
    """The tree of one generation of one service; keeps the contract of a containment."""

    name = "kin"

    def __init__(self, family: Family, mark: Mark, *, cgroup: str = "") -> None:
        self._family, self.mark, self.cgroup = family, mark, cgroup
        self.leader: ProcId | None = None
        self._pen = _Pen(cgroup) if cgroup and os.path.isdir(cgroup) else None
        self._cpu: dict[ProcId, float] = {}  # of everybody who was ever seen, with those they waited for

    def own(self) -> None:
        """Nothing to do: the keeper owns them."""

    def spawn(self, child: Callable[[], NoReturn]) -> int:
        """Not here: the keeper spawns."""
        raise NotImplementedError("the keeper spawns")

    def _pids(self) -> list[int]:
        found = dict.fromkeys(self._pen.pids if self._pen is not None else ())
        roots = [pid for pid in self._family.strangers() if self.mark.owns(pid)]
        if self.leader is not None and self.identify(self.leader.pid) == self.leader:
            roots.append(self.leader.pid)
        return list(found | dict.fromkeys(roots) | dict.fromkeys(descent.below(roots)))

    def empty(self) -> bool:
        """Whether nobody is left, nor a dead one to reap; those of a lost keeper are reaped by others."""
        return not (self.members() if self._family.scattered else self._pids())

    def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Return whom of these `kill` would end, where the tree has a cgroup."""
        return self._pen.at_once(members) if self._pen is not None else frozenset()

    def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """End the tree at once, where it has a cgroup."""
        return self._pen.kill(members) if self._pen is not None else frozenset()

    def cpu(self) -> float:
        """Return CPU seconds of the tree, its dead included as far as anybody counted them."""
        counted = self._pen.cpu() if self._pen is not None else -1.0
        if counted >= 0:
            return counted
        self._cpu |= {proc.id: proc.cpu + proc.reaped for proc in self.everybody()}
        return sum(self._cpu.values())

    def limit_memory(self, limit: int) -> bool:
        """Let the kernel end the tree a little above the limit, where the cgroup has that controller."""
        return self._pen is not None and self._pen.limit_memory(limit)

    def out_of_memory(self) -> bool:
        """Whether the kernel did so."""
        return self._pen is not None and self._pen.out_of_memory()

    def close(self) -> None:
        """Remove the cgroup."""
        if self._pen is not None:
            self._pen.close()
            self._pen = None


def new_cgroup(name: str) -> str:
    """Return the folder of a new cgroup; empty where none can be made, or none is wanted."""
    if os.environ.get("GUARDIAN_CONTAINMENT", "auto") not in ("auto", "cgroup"):
        return ""
    try:
        return _Pen.create(name, parent=_home()).folder
    except CannotCreate:
        return ""


@cache
def _home() -> str:
    """Return the cgroup that this process is in: it does not move."""
    return own_group()


def leader_among(members: Iterable[Proc]) -> ProcId | None:
    """Return who was started as the leader of a tree: the oldest who leads a session (keep.launch)."""
    leading = [proc for proc in members if proc.session == proc.pid]
    return min(leading, key=lambda proc: proc.start).id if leading else None
