"""Bursts of launches through the gate, holders and waiters killed at random, and a judge of what happened.

Run as a script by a bare interpreter, so that a launch costs little more than a fork:
python -S burst.py RUNTIME ROUNDS LAUNCHES SLOTS SEED kill|stop; prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from guardian.gate.waiting import Waiting

FUSE = 60  # seconds after which a child of a burst ends by itself
JOLTED = 0.25  # of the launches: killed, or stopped for a moment
ROW = struct.Struct("6d")
NAME = "burst"


class Launch(NamedTuple):
    """One launch by its own clock (time.monotonic); 0: never happened."""

    asked: float  # before it came to the gate
    queued: float  # it had its number by then; 0: it walked in, or was killed before
    admitted: float  # under the gate's lock
    started: float  # as the command sees it
    ended: float  # as the command sees it, before the slot is free
    killed: float  # by the burst, before the signal was sent

    @property
    def interval(self) -> tuple[float, float]:
        """From when to when it surely ran."""
        return self.started, self.ended or self.killed


def most_at_once(launches: Iterable[Launch]) -> int:
    """Return how many ran at the same time, at most, by their own clocks."""
    marks = []
    for begin, end in (launch.interval for launch in launches if launch.started):
        marks += [(begin, 1), (end, 0)] if end >= begin else []
    running = most = 0
    for _, begins in sorted(marks):  # of two at the same instant the end comes first
        running += 1 if begins else -1
        most = max(most, running)
    return most


def inversions(launches: Iterable[Launch]) -> int:
    """Return how many launches were let in before one that had its number when they had not even asked.

    That is the order that everybody could agree on: two whose requests overlapped may go either way.
    """
    launches = list(launches)
    waited = sorted((each for each in launches if each.queued and each.admitted), key=lambda x: x.queued)
    count, latest, done = 0, 0.0, 0
    for launch in sorted((each for each in launches if each.admitted), key=lambda each: each.asked):
        while done < len(waited) and waited[done].queued < launch.asked:
            latest = max(latest, waited[done].admitted)
            done += 1
        count += launch.admitted < latest
    return count


def lost(launches: Iterable[Launch]) -> int:
    """Return how many launches neither ran to their end nor were killed."""
    return sum(not launch.ended and not launch.killed for launch in launches)


class Burst:
    """One round: everybody asks at once; `jolt` is what happens to some of them."""

    def __init__(self, runtime: str, launches: int, slots: int, *, jolt: str, chance: random.Random) -> None:
        self._runtime, self._launches, self._slots, self._chance = runtime, launches, slots, chance
        self._board = mmap.mmap(-1, ROW.size * launches)
        self._pids: dict[int, int] = {}
        self._stopped: list[int] = []
        self._jolt = {"kill": self._kill_one, "stop": self._stop_one}[jolt]

    def run(self) -> list[Launch]:
        """Launch, jolt some, wait for all; return what they wrote down."""
        for index in range(self._launches):
            self._fork(index)
            if self._chance.random() < JOLTED / 2:
                self._jolt()
        while self._pids:
            if self._chance.random() < JOLTED:
                self._jolt()
            pid, _ = os.waitpid(-1, os.WNOHANG if self._stopped else 0)
            if pid:
                self._pids.pop(pid)
            else:
                time.sleep(0.001)
                self._continue_one()
        return [self._row(index) for index in range(self._launches)]

    def _fork(self, index: int) -> None:
        nap, way = self._chance.random() * 0.001, self._chance.random()
        pid = os.fork()
        if pid:
            self._pids[pid] = index
            return
        try:
            signal.alarm(FUSE)
            self._launch(index, nap, politely=way < 0.5)
        finally:
            os._exit(1)

    def _launch(self, index: int, nap: float, *, politely: bool) -> None:
        def stamp(field: str, at: float) -> None:
            struct.pack_into("d", self._board, ROW.size * index + 8 * Launch._fields.index(field), at)

        def told(_: Waiting) -> None:
            if not self._row(index).queued:
                stamp("queued", time.monotonic())

        stamp("asked", time.monotonic())
        slot = Gate(self._runtime).enter(Ask(NAME, self._slots), told=told)
        stamp("started", time.monotonic())
        stamp("admitted", slot.since)
        time.sleep(nap)
        stamp("ended", time.monotonic())
        if politely:
            slot.release()

    def _row(self, index: int) -> Launch:
        return Launch._make(ROW.unpack_from(self._board, ROW.size * index))

    def _kill_one(self) -> None:
        """Kill one of our own children, once: it is not reaped, so its pid is still its own."""
        alive = [pid for pid, index in self._pids.items() if not self._row(index).killed]
        if alive:
            pid = self._chance.choice(alive)
            offset = ROW.size * self._pids[pid] + 8 * Launch._fields.index("killed")
            struct.pack_into("d", self._board, offset, time.monotonic())
            os.kill(pid, signal.SIGKILL)

    def _stop_one(self) -> None:
        """Stop one of our own children, in whatever moment; it goes on a little later."""
        if self._pids:
            self._stopped.append(self._chance.choice(list(self._pids)))
            os.kill(self._stopped[-1], signal.SIGSTOP)

    def _continue_one(self) -> None:
        pid = self._stopped.pop(self._chance.randrange(len(self._stopped)))
        if pid in self._pids and pid not in self._stopped:
            os.kill(pid, signal.SIGCONT)


def main(runtime: str, jolt: str, numbers: tuple[int, int, int, int]) -> dict[str, int | float]:
    """Run the rounds; return what the judge found in all of them together."""
    rounds, launches, slots, seed = numbers
    chance = random.Random(seed)
    gc.freeze()  # a collection in a child would copy every page that it visits
    began = time.monotonic()
    found: dict[str, int | float] = {
        "most": 0,
        "inversions": 0,
        "lost": 0,
        "killed": 0,
        "queued": 0,
        "ran": 0,
    }
    for _ in range(rounds):
        done = Burst(runtime, launches, slots, jolt=jolt, chance=chance).run()
        found["most"] = max(found["most"], most_at_once(done))
        found["inversions"] += inversions(done)
        found["lost"] += lost(done)
        found["killed"] += sum(each.killed > 0 and not each.ended for each in done)
        found["queued"] += sum(each.queued > 0 for each in done)
        found["ran"] += sum(each.ended > 0 for each in done)
    return found | {"seconds": round(time.monotonic() - began, 3)}


if __name__ == "__main__":
    import guardian.gate.standing  # noqa: F401 - once, not in every child
    from guardian.gate.door import Ask, Gate
    from guardian.gate.waiting import Waiting

    rounds, launches, slots, seed = map(int, sys.argv[2:6])
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[6], (rounds, launches, slots, seed))))
