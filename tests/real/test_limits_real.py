"""Each limit on real processes: who breaks it is ended in its time, and who only looks like it is not."""

from __future__ import annotations

import signal

import pexpect
import pytest
from ground import PATIENCE, Ground
from litter import MARK
from victims import LOOP, SLEEPER

INTERVAL, GRACE = 2.0, 2.0
LATE = 3.0  # seconds that a loaded machine may add

# 20 MB at a time, 600 MB at most; says when it passed the limit of 200 MB.
LEAK = """
import { writeSync } from "node:fs";
const kept: Buffer[] = [];
writeSync(1, "up\\n");
const leak = () => {
  if (kept.length < 30) kept.push(Buffer.alloc(20 << 20, 1));
  if (kept.length === 10) writeSync(1, `${Date.now()}\\n`);
};
setInterval(leak, 20);
"""
IDLE = 'import { writeSync } from "node:fs"; writeSync(1, "up\\n"); setInterval(() => {}, 1e6);'
WORK = """
import { test } from "bun:test";
import { openSync, writeSync } from "node:fs";
const out = openSync("/dev/null", "w");
test("works", () => { writeSync(1, "up\\n"); while (true) writeSync(out, "x".repeat(1000)); }, 1e9);
"""
BURSTS = """
import { writeSync } from "node:fs";
writeSync(1, "up\\n");
const burst = () => { const end = Date.now() + 500; while (Date.now() < end); setTimeout(burst, 1500); };
burst();
"""

# 150 MB in one process and five children that only read it: 900 MB resident, 150 MB used.
SHARED = """
import os, signal
data = b"x" * (150 << 20)
reading, writing = os.pipe()
for _ in range(5):
    if os.fork() == 0:
        signal.alarm(60)
        assert data.count(b"y") == 0
        os.write(writing, b".")
        while True: signal.pause()
for _ in range(5):
    os.read(reading, 1)
print("up", flush=True)
while True: signal.pause()
"""


def test_a_leak_is_ended_within_interval_and_grace(ground: Ground, needs_bun: str) -> None:
    """A bun that leaks past max_memory is ended by the monitor within one interval and the grace (P4, P8)."""
    ground.rule(max_memory='"200MB"', grace=f'"{GRACE}s"')
    monitor = ground.monitor("--interval", f"{INTERVAL}s")
    leak = ground.bun(needs_bun, ground.script(LEAK, ending=".ts"))
    assert leak.stdout is not None
    passed = int(leak.stdout.readline()) / 1000
    assert leak.wait(PATIENCE) == -signal.SIGTERM
    receipt = ground.receipt_of(leak.pid)
    assert receipt["kind"] == "max_memory"
    assert receipt["measured"] > 200 << 20
    assert receipt["peak_exact"]
    assert receipt["at"] - passed < INTERVAL + GRACE + LATE
    assert monitor.end(signal.SIGTERM) == 0


def test_too_old_is_ended_within_interval_and_grace(ground: Ground, needs_bun: str) -> None:
    """A bun older than `timeout` is ended by the monitor, not sooner, and soon after (P4, P8)."""
    ground.rule(timeout='"1s"', grace=f'"{GRACE}s"')
    monitor = ground.monitor("--interval", f"{INTERVAL}s")
    old = ground.bun(needs_bun, ground.script(IDLE, ending=".ts"), up=False)
    assert old.wait(PATIENCE) == -signal.SIGTERM
    receipt = ground.receipt_of(old.pid)
    assert receipt["kind"] == "timeout"
    assert 1.0 < receipt["measured"] < 1.0 + INTERVAL + LATE
    assert monitor.end(signal.SIGTERM) == 0


