"""Moving what services print into rotated logs, beside the tools that people pipe it through.

All of them read the same FIFO. guardian's own is a mover with asyncio's loop, as the daemon has it;
its start does not count, nor does that of the others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from goer import ROOT
from house import House
from litter import Litter
from measure import Table, alternate
from waiting import wait_until

from guardian.output.inlet import make_fifo
from guardian.output.reading import Source, tail

LINE = b"2026-11-21T12:00:00.000 INFO a request was served in 12 ms: GET /index.html 200\n"
LINES = 2_000_000
QUOTA = 10 << 20  # bytes of a file, 5 older ones kept
RUNS = 3
RATE = 10_000  # lines a second, each written by itself
SECONDS = 5
SERVICES = 20

MOVER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from guardian.output.channel import Channel
root, size, wanted, *fifos = sys.argv[2:]
places = {"max_size": int(size), "keep": 5, "times": f"{root}/times"}
left = int(wanted)

def ready(loop, channel, done):
    global left
    left -= channel.move()
    if left <= 0:
        done.set()
    if channel.rest > 0.0005:
        loop.remove_reader(channel)
        loop.call_later(channel.rest, loop.add_reader, channel, ready, loop, channel, done)

async def main():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number, fifo in enumerate(fifos):
        channel = Channel(fifo, f"{root}/ours-{number}.log", **places)
        loop.add_reader(channel, ready, loop, channel, done)
    print("ready", flush=True)
    await done.wait()

asyncio.run(main())
"""

# Prints so many lines a second, each with a write of its own, to all the FIFOs in turn.
PACED = """
import os, sys, time
rate, seconds, line, *fifos = sys.argv[1:]
outs = [os.open(fifo, os.O_WRONLY) for fifo in fifos]
line = line.encode()
begin, sent = time.perf_counter(), 0
while sent < int(rate) * int(seconds):
    due = int((time.perf_counter() - begin) * int(rate))
    while sent < due:
        os.write(outs[sent % len(outs)], line)
        sent += 1
    time.sleep(0.001)
"""


class Ground:
    """The folder of one bench: FIFOs, logs, a file of lines."""

    def __init__(self, house: House, litter: Litter) -> None:
        self.root, self.litter = house.root, litter

    def fifos(self, count: int) -> list[str]:
        made = [str(self.root / f"fifo-{number}") for number in range(count)]
        for path in made:
            make_fifo(path)
        return made

    def ours(self, fifos: list[str], wanted: int) -> subprocess.Popen[str]:
        """Start guardian's mover, which ends when it has moved so many bytes; return it when it is ready."""
        words = (sys.executable, "-S", "-c", MOVER, str(ROOT), str(self.root), str(QUOTA), str(wanted))
        mover = self.litter.start(*words, *fifos, fuse=300, stdout=subprocess.PIPE)
        assert mover.stdout is not None
        assert mover.stdout.readline() == "ready\n"
        return mover

    def peer(self, command: str, fifo: str) -> subprocess.Popen[str]:
        """Start another reader, which ends with its input; it waits in open(2) for a writer."""
        return self.litter.start("sh", "-c", f"exec {command} <{fifo}", cwd=self.root, fuse=300)


def peers(root: Path) -> dict[str, str]:
    """Return the commands of those that are installed here."""
    for name in ("multilog", "svlogd"):
        (root / name).mkdir()
    (root / "svlogd/config").write_text(f"s{QUOTA}\nn6\n")
    known = {
        "cat": "cat >cat.log",
        "multilog": f"multilog s{QUOTA} n6 ./multilog",
        "svlogd": "svlogd ./svlogd 2>/dev/null",
        "rotatelogs": f"rotatelogs -n 6 ./rotated.log {QUOTA >> 20}M",
    }
    return {name: command for name, command in known.items() if shutil.which(name)}


