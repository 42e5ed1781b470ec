"""`guardian run` at the gate: slots, order, refusal, and what holds a slot."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from subprocess import DEVNULL, PIPE

import pexpect
import pytest
from house import House
from litter import MARK, Litter
from waiting import wait_until

HOLD = ["sh", "-c", "echo up; exec sleep 50"]


def guardian(litter: Litter, *words: str, **options: object) -> subprocess.Popen[str]:
    """Start `guardian run` with one slot called x, unless the words say otherwise."""
    options = {"stdout": PIPE, "stderr": PIPE, "stdin": DEVNULL, **options}
    return litter.start(sys.executable, "-m", "guardian", "run", *words, **options)


ONE = ("--slots", "x", "--max-concurrent", "1")


def holding(litter: Litter, *words: str) -> subprocess.Popen[str]:
    """Start a run that holds the one slot, and return when its command runs."""
    run = guardian(litter, *(words or ONE), "--", *HOLD)
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    return run


def test_no_wait_is_refused_at_once(house: House, litter: Litter) -> None:
    """With --no-wait a full gate says who is inside, and exits 75 (P5)."""
    holder = holding(litter)
    run = guardian(litter, *ONE, "--no-wait", "--", "echo", "launched")
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (75, "")
    assert re.fullmatch(rf"guardian: not admitted: .*1 of 1 taken \({holder.pid} .*\).*\n", err)


def test_a_wait_has_an_end(house: House, litter: Litter) -> None:
    """--wait D gives up after its time, with 75."""
    holding(litter)
    run = guardian(litter, *ONE, "--wait", "300ms", "--", "echo", "launched")
    out, _ = run.communicate(timeout=30)
    assert (run.returncode, out) == (75, "")


def test_the_next_comes_in_when_the_tree_is_gone(house: House, litter: Litter) -> None:
    """A slot is free when nobody of the tree is left, not when the leader has ended (P1, P5)."""
    leaver = "setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & sleep 0.3"
    first = guardian(litter, *ONE, "--grace", "1s", "--", "sh", "-c", leaver)
    assert first.stdout is not None
    left = first.stdout.readline().strip()
    second = guardian(litter, *ONE, "--", "sh", "-c", f"kill -0 {left} 2>/dev/null || echo gone")
    out, _ = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, "gone\n")
    assert first.wait(30) == 0


@pytest.mark.parametrize("victim", ["front", "sentinel"])
def test_a_killed_guardian_frees_its_slot(victim: str, house: House, litter: Litter) -> None:
    """SIGKILL to a holder's guardian ends its tree, and then the next comes in (P5, P6)."""
    holder = guardian(litter, *ONE, "--", "sh", "-c", "echo $PPID; exec sleep 50")
    assert holder.stdout is not None
    sentinel = int(holder.stdout.readline())
    following = guardian(litter, *ONE, "--", "echo", "in")
    os.kill(holder.pid if victim == "front" else sentinel, signal.SIGKILL)
    out, _ = following.communicate(timeout=30)
    assert (following.returncode, out) == (0, "in\n")


def test_a_run_inside_a_run_shares_its_slot(house: House, litter: Litter) -> None:
    """Nested runs of one name do not wait for each other (P5)."""
    inner = [sys.executable, "-m", "guardian", "run", *ONE, "--no-wait", "--", "echo", "inside"]
    run = guardian(litter, *ONE, "--", *inner)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out, err) == (0, "inside\n", "")


def test_the_rule_brings_its_gate(house: House, litter: Litter) -> None:
    """A command that a rule is about counts under the rule's name, without a flag."""
    house.write_config('[rules.naps]\ncommand = ["*sleep 49.7312*"]\nmax_concurrent = 1\n')
    holder = guardian(litter, "--", "sh", "-c", "echo up; exec sleep 49.7312")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    run = guardian(litter, "--no-wait", "--", "sleep", "49.7312")
    assert run.wait(30) == 75


def test_who_came_without_guardian_counts_too(house: House, litter: Litter) -> None:
    """A matching process that nobody launched through guardian takes a slot (P5)."""
    house.write_config('[rules.naps]\nnames = ["sleep"]\ncommand = ["sleep 4999*"]\nmax_concurrent = 1\n')
    stranger = litter.start("sleep", "49991")
    run = guardian(litter, "--no-wait", "--", "sleep", "49992")
    _, err = run.communicate(timeout=30)
    assert run.returncode == 75
    assert str(stranger.pid) in err


def test_memory_that_the_machine_cannot_have(house: House, litter: Litter) -> None:
    """--min-free-memory above all there is is refused at once: waiting would not help."""
    run = guardian(litter, "--min-free-memory", "900000GB", "--", "echo", "launched")
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (75, "")
    assert "min_free_memory" in err


def test_a_person_sees_what_is_waited_for(house: House, litter: Litter) -> None:
    """On a terminal a waiting run tells its place in one line, and takes the line away."""
    holder = holding(litter)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "guardian", "run", *ONE, "--", "echo", "in"],
        env={**os.environ, MARK: litter.mark},
        encoding="utf-8",
        timeout=30,
    )
    litter.remember(child.pid)
    child.expect(rf"guardian: waiting for a slot: 1 of 1 taken \({holder.pid} for .*\), you are 1st")
    holder.terminate()
    child.expect_exact("\r\x1b[K")
    child.expect_exact("in\r\n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_interrupt_leaves_the_queue(house: House, litter: Litter) -> None:
    """^C while waiting is the end, without a trace in the queue."""
    holder = holding(litter)
    waiting = guardian(litter, *ONE, "--", "echo", "in")
    queue = house.runtime
    wait_until(lambda: any(queue.rglob("*.waiting")), what="somebody waiting")
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(30) == 130
    assert not any(queue.rglob("*.waiting"))
    holder.terminate()
