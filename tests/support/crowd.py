"""Many processes that sleep, for scans to look at; each ends by itself."""

from __future__ import annotations

import os
import subprocess

from litter import Litter

# Forked, not spawned: 5,000 of them are there within seconds and share nearly all of their pages.
CODE = """
import os, signal, sys
count, fuse = int(sys.argv[1]), int(sys.argv[2])
made = 0
for _ in range(count):
    if os.fork() == 0:
        signal.alarm(fuse)
        while True:
            signal.pause()
    made += 1
print(made, flush=True)
signal.pause()
"""


def crowd(litter: Litter, total: int, *, fuse: int = 300) -> None:
    """Start sleepers until the machine has `total` processes; return when all are there.

    They go with the litter.
    """
    count = max(0, total - 1 - sum(entry.isdigit() for entry in os.listdir("/proc")))
    leader = litter.python(CODE, str(count), str(fuse), fuse=fuse, stdout=subprocess.PIPE)
    assert leader.stdout is not None
    assert leader.stdout.readline() == f"{count}\n", f"{count} processes could not be started here"
