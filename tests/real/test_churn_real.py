"""A monitor on a crowded and restless machine, where peers that scan anew when a process vanishes starve."""

from __future__ import annotations

import json
import subprocess
import sys

from ground import GUARDIAN, PATIENCE, Ground, signals_of
from victims import DEAF

CROWD, CHURN = 2000, 500  # processes; short-lived ones a second
TIMEOUT, INTERVAL, GRACE = 1.0, 2.0, 1.0
LATE = 10.0  # seconds that a loaded machine may add

# Pid 1 of a namespace of its own: with it everybody goes. Small when it forks: 2,000 copies are cheap.
INSIDE = """
import os, signal, sys
crowd, churn, code, *guardian = sys.argv[1:]
signal.alarm(90)

def forked(work, *args):
    pid = os.fork()
    if pid == 0:
        work(*args)
        os._exit(0)
    return pid

def sleep():
    while True: signal.pause()

def churning():
    import time
    begin, made = time.monotonic(), 0
    while time.monotonic() - begin < 60:
        while made > (time.monotonic() - begin) * int(churn):
            time.sleep(0.001)
        forked(int)
        os.wait()
        made += 1
        if made % 50 == 0:
            os.pwrite(3, f"{made / (time.monotonic() - begin):>10.1f}".encode(), 0)

for _ in range(int(crowd)):
    forked(sleep)
restless = forked(churning)

import subprocess
monitor = subprocess.Popen(guardian, stderr=subprocess.PIPE, text=True)
for line in monitor.stderr:
    if "monitor runs" in line:
        break
start = [sys.executable, "-S", "-E", "-c", code, os.environ["TAG"]]
victim = subprocess.Popen(start, stdout=subprocess.DEVNULL)
ended = victim.wait()
monitor.terminate()
rest = monitor.stderr.read()
rate, seen = os.pread(3, 10, 0).decode(), len(os.listdir("/proc"))
print(monitor.wait(), victim.pid, ended, rate, seen, rest, sep="\\n")
"""


def test_a_runaway_is_ended_in_time_among_thousands(ground: Ground, needs_root: None) -> None:
    """2,000 processes and 500 new ones a second delay neither judgement nor end of a runaway (P1, P12)."""
    watched = ["[rules.crowd]", 'names = ["python*"]', "max_concurrent = 0", "max_memory = 0"]
    ground.rule(*watched, timeout=f'"{TIMEOUT}s"', grace=f'"{GRACE}s"')
    rate = ground.work / "rate"
    inside = ground.litter.start(
        *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
        *("sh", "-c", 'exec "$@" 3<>"$0"', str(rate)),
        *(sys.executable, "-S", "-E", "-c", INSIDE, str(CROWD), str(CHURN), DEAF),
        *(*GUARDIAN, "monitor", "--interval", f"{INTERVAL}s"),
        cwd=ground.work,
        env=ground.environment(TAG=ground.tag),
        stdout=subprocess.PIPE,
        start_new_session=True,
        fuse=100,
    )
    assert inside.stdout is not None
    code, victim, ended, churn, seen, *log = inside.stdout.read().splitlines()
    assert inside.wait(PATIENCE) == 0
    assert (code, ended) == ("0", "-9"), log
    assert int(seen) > CROWD
    assert float(churn) > CHURN / 20, "a loaded machine cannot fork as fast, but it has to be restless"
    (receipt,) = ground.receipts()
    assert receipt["rule"] == "victim", json.dumps(receipt)
    assert TIMEOUT < receipt["measured"] < TIMEOUT + INTERVAL + LATE
    assert GRACE <= signals_of(receipt, int(victim))["SIGKILL"] < GRACE + LATE
    assert receipt["took"] < GRACE + LATE
    assert not log[-1].count("failed")
