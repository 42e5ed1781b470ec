"""Processes that a test starts, and the promise that none of them outlives it.

Each carries a mark in its environment, which everything it starts inherits: so those that left
their session, or were forked twice, are found too. Each ends by itself when its fuse has burnt
down (SIGALRM, RLIMIT_CPU: both survive exec), and a sweeper of its own session ends all of them
when the test run dies without a word.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

MARK = "GUARDIAN_TEST_LITTER"
PATIENCE = 10.0  # seconds in which everybody has to be gone after SIGKILL; state D can take longer


def start_of(pid: int) -> int | None:
    """Return when that process started, in ticks since boot; None when nobody alive has the pid."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1 else int(fields[19])


def marked(mark: str) -> Iterator[int]:
    """Name everybody alive who carries the mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read().split(b"\0")
        except OSError:  # gone, or not ours to read
            continue
        if wanted in environment and start_of(int(entry)) is not None:
            yield int(entry)


def below(pids: set[int]) -> set[int]:
    """Return the pids and everybody whom they started, as far as parents tell."""
    found, queue = set(pids), list(pids)
    for pid in queue:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
            for thread in threads:
                with open(f"/proc/{pid}/task/{thread}/children") as file:
                    new = {int(child) for child in file.read().split()} - found
                found |= new
                queue += new
        except OSError:
            continue
    return found


def end(pid: int, start: int | None) -> None:
    """Send SIGKILL to that very process; nobody there, or not ours, is no error."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if start is not None and start_of(pid) == start:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(handle)


def sweep(mark: str, known: dict[int, int]) -> set[int]:
    """End all who carry the mark, the known ones, and theirs; return the pids that would not go."""
    deadline = time.monotonic() + PATIENCE
    while True:
        own = {pid for pid, start in known.items() if start_of(pid) == start}
        alive = {pid: start_of(pid) for pid in below(own | set(marked(mark)))}
        alive = {pid: start for pid, start in alive.items() if start is not None}
        if not alive or time.monotonic() > deadline:
            return set(alive)
        known |= alive  # who was seen once is ended also when its parent went first
        for pid, start in alive.items():
            end(pid, start)
        time.sleep(0.005)  # the kernel takes them down meanwhile; another look decides


class Litter:
    """Starts processes for one test and remembers them."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.known: dict[int, int] = {}
        self._children: list[subprocess.Popen[str]] = []
        self._sweeper = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, self.mark],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, *command: str, fuse: int = 60, memory: int = 0, **options: Any) -> subprocess.Popen[str]:
        """Start a command; `options` are Popen's, text mode is set.

        It gets SIGALRM after `fuse` seconds, and each of its processes after as many CPU seconds.
        `memory` caps the bytes of data of each process (RLIMIT_DATA; bun reserves more than it uses).
        """

        def burn() -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(fuse)
            resource.setrlimit(resource.RLIMIT_CPU, (fuse, fuse))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if memory:
                resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

        environment = {**(options.pop("env", None) or os.environ), MARK: self.mark}
        child = subprocess.Popen(command, env=environment, text=True, preexec_fn=burn, **options)
        self._children.append(child)
        self.remember(child.pid)
        return child

    def python(self, code: str, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start a Python victim: `code` as `python -c`, without site-packages, so that it starts fast."""
        return self.start(sys.executable, "-S", "-E", "-c", code, *args, **options)

    def remember(self, pid: int) -> None:
        """Take over a process that something else has started; nobody there is no error."""
        start = start_of(pid)
        if start is not None:
            self.known[pid] = start

    def alive(self) -> set[int]:
        """Return the pids of all that runs of what was started here, zombies left out."""
        own = {pid for pid, start in self.known.items() if start_of(pid) == start}
        return {pid for pid in below(own | set(marked(self.mark))) if start_of(pid) is not None}

    def clear(self) -> set[int]:
        """End everybody; return the pids that would not go."""
        left = sweep(self.mark, self.known)
        for child in self._children:
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
            if child.pid not in left:
                child.wait()
        self._sweeper.communicate()
        return left


if __name__ == "__main__":  # the sweeper: waits until whoever started it is gone, or is done
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    sweep(sys.argv[1], {})
