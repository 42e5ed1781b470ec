"""Looking at the same processes again."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from litter import Litter

from guardian.contain.descent import Looker, look

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_who_sleeps_is_not_read_anew(litter: Litter) -> None:
    """Who says what it said before is the same record, not a new one (P12)."""
    sleeper = litter.start("sleep", "30")
    looker = Looker()
    found = {id(each) for _ in range(20) for each in looker.looks([sleeper.pid])}
    assert len(found) < 20  # those before it slept may differ


def test_who_works_is_seen_to(litter: Litter) -> None:
    """A look shows what the process has used by now, however often it was looked at before (P4)."""
    looker = Looker()
    (before,) = looker.looks([os.getpid()])
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    (after,) = looker.looks([os.getpid()])
    assert after.cpu > before.cpu
    assert after.id == before.id


def test_who_has_gone_is_forgotten(litter: Litter) -> None:
    """A process that was reaped is seen by no later look, whatever was known of it (P1)."""
    child = subprocess.Popen(["true"])
    looker = Looker()
    assert len(looker.looks([child.pid])) == 1
    child.wait()
    assert looker.looks([child.pid]) == []
    assert look(child.pid) is None


def test_threads_behind_a_dead_first_one_are_looked_at_anew() -> None:
    """Who has lost its first thread says the same for ever, while the others may eat memory (P4)."""
    script = """
import ctypes, os, sys, threading, time
def eat():
    time.sleep(0.2)
    print("small", flush=True); sys.stdin.readline()
    hold = bytearray(os.urandom(1 << 20) * 30)
    print("large", flush=True); sys.stdin.readline()
    os._exit(0)
threading.Thread(target=eat).start()
ctypes.CDLL(None).pthread_exit(None)
"""
    with subprocess.Popen([sys.executable, "-S", "-c", script], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        looker = Looker()
        sizes = []
        for word in ("small", "large"):
            assert child.stdout.readline().strip() == word
            (seen,) = looker.looks([child.pid])
            assert seen.state == "Z"
            sizes.append(seen.rss)
            child.stdin.write("\n")
            child.stdin.flush()
    assert sizes[1] - sizes[0] > 20 << 20
