"""The gate beside what people use for it today: flock(1) and GNU sem."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from goer import ROOT
from house import House
from litter import Litter
from measure import Table

ROUNDS = int(os.environ.get("GUARDIAN_GATE_ROUNDS", "40"))
BURST = 20  # launches that want the one slot at the same time
RUNS = 5
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

# One job: when it started and when it ended, by the clock of the wall in ns, on one line. A script of
# its own, because sem hands what it gets to a shell once more.
JOB = '#!/bin/sh\na=$(date +%s%N)\nsleep 0.01\necho "$a $(date +%s%N)" >>"$1"\n'


def queue(litter: Litter, place: Path, words: tuple[str, ...]) -> Callable[[], float]:
    """Return a call that starts a burst of jobs behind these words, and returns the seconds of a hand-over.

    The median, from the end of one job, as it sees it itself, to the start of the next, as that one sees it.
    """
    job = place / "job"
    job.write_text(JOB)
    job.chmod(0o700)

    def run() -> float:
        log = place / f"log-{random.getrandbits(32):x}"
        jobs = [
            litter.start(*words, str(job), str(log), fuse=300, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
            for _ in range(BURST)
        ]
        assert all(each.wait() == 0 for each in jobs)
        times = sorted(tuple(map(int, line.split())) for line in log.read_text().splitlines())
        assert len(times) == BURST
        gaps = [later[0] - earlier[1] for earlier, later in itertools.pairwise(times)]
        return statistics.median(gaps) / 1e9

    return run


def bench_hand_over_of_a_slot(house: House, litter: Litter, table: Table) -> None:
    """The next one starts about as soon as with flock(1), which keeps no order; far sooner than with sem."""
    ours = queue(litter, house.root, (sys.executable, "-S", *gate_words(house)))
    peers = {"flock": queue(litter, house.root, ("flock", str(house.root / "lock")))}
    if shutil.which("sem"):
        sem = ("sem", "--fg", "--jobs", "1", "--id", house.root.name)
        peers["GNU sem"] = queue(litter, house.root, sem)
    table.compare(
        f"hand-over of a slot, {BURST} wait", ours, peers, runs=RUNS, aims={"flock": 3, "GNU sem": 0.5}
    )


def gate_words(house: House) -> tuple[str, ...]:
    """Return what a launch through the gate is started with, the one slot of a name of its own."""
    return (str(ROOT / "tests/support/gaterun.py"), str(house.runtime), "bench", "1")


def bench_bursts(house: House, litter: Litter, table: Table) -> None:
    """100 launches, 3 slots, a quarter killed: how often a promise was broken in all rounds (P5)."""
    burst = litter.start(
        *(sys.executable, "-S", str(ROOT / "tests/support/burst.py"), str(house.runtime)),
        *(str(ROUNDS), "100", "3", "1", "kill"),
        fuse=60 + 10 * ROUNDS,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    found = json.loads(burst.communicate()[0])
    broken = found["inversions"] + found["lost"] + max(0, found["most"] - 3)
    work = f"gate, {ROUNDS} bursts of 100: {found['ran']:,} ran, {found['killed']:,} killed"
    table.alone(work, broken, aim=0, unit="promises broken")
