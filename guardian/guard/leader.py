"""The command itself: the first process of the tree, a child of the sentinel, reaped last.

As long as the leader is not reaped neither its pid nor its process group can become another's.
"""

from __future__ import annotations

import os

from guardian.contain import descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.guard.command import Child

SIGNALLED = 128  # a shell's exit code for a signal is this and its number


class Leader:
    """Follows one child from its start to its reaping, without ever waiting."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stopped = 0  # by which signal; 0: it is not
        self.code: int | None = None  # as a shell tells it, once it has ended

    @classmethod
    def start(cls, containment: Containment, child: Child) -> Leader:
        """Launch the command as the first member of the tree."""
        leader = cls(containment.spawn(child))
        child.started()
        return leader

    def look(self) -> None:
        """Take in what happened to it since the last look."""
        if self.code is not None:
            return
        end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if end is not None:
            killed = end.si_code != os.CLD_EXITED
            self.code = SIGNALLED + end.si_status if killed else end.si_status
            return
        try:
            change = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
        except ChildProcessError:
            return  # ended since the line above: a zombie can change no more; SIGCHLD is on its way
        if change is not None:
            self.stopped = change.si_status if change.si_code == os.CLD_STOPPED else 0

    def signal(self, number: int) -> None:
        """Pass a signal on; it is our child and not reaped, so its pid is its own."""
        if self.code is None:
            os.kill(self.pid, number)

    def reap_others(self) -> None:
        """Reap the orphans that died; the leader stays."""
        if self.code is None and not self._orphan_died():
            return
        for pid in descent.children(os.getpid()):
            if pid != self.pid:
                _reap(pid)

    def _orphan_died(self) -> bool:
        end = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        return end is not None and end.si_pid != self.pid

    def reap(self) -> None:
        """Let the leader go; when nobody of its tree is left."""
        _reap(self.pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # reaped before
