"""Many processes that sleep, for scans to look at; each ends by itself."""

from __future__ import annotations

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


def crowd(litter: Litter, count: int, *, fuse: int = 300) -> None:
    """Start `count` sleepers and return when all of them are there; they go with the litter."""
    leader = litter.python(CODE, str(count), str(fuse), fuse=fuse, stdout=subprocess.PIPE)
    assert leader.stdout is not None
    assert leader.stdout.readline() == f"{count}\n", f"{count} processes could not be started here"
