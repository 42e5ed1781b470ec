"""What a monitor costs that has nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from crowd import crowd
from house import House
from litter import Litter
from measure import Table

PROCESSES = 500
WARM = 11.0  # seconds: past the start, and past the first look after it
WATCHED = float(os.environ.get("GUARDIAN_BENCH_SECONDS", "60"))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, exact to the nanosecond (kernel: sched-stats.rst)."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def bench_monitor_at_rest(litter: Litter, house: House, table: Table) -> None:
    """A monitor of 500 processes that looks every 10 s takes next to nothing (P12)."""
    house.write_config('[monitor]\ninterval = "10s"\n[rules.bun]\nnames = ["bun"]\n')
    crowd(litter, PROCESSES)
    monitor = litter.start(sys.executable, "-m", "guardian", "monitor", stderr=subprocess.DEVNULL, fuse=300)
    time.sleep(WARM)
    before, began = cpu_seconds(monitor.pid), time.monotonic()
    time.sleep(WATCHED)
    share = (cpu_seconds(monitor.pid) - before) / (time.monotonic() - began) * 100
    assert monitor.poll() is None
    with open(f"/proc/{monitor.pid}/smaps_rollup") as file:
        pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    table.alone(f"monitor at {PROCESSES} processes, a look every 10 s: CPU", share, aim=0.1, unit="%")
    table.alone("  its memory, shared pages once", pss, unit="MB")