def bench_full_speed(house: House, litter: Litter, table: Table) -> None:
    """160 MB of lines as fast as cat can print them, into logs of 10 MB, 5 kept (P7, P12)."""
    ground, text = Ground(house, litter), house.root / "text"
    text.write_bytes(LINE * LINES)
    (fifo,) = ground.fifos(1)

    def timed(start: Callable[[], subprocess.Popen[str]]) -> Callable[[], float]:
        def run() -> float:
            reader = start()
            began = time.perf_counter()
            with open(fifo, "wb") as out:
                writer = litter.start("cat", str(text), stdout=out, fuse=300)
            assert writer.wait() == reader.wait() == 0
            return time.perf_counter() - began

        return run

    commands = peers(house.root)
    works = {name: timed(lambda c=command: ground.peer(c, fifo)) for name, command in commands.items()}
    own, *others = alternate(
        [timed(lambda: ground.ours([fifo], len(LINE) * LINES)), *works.values()], runs=RUNS
    )
    for name, other in zip(works, others, strict=True):
        ours = f"{LINES * len(LINE) / own / 1e6:,.0f} MB/s"
        peer = f"{name} {LINES * len(LINE) / other / 1e6:,.0f} MB/s"
        table.add(
            f"logs at full speed ({LINES / own / 1e6:.1f} M lines/s)", ours, peer, ratio=own / other, aim=None
        )


def cpu_of(process: subprocess.Popen[str]) -> float:
    """Return the CPU seconds of a process, exact to the nanosecond (kernel: sched-stats.rst)."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9


def paced(litter: Litter, fifos: list[str], readers: list[subprocess.Popen[str]]) -> float:
    """Print RATE lines a second for SECONDS to the FIFOs; return the readers' share of a core in percent."""
    ends = [os.open(fifo, os.O_RDWR | os.O_NONBLOCK) for fifo in fifos]
    before = sum(cpu_of(reader) for reader in readers)
    words = (str(RATE), str(SECONDS), LINE.decode(), *fifos)
    assert litter.python(PACED, *words, fuse=60).wait() == 0
    wait_until(lambda: all(is_empty(end) for end in ends), what="empty pipes")
    used = sum(cpu_of(reader) for reader in readers) - before
    for end in ends:
        os.close(end)
    return used / SECONDS * 100


def is_empty(end: int) -> bool:
    """Whether a pipe is empty (FIONREAD, pipe(7))."""
    import fcntl
    import termios

    return not any(fcntl.ioctl(end, termios.FIONREAD, bytes(4)))


def bench_steady_services(house: House, litter: Litter, table: Table) -> None:
    """CPU of moving 10,000 lines a second, of one service and of 20 together (P12)."""
    ground, commands = Ground(house, litter), peers(house.root)
    for count in (1, SERVICES):
        fifos = ground.fifos(count)
        mover = ground.ours(fifos, RATE * SECONDS * len(LINE) + 1)  # it stays
        own = paced(litter, fifos, [mover])
        mover.kill()
        work = f"{RATE:,} lines/s, {count} service{'s' * (count > 1)}: CPU of the mover"
        for name, command in commands.items():
            if count > 1 and name != "cat":
                continue  # they write one log each, and would be in their own way
            readers = [ground.peer(command, fifo) for fifo in fifos]
            ends = [os.open(fifo, os.O_WRONLY) for fifo in fifos]
            other = paced(litter, fifos, readers)
            for end in ends:
                os.close(end)
            table.add(work, f"{own:.1f} %", f"{name} {other:.1f} %", ratio=own / other, aim=None)


def bench_last_lines(house: House, litter: Litter, table: Table) -> None:
    """The last 10 lines of a 10 MB log, beside tail(1), its start included."""
    log = house.root / "large.log"
    log.write_bytes(LINE * (QUOTA // len(LINE)))
    source = Source("web", "stdout", str(log), str(house.root / "times"))

    def ours() -> float:
        began = time.perf_counter()
        assert len(tail([source], lines=10)) == 10
        return time.perf_counter() - began

    def peer() -> float:
        began = time.perf_counter()
        subprocess.run(["tail", "-n", "10", str(log)], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    table.compare("last 10 lines of 10 MB", ours, {"tail": peer}, runs=20, aims={})
