"""SIGKILL and SIGSTOP to guardian's own processes, at any moment: the tree never outlives them (P6)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from subprocess import DEVNULL

import pytest
from house import House
from litter import Litter
from waiting import wait_until

TRIALS = int(os.environ.get("GUARDIAN_KILL_TRIALS", "12"))
TREE = "trap '' TERM; setsid sleep 40 & (setsid sleep 40 &) ; sleep 40 & while :; do sleep 0.2; done"
SECOND = 1.0  # in which the tree has to be gone, on a machine that has nothing else to do
LOADED = 5.0  # likewise here


def children(pid: int) -> list[int]:
    """Return the children of a process; none when it has gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def start(litter: Litter, way: str, *options: str) -> subprocess.Popen[str]:
    """Start a run of a tree that does not want to end."""
    words = ["--containment", way, *options, "--", "sh", "-c", TREE]
    return litter.start(sys.executable, "-m", "guardian", "run", *words, stdout=DEVNULL, stderr=DEVNULL)


@pytest.mark.parametrize("way", ["cgroup", "subreaper"])
@pytest.mark.parametrize("victim", ["front", "sentinel"])
def test_a_kill_at_any_moment(victim: str, way: str, house: House, litter: Litter) -> None:
    """Whenever either of the two is killed, from the first moment on, nobody is left a moment later."""
    for trial in range(TRIALS):
        run = start(litter, way)
        moment = time.monotonic() + random.Random(trial).uniform(0, 0.4)
        found: list[int] = []
        while time.monotonic() < moment or not found:
            found = [run.pid] if victim == "front" else children(run.pid)
            if run.poll() is not None:
                break
        for pid in found[:1]:
            os.kill(pid, signal.SIGKILL)
        run.wait(30)
        wait_until(lambda: not litter.alive(), LOADED, what=f"an empty tree, trial {trial}")


@pytest.mark.parametrize("victim", ["front", "sentinel"])
def test_a_stopped_guard_keeps_its_deadline(victim: str, house: House, litter: Litter) -> None:
    """SIGSTOP to either delays the end by a second at most, and the caller hears of it."""
    run = start(litter, "auto", "--timeout", "1s", "--grace", "100ms")
    sentinel = wait_until(lambda: children(run.pid), what="the sentinel")[0]
    wait_until(lambda: children(sentinel), what="the command")
    began = time.monotonic()
    os.kill(run.pid if victim == "front" else sentinel, signal.SIGSTOP)
    assert run.wait(30) == 124
    assert time.monotonic() - began < 1 + SECOND + LOADED
    assert not litter.alive()


def test_both_stopped_go_on_when_one_is_continued(house: House, litter: Litter) -> None:
    """Who stops both and continues the front has a run again: the front continues the sentinel."""
    run = start(litter, "auto", "--timeout", "1s", "--grace", "100ms")
    sentinel = wait_until(lambda: children(run.pid), what="the sentinel")[0]
    os.kill(run.pid, signal.SIGSTOP)
    os.kill(sentinel, signal.SIGSTOP)
    os.kill(run.pid, signal.SIGCONT)
    assert run.wait(30) == 124
    assert not litter.alive()


def test_the_killer_of_the_group_hits_one_of_them(house: House, litter: Litter) -> None:
    """A command that kills its parent's process group does not get rid of both guards (P1)."""
    script = "setsid sleep 40 & kill -9 -$(ps -o pgid= $PPID | tr -d ' '); sleep 40"
    words = ["-m", "guardian", "run", "--", "sh", "-c", script]
    run = litter.start(sys.executable, *words, stderr=DEVNULL)
    assert run.wait(30) == 125
    wait_until(lambda: not litter.alive(), LOADED, what="an empty tree")


def test_the_killer_of_its_own_group_hits_nobody_else(house: House, litter: Litter) -> None:
    """kill(0, SIGKILL) reaches the command alone; what it left elsewhere is ended (P1)."""
    run = litter.start(
        sys.executable,
        "-m",
        "guardian",
        "run",
        "--",
        "sh",
        "-c",
        "setsid sleep 40 & kill -9 0",
        stderr=DEVNULL,
    )
    assert run.wait(30) == 137
    assert not litter.alive()


PATIENT = ("--grace", "30s")  # that nobody has who has lost a guard


def test_the_front_and_the_command_end_together(house: House, litter: Litter) -> None:
    """A command that kills the front and exits leaves nobody who has the whole grace (P6)."""
    script = "trap '' TERM; setsid sleep 40 & (setsid sleep 40 &) ; kill -9 $(ps -o ppid= $PPID); exit 0"
    words = [*PATIENT, "--", "sh", "-c", script]
    run = litter.start(sys.executable, "-m", "guardian", "run", *words, stdout=DEVNULL, stderr=DEVNULL)
    assert run.wait(30) == -signal.SIGKILL
    wait_until(lambda: not litter.alive(), LOADED, what="an empty tree")


def test_the_front_is_killed_in_the_grace(house: House, litter: Litter) -> None:
    """The grace of a tree that is being ended is cut to what is left of the second (P6, P3)."""
    script = "trap 'touch asked' TERM; while :; do sleep 0.1; done"
    words = [*PATIENT, "--timeout", "300ms", "--", "sh", "-c", script]
    run = litter.start(
        *(sys.executable, "-m", "guardian", "run", *words), stdout=DEVNULL, stderr=DEVNULL, cwd=house.root
    )
    wait_until((house.root / "asked").exists, what="the question")
    run.kill()
    run.wait()
    wait_until(lambda: not litter.alive(), LOADED, what="an empty tree")
