"""The command itself: the first process of the tree, and a child of the sentinel, as all orphans are."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment
    from guardian.run.command import Child

UNKNOWN = 125  # guardian failed: somebody else reaped the command
SIGNALLED = 128  # a shell's exit code for a signal is this and its number


class Leader:
    """Follows one child from its start to its end, and reaps everybody else on the way; never waits."""

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
        """Take in what happened since the last look, and reap the dead.

        Nobody is signalled by number or group once it is reaped, so nothing has to wait for its end.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                self._lost()
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._changed(status)

    def _lost(self) -> None:
        """Take note that there is no child left: if the command is among them its end was not told."""
        if self.code is None:
            self.code = UNKNOWN

    def _changed(self, status: int) -> None:
        if os.WIFEXITED(status):
            self.code = os.WEXITSTATUS(status)
        elif os.WIFSIGNALED(status):
            self.code = SIGNALLED + os.WTERMSIG(status)
        self.stopped = os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0

    def signal(self, number: int) -> None:
        """Pass a signal on; our child is not reaped before `code` is known, so the pid is its own."""
        if self.code is None:
            os.kill(self.pid, number)
