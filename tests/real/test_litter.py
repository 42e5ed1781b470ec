"""The tests' own broom: what it must hold, or every other test here could leave something behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from litter import MARK, Litter, marked, start_of
from waiting import wait_until

SUPPORT = Path(__file__).parents[1] / "support"

# A process that leaves its session and its parent, and is deaf to what can be ignored.
DAEMON = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.alarm(60)
        print("up", flush=True)
        while True:
            signal.pause()
    os._exit(0)
os.wait()
"""


def test_a_daemon_that_left_its_session_and_parent_is_swept(litter: Litter) -> None:
    """What double-forked into a session of its own is found by its mark and ended."""
    victim = litter.python(DAEMON, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "up\n"
    victim.wait()
    (daemon,) = litter.alive()
    assert litter.clear() == set()
    assert start_of(daemon) is None


def test_a_process_whose_mark_is_gone_is_swept_through_its_parent(litter: Litter) -> None:
    """A child with a cleared environment is found below those that are known."""
    code = "import os, signal, subprocess; subprocess.Popen(['/bin/sleep', '60'], env={}); signal.pause()"
    litter.python(code)
    wait_until(lambda: len(litter.alive()) == 2, what="parent and child")
    assert litter.clear() == set()
    assert not litter.alive()


def test_a_fuse_ends_a_process_that_nobody_ends(litter: Litter) -> None:
    """A victim ends by itself when its fuse has burnt down."""
    assert litter.start("/bin/sleep", "60", fuse=1).wait(timeout=20) == -signal.SIGALRM


def test_the_dead_are_not_counted(litter: Litter) -> None:
    """A zombie is nobody alive."""
    child = litter.start("/bin/true")
    wait_until(lambda: start_of(child.pid) is None, what="its end")
    assert litter.alive() == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_litter_of_a_test_run_that_was_ended_is_swept(litter: Litter, number: signal.Signals) -> None:
    """When pytest itself is killed, its sweeper ends what it had started."""
    code = (
        "import sys, signal; sys.path.insert(0, sys.argv[1]); from litter import Litter;"
        "inner = Litter(); inner.start('/bin/sleep', '60'); print(inner.mark, flush=True); signal.pause()"
    )
    run = litter.start(
        sys.executable, "-c", code, str(SUPPORT), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert run.stdout is not None
    mark = run.stdout.readline().strip()
    assert len(list(marked(mark))) == 1, f"one process has {MARK}={mark}"
    run.send_signal(number)
    wait_until(lambda: not list(marked(mark)), what="the sweeper")
