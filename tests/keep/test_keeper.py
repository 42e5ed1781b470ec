"""The keeper with brains that die, hang and talk nonsense: it stays, and there is one brain at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from litter import Litter, start_of
from waiting import wait_until

from guardian.keep.line import LONGEST, Line, pair

PATIENCE = 30.0
KEEPER = """
import json, os, signal, sys, time
from guardian.keep.keeper import Keeper
from guardian.keep.line import Line

folder, *deeds = sys.argv[1:]
LAUNCH = {"id": "a:1", "argv": ["sleep", "20"], "env": dict(os.environ)}
SHORT = {"id": "b:1", "argv": ["sh", "-c", "echo said; exit 7"], "env": dict(os.environ),
         "out": folder + "/fifo", "fifos": [folder + "/fifo"]}
SAY = {
    "garbage": b"\\xff\\xfe{{{\\n", "number": b"7\\n", "wrong": b'{"launch":{"nope":1}}\\n',
    "half": b'{"bye":', "kind": b'{"bye":"x"}\\n',
}

def hear(line):
    while not (found := line.heard()):
        time.sleep(0.005)
    return found

def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

def brain(end):
    births = os.path.join(folder, "births")
    before = open(births).read().split() if os.path.exists(births) else []
    alone = not any(map(lives, before))
    with open(births, "a") as file:
        file.write(f"{os.getpid()}\\n")
    deed = deeds[min(len(before), len(deeds) - 1)]
    line = Line(end)
    heard = hear(line)
    with open(os.path.join(folder, f"heard.{len(before)}"), "w") as file:
        json.dump({"heard": heard[0], "alone": alone, "deed": deed, "at": time.monotonic()}, file)
    if deed == "die":
        os._exit(1)
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed in SAY:
        end.send(SAY[deed])
    if deed == "half":
        os._exit(0)
    if deed == "endless":
        end.setblocking(True)
        while True:
            end.send(b"x" * (1 << 20))
    if deed == "close":
        line.close()
    if deed == "launch":
        for _ in range(3):
            line.send({"launch": LAUNCH})
        hear(line)
        os._exit(1)
    if deed == "short":
        line.send({"launch": SHORT})
        os._exit(1)
    if deed == "wait":
        time.sleep(0.5)
        os._exit(1)
    if deed == "bye":
        line.send({"bye": 7})
        os._exit(0)
    signal.pause()

sys.exit(Keeper(brain).serve())
"""


class Kept:
    """A keeper with fake brains that do one deed each."""

    def __init__(self, litter: Litter, root: Path) -> None:
        self.litter, self.root = litter, root

    def start(self, *deeds: str) -> subprocess.Popen[str]:
        return self.litter.start(
            sys.executable,
            "-c",
            KEEPER,
            str(self.root),
            *deeds,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
        )

    def play(self, *deeds: str) -> int:
        """Let brains do these, the last of which says bye; return the keeper's exit code."""
        child = self.start(*deeds)
        child.communicate(timeout=PATIENCE)
        return child.returncode

    def heard(self) -> list[dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in self.root.glob("heard.*")]
        return sorted(found, key=lambda each: float(each["at"]))


@pytest.fixture
def kept(litter: Litter, tmp_path: Path) -> Kept:
    return Kept(litter, tmp_path)


def test_the_keepers_exit_code_is_what_the_brain_said(kept: Kept) -> None:
    """After bye the keeper ends with that code."""
    assert kept.play("bye") == 7
    assert kept.heard()[0]["heard"]["have"] == []


def test_brains_that_fail_young_come_later_and_later(kept: Kept) -> None:
    """A brain that dies by itself is replaced, each time after a longer pause (P6)."""
    assert kept.play("die", "die", "die", "die", "bye") == 7
    at = [each["at"] for each in kept.heard()]
    pauses = [after - before for before, after in pairwise(at)]
    assert len(pauses) == 4
    assert pauses[3] > pauses[1] + 0.1
    assert pauses[3] >= 0.4


def test_brains_that_are_killed_are_replaced_at_once(kept: Kept) -> None:
    """However often a brain is killed, the next one comes without a pause (P6)."""
    begun = time.monotonic()
    assert kept.play(*["kill"] * 12, "bye") == 7
    assert len(kept.heard()) == 13
    assert time.monotonic() - begun < 10  # twelve pauses that double would take 27 s


@pytest.mark.parametrize("deed", ["garbage", "number", "wrong", "half", "kind", "endless", "close"])
def test_a_brain_that_talks_nonsense_is_replaced(kept: Kept, deed: str) -> None:
    """Whatever comes over the line: the keeper goes on, and the next brain is alone (P6)."""
    assert kept.play(deed, "bye") == 7
    assert [(each["deed"], each["alone"]) for each in kept.heard()] == [(deed, True), ("bye", True)]


def test_a_child_is_started_once_and_outlives_its_brain(kept: Kept) -> None:
    """Asked three times under one id, one is started; the next brain is told who it is (P6)."""
    assert kept.play("launch", "bye") == 7
    (have,) = kept.heard()[1]["heard"]["have"]
    kept.litter.remember(have["pid"])
    assert (have["child"], have["status"], have["starting"]) == ("a:1", None, False)
    assert start_of(have["pid"]) == have["start"]


def test_an_end_that_no_brain_heard_of_is_remembered_and_so_is_what_was_said(kept: Kept) -> None:
    """Who ended while there was no brain: the next one gets the status, and the last words (P6, P7)."""
    fifo = kept.root / "fifo"
    os.mkfifo(fifo)
    child = kept.start("short", "wait", "hang")
    wait_until(lambda: len(kept.heard()) == 3, PATIENCE)
    (have,) = kept.heard()[2]["heard"]["have"]
    assert have["status"] == 7 << 8
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reading, 100) == b"said\n"
    os.close(reading)
    assert child.poll() is None


def test_a_keeper_without_a_brain_lets_nobody_down(kept: Kept) -> None:
    """A brain that hangs keeps the keeper waiting, never spinning; a signal is only passed on."""
    child = kept.start("hang")
    wait_until(lambda: len(kept.heard()) == 1, PATIENCE)
    child.send_signal(15)
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    before = int(fields[11]) + int(fields[12])
    wait_until(lambda: time.monotonic() > kept.heard()[0]["at"] + 0.5, PATIENCE)
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[11]) + int(fields[12]) - before <= 5
    assert child.poll() is None


# the line


def test_messages_of_any_size_arrive_whole_and_in_order() -> None:
    """What cannot be sent at once is kept and sent later; nothing is cut, nothing overtakes."""
    ends = pair()
    one, other = (Line(end) for end in ends)
    sent: list[dict[str, Any]] = [{"n": n, "text": "é\n" * size} for n, size in enumerate([0, 10, 10**6, 1])]
    for message in sent:
        one.send(message)
    assert one.waiting
    heard: list[dict[str, Any]] = []
    while len(heard) < len(sent):
        heard += other.heard()
        one.flush()
    assert heard == sent
    assert not one.waiting
    one.close()
    assert other.heard() == []
    assert other.closed
    other.send({"a": 1})  # to nobody
    assert other.closed
    other.close()


def test_a_message_without_an_end_tears_the_line() -> None:
    """More than the longest message without a line end: the line is closed, memory is bounded."""
    ends = pair()
    line = Line(ends[1])
    ends[0].setblocking(False)
    sent = 0
    while not line.closed:
        try:
            sent += ends[0].send(b"x" * (1 << 20))
        except BlockingIOError:
            assert line.heard() == []
    assert sent <= LONGEST + (1 << 22)
    ends[0].close()
    line.close()
