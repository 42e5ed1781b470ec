"""The output of services, with real pipes, real files, and movers that are killed."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from litter import Litter
from waiting import wait_until

from guardian.output.channel import Channel
from guardian.output.inlet import make_fifo
from guardian.output.rotation import numbered, numbers

ROOT = str(Path(__file__).parents[2])
KILLS = 50

# A brain that does nothing but move, as fast as it can.
MOVER = """
import select, sys
sys.path.insert(0, sys.argv[1])
from guardian.output.channel import Channel
fifo, file, times, max_size, keep = sys.argv[2:]
channel = Channel(fifo, file, max_size=int(max_size), keep=int(keep), times=times)
print("moving", flush=True)
while True:
    select.select([channel], [], [])
    channel.move()
"""

# A service that prints numbered lines of many lengths, now a block of them and now a half one, until
# its input ends; its last word to the test is how many there were.
WRITER = """
import os, random, select, sys
out = os.open(sys.argv[1], os.O_WRONLY)
chance = random.Random(int(sys.argv[2]))
pads = [b"x" * chance.randrange(0, 150) for _ in range(997)]
count, rest = 0, b""
while not select.select([0], [], [], 0)[0]:
    lines = b"".join(b"%d %s\\n" % (n, pads[n % 997]) for n in range(count, count + 50))
    count += 50
    rest += lines
    part = chance.randrange(len(rest)) + 1
    while part:
        written = os.write(out, rest[:part])
        rest, part = rest[written:], part - written
while rest:
    rest = rest[os.write(out, rest):]
print(count)
"""


class Stage:
    """One service's FIFO, kept open as the keeper keeps it, and its log."""

    def __init__(self, root: Path) -> None:
        self.fifo, self.file, self.times = (str(root / name) for name in ("fifo", "logs/web.log", "times"))
        make_fifo(self.fifo)
        self.keeper = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)

    def channel(self, *, max_size: int = 1 << 20, keep: int = 5) -> Channel:
        return Channel(self.fifo, self.file, max_size=max_size, keep=keep, times=self.times)

    def written(self) -> bytes:
        """Return the files of the log, the oldest first."""
        return b"".join(Path(numbered(self.file, n)).read_bytes() for n in reversed(numbers(self.file)))


@pytest.fixture
def stage(house: House) -> Iterator[Stage]:
    made = Stage(house.root)
    yield made
    os.close(made.keeper)


def test_killed_movers_lose_and_double_nothing(stage: Stage, litter: Litter) -> None:
    """A writer at full speed, 50 movers killed at random, also while they rotate: each line once (P6, P7)."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    writer = litter.python(
        WRITER, stage.fifo, str(seed), stdin=subprocess.PIPE, stdout=subprocess.PIPE, fuse=120
    )
    for _ in range(KILLS):
        mover = litter.python(
            MOVER, ROOT, stage.fifo, stage.file, stage.times, "65536", "1000", stdout=subprocess.PIPE
        )
        assert mover.stdout is not None
        assert mover.stdout.readline() == "moving\n"
        with pytest.raises(subprocess.TimeoutExpired):
            mover.wait(timeout=chance.uniform(0, 0.03))
        mover.kill()
        mover.wait()
    channel = stage.channel(max_size=65536, keep=1000)
    assert writer.stdin is not None
    writer.stdin.close()
    wait_until(lambda: channel.move() == 0 and writer.poll() is not None, what="the writer's end")
    while channel.move():
        pass
    assert writer.stdout is not None
    count = int(writer.stdout.read())
    lines = stage.written().split(b"\n")
    assert lines.pop() == b""
    assert [int(line.partition(b" ")[0]) for line in lines] == list(range(count)), f"seed {seed}"
    assert max(os.path.getsize(numbered(stage.file, n)) for n in numbers(stage.file)) <= 65536
    assert all(Path(numbered(stage.file, n)).read_bytes().endswith(b"\n") for n in numbers(stage.file))
