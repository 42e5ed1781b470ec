"""Owning a tree without any rights: PR_SET_CHILD_SUBREAPER (prctl(2)), Linux 3.4 and later.

Every orphan below a subreaper becomes its child, whatever session, group, name or environment it
took, so the tree is always the tree below this process. Not inherited by fork: each of the two
guardian processes becomes one.
"""

from __future__ import annotations

import os

from guardian.contain.kernel import become_subreaper
from guardian.errors import GuardianError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from guardian.contain.descent import Looker
    from guardian.procs.model import Proc, ProcId


class Subreaper:
    """Owns everybody below this process."""

    name = "subreaper"
    _looker: Looker | None = None  # made when first needed

    def own(self) -> None:
        """Become the subreaper; GuardianError where the kernel refuses."""
        if not become_subreaper():
            raise GuardianError("the kernel refuses PR_SET_CHILD_SUBREAPER; try --containment tree")

    def spawn(self, child: Callable[[], NoReturn]) -> int:
        """Fork: whoever is below us is a member."""
        pid = os.fork()
        if pid == 0:
            child()
        return pid

    def identify(self, pid: int) -> ProcId | None:
        """Return who has this pid at this moment."""
        from guardian.contain import descent  # late, as below

        return descent.identify(pid)

    def holds(self, targets: Iterable[ProcId]) -> frozenset[ProcId]:
        """Return which of these are still who they were."""
        return frozenset(who for who in targets if self.identify(who.pid) == who)

    def _pids(self) -> list[int]:
        from guardian.contain import descent  # late: 1.5 ms; most commands leave nobody to be found

        return descent.below([os.getpid()])

    def empty(self) -> bool:
        """Whether this process has no child any more, not even a dead one: the kernel's own word.

        Nobody can hide from it, however fast they fork and die: whoever loses its parent is our child.
        """
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return False

    def everybody(self) -> list[Proc]:
        """Return everybody below this process."""
        return self._looks(self._pids())

    def _looks(self, pids: Iterable[int]) -> list[Proc]:
        if self._looker is None:
            from guardian.contain.descent import Looker  # late, as above

            self._looker = Looker()
        return self._looker.looks(pids)

    def members(self) -> list[Proc]:
        """Return everybody alive below this process."""
        return [proc for proc in self.everybody() if not proc.gone]

    def brake(self, members: Iterable[Proc]) -> None:
        """Set RLIMIT_NPROC of the members to 0 (prlimit(2)): their forks fail. Root is exempt."""
        import resource  # late: needed by those runs only that have to be ended

        from guardian.contain import descent

        for proc in members:
            if descent.identify(proc.pid) != proc.id:
                continue  # not a stranger who has its pid by now
            try:
                resource.prlimit(proc.pid, resource.RLIMIT_NPROC, (0, 0))
            except OSError:
                continue  # gone, or set to another user: SIGKILL will tell

    def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Nobody: without a cgroup each is ended on its own."""
        return frozenset()

    def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Nobody: without a cgroup each is ended on its own."""
        return frozenset()

    def cpu(self) -> float:
        """Not counted by the kernel for the tree as a whole."""
        return -1.0

    def limit_memory(self, limit: int) -> bool:
        """Not without a cgroup."""
        return False

    def out_of_memory(self) -> bool:
        """Not without a cgroup."""
        return False

    def close(self) -> None:
        """Nothing was made."""
