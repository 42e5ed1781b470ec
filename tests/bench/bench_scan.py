"""One look at all processes, beside `ps` and psutil."""

from __future__ import annotations

import shutil

import pytest
from crowd import crowd
from litter import Litter
from looker import Looker
from measure import Table, alternate, command, shown_time

# What one look of ours tells of each process, as far as the peers can tell it too.
PS = command("ps", "-eo", "pid,ppid,stat,comm,rss,time,args")
PSUTIL = [
    "pid",
    "ppid",
    "status",
    "name",
    "memory_info",
    "cpu_times",
    "create_time",
    "num_threads",
    "cmdline",
]
AIMS = {"ps": 0.3}
SEE = "from guardian.procs.linux import LinuxTable as Table; table = Table()"


@pytest.mark.parametrize(("count", "runs"), [(500, 31), (5000, 7)])
def bench_scan(litter: Litter, table: Table, count: int, runs: int) -> None:
    """A look at all processes costs a fraction of what ps takes, and grows in line with them (P12)."""
    if shutil.which("ps") is None:
        pytest.skip("needs ps: apt-get install procps")
    crowd(litter, count)
    ours = Looker(litter, setup=SEE, work="table.take()")
    psutil = Looker(litter, setup="import psutil", work=f"list(psutil.process_iter({PSUTIL}))")
    table.compare(f"scan {count:,} processes", ours, {"ps": PS, "psutil": psutil}, runs=runs, aims=AIMS)

    cold = Looker(litter, setup=SEE, work="Table().take()")  # reads every command line
    first, later = alternate([cold, ours], runs=runs // 2)
    peer = f"a later look {shown_time(later)}"
    table.add(f"  the first look at {count:,}", shown_time(first), peer, ratio=first / later, aim=None)
