"""Where guardian stands among process groups, so that the terminal works as if it were not there.

The command stays in the process group that the user started it in: ^C, ^Z, `fg`, `| less`, a loop
in a script all reach it directly, exactly once, and the shell needs no help. guardian's two
processes step out of that group instead, each into one of its own, so that no kill(0) of the
command hits them and no single kill(-group) hits both.

The front comes home when it has to be found there: while the job is stopped (`fg` continues the
group), and when the command has ended (^C then means guardian).

The leader of a session cannot step out (setpgid(2)). Then there is no shell above it that could
miss the command, which gets a group of its own and, where guardian had it, the terminal.
"""

from __future__ import annotations

import os


def controlling_terminal() -> int | None:
    """Return a descriptor of the terminal in whose foreground this process stands; None if it does not."""
    for fd in (0, 2, 1):
        try:
            if os.tcgetpgrp(fd) == os.getpgrp():
                return fd
        except OSError:
            continue  # closed, no terminal, or not ours
    return None


class Home:
    """The group that guardian was started in."""

    def __init__(self) -> None:
        self._group = os.getpgrp()
        self.terminal = controlling_terminal()
        self.fixed = os.getsid(0) == os.getpid()
        self._away = False

    def leave(self) -> None:
        """Step out, into a group of our own."""
        if self.fixed or self._away:
            return
        if self._group == os.getpid():
            _join_a_new_group()  # a leader cannot found a second group
        else:
            os.setpgid(0, 0)
        self._away = True

    def back(self) -> None:
        """Come home; where everybody else has left that group and it was never ours, stay."""
        if not self._away:
            return
        try:
            os.setpgid(0, self._group)
            self._away = False
        except PermissionError:
            pass

    def take_terminal_back(self) -> None:
        """Let the terminal be where it was before, if the command took it along. SIGTTOU must be ignored."""
        if self.terminal is None:
            return
        try:
            if os.tcgetpgrp(self.terminal) != self._group:
                os.tcsetpgrp(self.terminal, self._group)
        except OSError:
            pass  # hung up, or the group is gone: nobody to give it to


def _join_a_new_group() -> None:
    """Move into a group whose leader is a child that has ended: it exists as long as we are in it."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.setpgid(pid, pid)
    os.setpgid(0, pid)
    os.waitpid(pid, 0)
