"""A process of its own that does one thing again and again, as a monitor does, and tells how long it took.

Not in the process of the tests: their hundred thousand objects make every garbage collection dear.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from litter import Litter

ROOT = Path(__file__).parents[2]
LOOP = """
import sys, time
sys.path.insert(0, {root!r})
{setup}
for _ in sys.stdin:
    before = time.perf_counter()
    {work}
    print(time.perf_counter() - before, flush=True)
"""


class Looker:
    """Runs `work` once whenever it is called; `setup` and `work` are Python statements."""

    def __init__(self, litter: Litter, *, setup: str, work: str) -> None:
        code = LOOP.format(root=str(ROOT), setup=setup, work=work)
        self._process = litter.start(
            sys.executable, "-c", code, fuse=600, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self) -> float:
        """Do it once; return the seconds that it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())
