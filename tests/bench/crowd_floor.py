"""The kernel's own floor for ending a crowd: `crowd_floor.py HOW N SCRIPT` prints seconds.

From the first signal (HOW: cgroup.kill, SIGTERM, SIGKILL) until the last of the N processes that
the shell script starts is dead and reaped, by a process that does nothing else: no look at who
they are, no receipt. In a process of its own, since to be a subreaper is for good.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from guardian.contain.cgroup import Cgroup
from guardian.contain.descent import below


def end(tree: Cgroup, how: str, pids: list[int]) -> float:
    """End them all; return the seconds that it took."""
    began = time.perf_counter()
    if how == "cgroup.kill":
        Path(tree.folder, how).write_text("1")
    else:
        for pid in pids:
            os.kill(pid, signal.Signals[how])
    try:
        while os.wait():
            pass
    except ChildProcessError:
        pass
    return time.perf_counter() - began


def main(how: str, count: int, script: str) -> None:
    """Start the crowd, end it when all are there, print how long that took."""
    tree = Cgroup.create("floor")
    tree.own()
    tree.spawn(lambda: os.execvp("sh", ("sh", "-c", script)))
    give_up = time.monotonic() + 60
    while len(pids := below([os.getpid()])) <= count:
        if time.monotonic() > give_up:
            raise SystemExit(f"{len(pids)} of {count} have started")
        time.sleep(0.05)
    time.sleep(1)  # until the last has become a sleep, and sleeps
    print(end(tree, how, pids))
    tree.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
