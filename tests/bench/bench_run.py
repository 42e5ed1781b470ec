"""`guardian run` beside what people put in front of commands today: nothing, timeout(1), tini."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from house import House
from litter import Litter
from measure import Row, Table, alternate, command, shown_time, wall
from waiting import wait_until

WAYS = ("cgroup", "subreaper")
LIMIT = 0.5  # seconds
CROWD = 500
CROWD_SCRIPT = f"i=0; while [ $i -lt {CROWD} ]; do sleep 60 & i=$((i+1)); done; wait"
MB = 1 << 20

# Touches new pages as fast as one core can, 1.5 GB at most: a runaway that would fill 24 GB in seconds.
LEAK = """
import mmap, signal, time
signal.alarm(30)
size, page = 1500 << 20, 4096
memory = mmap.mmap(-1, size)
for offset in range(0, size, 1 << 20):
    memory[offset : offset + (1 << 20)] = filling
time.sleep(20)
""".replace("filling", "b'x' * (1 << 20)")

# Wakes every millisecond, in as many processes as there are words.
RESTLESS = """
import os, signal, sys, time
signal.alarm(40)
for n in range(int(sys.argv[1])):
    if os.fork() == 0:
        signal.alarm(40)
        while True: time.sleep(0.001)
while True: signal.pause()
"""


def guardian(*words: str) -> list[str]:
    """Return the command line of `guardian run`: the installed command, or the module."""
    own = Path(sys.executable).with_name("guardian")
    return [*([str(own)] if own.exists() else [sys.executable, "-m", "guardian"]), "run", *words]


def ended(words: list[str], *, code: int = 0) -> Callable[[], float]:
    """Return a call that runs a command and returns its seconds; AssertionError for another exit code."""

    def run() -> None:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert done.returncode == code, done.stderr

    return wall(run)


def beyond(limit: float, work: Callable[[], float], start: Callable[[], float]) -> Callable[[], float]:
    """Return a call for the seconds that `work` takes above its limit and above merely starting."""
    return lambda: work() - limit - start()


def bench_launch(house: House, table: Table) -> None:
    """Guarding `true` costs at most three times a bare Python (P12)."""
    peers = {
        "python -c pass": command(sys.executable, "-c", "pass"),
        "timeout": command("timeout", "5", "true"),
    }
    if shutil.which("tini"):
        peers["tini"] = command("tini", "-s", "--", "true")
    aims = {"python -c pass": 3.0}
    for way in WAYS:
        ours = command(*guardian("--containment", way, "--", "true"))
        table.compare(f"run -- true ({way})", ours, peers, runs=20, aims=aims)


def bench_lateness(house: House, table: Table) -> None:
    """A timeout fires, and its command is gone, at most 20 ms late (P12)."""
    ours = beyond(
        LIMIT,
        ended(guardian("--timeout", f"{LIMIT}", "--", "sleep", "30"), code=124),
        ended(guardian("--", "true")),
    )
    peer = beyond(
        LIMIT, ended(["timeout", f"{LIMIT}", "sleep", "30"], code=124), ended(["timeout", "5", "true"])
    )
    late, late_peer = (statistics.median(work() for _ in range(7)) for work in (ours, peer))
    table.alone("timeout: late by", late * 1000, unit="ms", aim=20)
    table.alone("timeout(1): late by", late_peer * 1000, unit="ms")


def reported(house: House, *words: str, code: int) -> dict[str, object]:
    """Run something under guardian, and return its report."""
    path = house.root / "report"
    done = subprocess.run(
        guardian("--report", str(path), *words), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr
    result: dict[str, object] = json.loads(path.read_text())
    return result


def took(report: dict[str, object]) -> float:
    """Return the seconds from the first signal to the last death."""
    receipt = report["receipt"]
    assert isinstance(receipt, dict)
    return float(receipt["took"])


def floor(how: str) -> Callable[[], float]:
    """Return a call for the seconds in which the kernel ends the same crowd, and nothing else is done."""
    script = str(Path(__file__).with_name("crowd_floor.py"))
    words = [sys.executable, script, how, str(CROWD), CROWD_SCRIPT]
    return lambda: float(subprocess.run(words, capture_output=True, check=True, text=True).stdout)


@pytest.mark.parametrize(("way", "aim"), [("cgroup", 0.05), ("subreaper", 0.5)])
@pytest.mark.parametrize(("told", "how", "grace"), [("asked", "SIGTERM", "5s"), ("forced", "SIGKILL", "0")])
def bench_crowd(way: str, aim: float, told: str, how: str, grace: str, house: House, table: Table) -> None:
    """Five hundred processes are gone in a moment (P12): from the end of the timeout until nobody is left.

    The time that the receipt tells, with the look at who they are. `sleep` dies when it is asked to,
    so no grace passes; with --grace 0 it is not asked.
    """
    words = ("--containment", way, "--grace", grace, "--timeout", "4s", "--", "sh", "-c", CROWD_SCRIPT)
    peer = "cgroup.kill" if (way, told) == ("cgroup", "forced") else how
    ours, least = alternate([lambda: took(reported(house, *words, code=124)), floor(peer)], runs=3)
    row = f"end {CROWD} processes, {told} ({way})"
    met = "yes" if ours <= aim else "NO"
    other = f"the kernel alone {shown_time(least)}"
    table.rows.append(Row(row, shown_time(ours), other, f"{ours / least:.2f}", f"≤ {aim * 1000:g} ms", met))


@pytest.mark.parametrize("way", WAYS)
def bench_restless(way: str, house: House, table: Table) -> None:
    """Processes that wake every millisecond do not starve their guard (P12)."""
    restless = [sys.executable, "-S", "-E", "-c", RESTLESS, "200"]
    words = ("--containment", way, "--grace", "0", "--timeout", "3s", "--", *restless)
    whole = ended(guardian(*words), code=124)
    table.alone(f"200 restless processes gone after the limit ({way})", (whole() - 3) * 1000, unit="ms")


def bench_overshoot(house: House, table: Table) -> None:
    """A leak as fast as memory can be touched passes its limit by 100 MB at most (P12)."""
    leak = [sys.executable, "-S", "-E", "-c", LEAK]
    peaks = []
    for _ in range(3):
        report = reported(house, "--memory", "500MB", "--", *leak, code=122)
        peak = report["peak_memory"]
        assert isinstance(peak, int)
        peaks.append(peak / MB - 500)
    table.alone("memory above a limit of 500 MB", max(peaks), unit="MB", aim=100)


def pss(pid: int) -> int:
    """Return bytes of one process with shared pages divided among their users."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * int(text.split("\nPss:")[1].split()[0])


def cpu(pid: int) -> float:
    """Return seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_weight(house: House, litter: Litter, table: Table) -> None:
    """The two guards take at most 15 MB each, and next to no CPU while nothing happens (P12)."""
    run = litter.start(*guardian("--", "sh", "-c", "echo $PPID; exec sleep 50"), stdout=subprocess.PIPE)
    assert run.stdout is not None
    sentinel = int(run.stdout.readline())
    wait_until(
        lambda: cpu(sentinel) >= 0.0 and len(os.listdir(f"/proc/{sentinel}/fd")) > 3, what="the sentinel"
    )
    before = [cpu(pid) for pid in (run.pid, sentinel)]
    subprocess.run(["sleep", "5"], check=True)  # the time over which is measured
    used = sum(cpu(pid) for pid in (run.pid, sentinel)) - sum(before)
    for name, pid in (("front", run.pid), ("sentinel", sentinel)):
        table.alone(f"memory of the {name}", pss(pid) / MB, unit="MB", aim=15)
    table.alone("CPU of both while the command sleeps", used / 5 * 100, unit="%", aim=1)