def test_shared_memory_counts_once(ground: Ground) -> None:
    """Forked children that only read their parent's memory do not make a tree too large (P4)."""
    ground.rule(max_memory='"400MB"', grace='"5s"')
    parent = ground.python(SHARED)
    (row,) = ground.guardian("status", "--json").json["launches"]
    assert row["processes"] == 6
    assert row["exact"], "its sum of RSS is over the limit, so PSS has been asked for"
    assert 150 << 20 < row["memory"] < 400 << 20
    done = ground.guardian("cleanup")
    assert "nothing to end: 1 launch within the limits" in done.out
    assert parent.poll() is None

    ground.rule(max_memory='"100MB"', grace='"5s"')
    assert "1 tree ended" in ground.guardian("cleanup").out
    assert parent.wait(PATIENCE) == -signal.SIGTERM


def test_a_spinner_is_ended_and_who_works_or_only_bursts_is_not(ground: Ground, needs_bun: str) -> None:
    """CPU ends a tree that is over max_cpu for the whole window and reads and writes nothing (P4)."""
    ground.rule(max_cpu="15", cpu_window='"2s"', grace='"5s"')
    works = ground.bun(needs_bun, "test", ground.script(WORK))
    bursts = ground.bun(needs_bun, ground.script(BURSTS, ending=".ts"))
    monitor = ground.monitor("--interval", "1s")
    spins = ground.bun(needs_bun, "test", ground.script(LOOP))
    assert spins.wait(PATIENCE) == -signal.SIGTERM
    receipt = ground.receipt_of(spins.pid)
    assert receipt["kind"] == "max_cpu"
    assert receipt["measured"] > 15
    assert "nothing read or written meanwhile" in receipt["reason"]
    assert (works.poll(), bursts.poll()) == (None, None), "both are older, and were judged for longer"
    assert monitor.end(signal.SIGTERM) == 0


def test_always_means_the_cpu_alone(ground: Ground, needs_bun: str) -> None:
    """With cpu_when = "always" who works is ended for its CPU, too; a burst in the window is not (P4)."""
    ground.rule(max_cpu="15", cpu_window='"2s"', cpu_when='"always"', grace='"5s"')
    bursts = ground.bun(needs_bun, ground.script(BURSTS, ending=".ts"))
    monitor = ground.monitor("--interval", "1s")
    works = ground.bun(needs_bun, "test", ground.script(WORK))
    assert works.wait(PATIENCE) == -signal.SIGTERM
    assert ground.receipt_of(works.pid)["kind"] == "max_cpu"
    assert bursts.poll() is None
    assert monitor.end(signal.SIGTERM) == 0


def test_what_somebody_has_in_front_of_them_is_spared(ground: Ground, needs_bun: str) -> None:
    """A tree in the foreground of a terminal is not ended for its age; the same without one is (P2, P4)."""
    ground.rule(timeout='"1s"', grace='"5s"')
    name = ground.script(IDLE, ending=".ts")
    environment = {**ground.environment(), MARK: ground.litter.mark}
    terminal = pexpect.spawn(needs_bun, [name], cwd=str(ground.work), env=environment, timeout=PATIENCE)
    ground.litter.remember(terminal.pid)
    try:
        terminal.expect_exact("up")
        alone = ground.bun(needs_bun, name, up=False)
        monitor = ground.monitor("--interval", "1s")
        assert alone.wait(PATIENCE) == -signal.SIGTERM
        (row,) = ground.guardian("status", "--json").json["launches"]
        assert (row["pid"], row["foreground"], row["breach"]) == (terminal.pid, True, False)
        assert terminal.isalive()
        assert monitor.end(signal.SIGTERM) == 0
        assert [receipt["pid"] for receipt in ground.receipts()] == [alone.pid]
    finally:
        terminal.close(force=True)


@pytest.mark.parametrize("limit", ["max_memory", "timeout"])
def test_within_the_limits_nothing_happens(ground: Ground, limit: str) -> None:
    """A monitor that finds no breach signals nobody and writes no record (P2)."""
    ground.rule(**{limit: {"max_memory": '"500MB"', "timeout": '"1h"'}[limit]})
    honest = ground.python(SLEEPER)
    once = ground.guardian("monitor", "--once")
    assert once.code == 0, once
    assert honest.poll() is None
    assert not ground.records("signal")
