"""Go on in the background: a session of one's own, no terminal, and word to who waits for it (daemon(7))."""

from __future__ import annotations

import os
import sys

from guardian.errors import GuardianError


class Detached:
    """In the process that was started: waits for word from the one that goes on."""

    def __init__(self, word: int) -> None:
        self._word = word

    def report(self, *, log: str) -> int:
        """Print the pid of the process that goes on; GuardianError when it did not come up."""
        with os.fdopen(self._word, "rb") as word:
            pid = word.read()  # ends with the word, or with the process
        if not pid:
            raise GuardianError(f"the monitor did not come up; its log may say why: {log}")
        print(f"monitor runs in the background, pid {pid.decode('ascii')}, log {log}")
        return 0


class Background:
    """In the process that goes on."""

    def __init__(self, word: int) -> None:
        self._word = word

    def ready(self) -> None:
        """Tell who waits that we are up."""
        os.write(self._word, str(os.getpid()).encode("ascii"))
        os.close(self._word)


def detach_process() -> Detached | Background:
    """Fork twice; return one thing in the process that was started, another in the one that goes on."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writing)
        os.waitpid(child, 0)
        return Detached(reading)
    os.close(reading)
    os.setsid()
    if os.fork():
        os._exit(0)  # not a session leader: can never get a terminal again
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return Background(writing)
