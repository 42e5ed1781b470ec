"""Where guardian stands among process groups, so that the terminal works as if it were not there.

In a terminal the command stays in the process group that the user started it in: ^C, ^Z, `fg`,
`| less`, a loop in a script all reach it directly, exactly once, and the shell needs no help.
guardian's two processes step out of that group instead, each into one of its own, so that no
kill(0) of the command hits them and no single kill(-group) hits both. The front comes home when
it has to be found there: while the job is stopped (`fg` continues the group), and when the
command has ended (^C then means guardian).

Without a terminal the command gets a group of its own, and the front stays at home and passes on
what the group is sent. The same for the leader of a session, who cannot step out (setpgid(2)):
there is no shell above it that could miss the command, which also gets the terminal.
"""

from __future__ import annotations

import os

from guardian.contain.rawsignal import signal


def foreground_terminal() -> int | None:
    """Return a descriptor of the terminal in whose foreground this process stands; None if it does not."""
    for fd in (0, 2, 1):
        try:
            if os.tcgetpgrp(fd) == os.getpgrp():
                return fd
        except OSError:
            continue  # closed, no terminal, or not ours
    return None


def has_terminal() -> bool:
    """Whether this process has a controlling terminal, in front or not (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Home:
    """The group that guardian was started in."""

    def __init__(self) -> None:
        self.group = os.getpgrp()
        self.terminal = foreground_terminal()
        self.shared = os.getsid(0) != os.getpid() and (self.terminal is not None or has_terminal())
        self._away = False

    @property
    def shared_group(self) -> int:
        """The group that the command shares with others; 0 when it has one of its own."""
        return self.group if self.shared else 0

    def leave(self) -> None:
        """Step out, into a group of our own."""
        if not self.shared or self._away:
            return
        if self.group == os.getpid():
            _join_a_new_group()  # a leader cannot found a second group
        else:
            os.setpgid(0, 0)
        self._away = True

    def back(self) -> None:
        """Come home; where everybody else has left that group and it was never ours, stay."""
        if not self._away:
            return
        try:
            os.setpgid(0, self.group)
            self._away = False
        except PermissionError:
            pass

    def take_terminal_back(self) -> None:
        """Take the terminal from a group that has died with it, or nobody here could read it any more.

        A shell with job control would do that itself, a script does not. SIGTTOU must be ignored.
        """
        if self.terminal is None:
            return
        try:
            if _is_empty(os.tcgetpgrp(self.terminal)):
                self.back()
                os.tcsetpgrp(self.terminal, self.group)
        except OSError:
            pass  # hung up, or our group is gone: nobody to give it to


def _is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)  # signals nobody: asks whether anybody is there (kill(2))
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def die_of_interrupt() -> None:
    """End as the command did, of SIGINT: a shell goes on with its loop when it is told of an exit code only.

    Returns where that signal cannot end us (the first process of a container).
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def _join_a_new_group() -> None:
    """Move into a group whose leader is a child that has ended: it exists as long as we are in it."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.setpgid(pid, pid)
    os.setpgid(0, pid)
    os.waitpid(pid, 0)
