"""The output of services, with real pipes, real files, and movers that are killed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house import House
from litter import Litter
from waiting import wait_until

from guardian.errors import OutputError
from guardian.output.channel import Channel
from guardian.output.inlet import make_fifo
from guardian.output.reading import Follower, Source
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


class Service:
    """A service that prints numbered lines until it is told to stop."""

    def __init__(self, stage: Stage, litter: Litter, seed: int) -> None:
        self._process = litter.python(
            WRITER, stage.fifo, str(seed), stdin=subprocess.PIPE, stdout=subprocess.PIPE, fuse=120
        )

    def stopped(self, channel: Channel) -> int:
        """Let it end while the channel moves what it prints; return how many lines there were."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        wait_until(lambda: channel.move() == 0 and self._process.poll() is not None, what="its end", every=0)
        while channel.move():
            pass
        return int(self._process.stdout.read())


def kill_movers(stage: Stage, litter: Litter, chance: random.Random, *, max_size: int, keep: int) -> None:
    """Let one mover after the other begin, and kill it within 30 ms."""
    places = (ROOT, stage.fifo, stage.file, stage.times)
    for _ in range(KILLS):
        mover = litter.python(MOVER, *places, str(max_size), str(keep), stdout=subprocess.PIPE)
        assert mover.stdout is not None
        assert mover.stdout.readline() == "moving\n"
        with pytest.raises(subprocess.TimeoutExpired):
            mover.wait(timeout=chance.uniform(0, 0.03))
        mover.kill()
        mover.wait()


def numbers_in(written: bytes) -> list[int]:
    lines = written.split(b"\n")
    assert lines.pop() == b""
    return [int(line.partition(b" ")[0]) for line in lines]


@pytest.mark.parametrize("keep", [1000, 3])
def test_killed_movers_lose_and_double_nothing(stage: Stage, litter: Litter, keep: int) -> None:
    """A writer at full speed, 50 movers killed at random, also while they rotate: each line once (P6, P7).

    With few files kept it is each of the last lines once, and the quota holds.
    """
    seed = random.randrange(1 << 30)
    service = Service(stage, litter, seed)
    kill_movers(stage, litter, random.Random(seed), max_size=65536, keep=keep)
    channel = stage.channel(max_size=65536, keep=keep)
    count = service.stopped(channel)
    found = numbers_in(stage.written())
    assert count > 1000
    assert found == list(range(count))[-len(found) :], f"seed {seed}"
    assert keep == 3 or len(found) == count
    files = [Path(numbered(stage.file, n)).read_bytes() for n in numbers(stage.file)]
    assert len(files) <= keep + 1
    assert all(len(file) <= 65536 and file.endswith(b"\n") for file in files if file)
    channel.close()


def test_follower_sees_through_killed_movers(stage: Stage, litter: Litter) -> None:
    """Who follows the log while movers are killed and files rotate gets each line once, in order (P6, P7)."""
    seed = random.randrange(1 << 30)
    service, got = Service(stage, litter, seed), []
    follower = Follower([Source("web", "stdout", stage.file, stage.times)])
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            got.extend(follower.new())
        got.extend(follower.new(over=True))

    reader = threading.Thread(target=follow)
    reader.start()
    try:
        kill_movers(stage, litter, random.Random(seed), max_size=65536, keep=1000)
        channel = stage.channel(max_size=65536, keep=1000)
        count = service.stopped(channel)
        channel.close()
    finally:
        done.set()
        reader.join()
    while more := follower.new():
        got.extend(more)
    assert [int(line.text.partition(" ")[0]) for line in got] == list(range(count)), f"seed {seed}"
    follower.close()


# Kills itself before its Nth call that opens, renames, removes, lists or cuts a file (sys.audit).
DYING = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from guardian.output.channel import Channel
fifo, file, times = sys.argv[2:]
out = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
CALLS = {"open", "os.rename", "os.remove", "os.listdir", "os.truncate", "os.mkdir"}
deaths, number = 0, 0

def dies_at(step):
    calls = 0
    def hook(event, arguments):
        nonlocal calls
        if event in CALLS:
            calls += 1
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

for step in range(1, 120):
    for _ in range(12):
        os.write(out, b"%d %s\\n" % (number, b"x" * (number % 70)))
        number += 1
    child = os.fork()
    if not child:
        dies_at(step)
        channel = Channel(fifo, file, max_size=300, keep=1000, times=times)
        while channel.move():
            pass
        os._exit(0)
    deaths += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
channel = Channel(fifo, file, max_size=300, keep=1000, times=times)
while channel.move():
    pass
print(deaths, number)
"""


def test_death_at_every_step_of_a_rotation(stage: Stage, litter: Litter) -> None:
    """Killed before any of its calls that touch a file: the next channel goes on without loss (P6, P7)."""
    mover = litter.python(DYING, ROOT, stage.fifo, stage.file, stage.times, stdout=subprocess.PIPE)
    deaths, count = map(int, mover.communicate()[0].split())
    assert deaths > 50
    assert numbers_in(stage.written()) == list(range(count))


def test_chatty_service_starves_nobody(stage: Stage, litter: Litter) -> None:
    """However fast a service prints, one move takes 1 MB at the most, and the quota holds (P12)."""
    litter.start("sh", "-c", 'exec cat /dev/zero >"$0"', stage.fifo)
    channel = stage.channel(max_size=1 << 20, keep=1)
    wait_until(channel.move, what="its first bytes")
    assert max(channel.move() for _ in range(50)) <= 1 << 20
    assert sum(os.path.getsize(numbered(stage.file, n)) for n in numbers(stage.file)) <= 2 << 20
    channel.close()


@pytest.fixture
def mount(tmp_path: Path, needs_root: None) -> Iterator[Callable[[str], Path]]:
    """Mount a tmpfs with options of the test's own; it is gone afterwards."""
    folder = tmp_path / "mount"
    folder.mkdir()
    mounted = []

    def make(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "guardian-test", str(folder)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip(f"needs a tmpfs of its own: {found.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for each in mounted:
        subprocess.run(["umount", "--lazy", str(each)], check=True)


def test_full_disk_loses_nothing(stage: Stage, mount: Callable[[str], Path]) -> None:
    """ENOSPC is said in a line, the rest waits in the pipe, and with some space it goes on (P7, P10)."""
    folder = mount("size=64k")
    (folder / "filler").write_bytes(b"x" * 40960)
    stage.file = str(folder / "web.log")
    channel = stage.channel()
    sent = b"".join(b"%d %s\n" % (number, b"x" * 50) for number in range(700))
    assert os.write(stage.keeper, sent) == len(sent)
    moved = channel.move()
    for _ in range(2):
        with pytest.raises(OutputError, match=f"{stage.file}: No space left.*free some space"):
            channel.move()
    assert 0 < moved < len(sent)
    assert stage.written() == sent[:moved]
    (folder / "filler").unlink()
    while channel.move():
        pass
    assert stage.written() == sent
    channel.close()


def test_read_only_disk_is_told(stage: Stage, mount: Callable[[str], Path]) -> None:
    """EROFS: which log, why, and that nothing is lost (P10)."""
    stage.file = str(mount("ro") / "web.log")
    with pytest.raises(OutputError, match=f"{stage.file}: Read-only file system"):
        stage.channel()


# What happens to a user without rights, in a folder of their own.
UNPRIVILEGED = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from guardian.errors import OutputError
from guardian.output.channel import Channel
from guardian.output.inlet import make_fifo
root = sys.argv[2]
if os.geteuid() == 0:  # here, because its Python may be out of reach for others
    os.chown(root, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
fifo, folder = root + "/fifo", root + "/logs"
make_fifo(fifo)
out = os.open(fifo, os.O_RDWR)
os.mkdir(folder)
channel = Channel(fifo, folder + "/web.log", max_size=300, keep=9, times=root + "/times")

def attempt(text=b""):
    os.write(out, text) if text else None
    try:
        while channel.move():
            pass
        print("moved")
    except OutputError as error:
        print(str(error).replace(root, ""))

attempt(b"x" * 200 + b"\\n")
os.chmod(folder, 0o500)  # no rotation there
attempt(b"y" * 200 + b"\\n")
os.chmod(folder, 0o700)
attempt()
resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
attempt(b"z" * 90 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
attempt()
"""


def test_folder_and_files_that_may_not_grow(litter: Litter) -> None:
    """A folder without rights stops a rotation, RLIMIT_FSIZE the log; both are told, both go on (P7, P10)."""
    folder = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    try:
        service = litter.python(UNPRIVILEGED, ROOT, str(folder), stdout=subprocess.PIPE)
        told = service.communicate()[0].splitlines()
        assert [line[:45] for line in told] == [
            "moved",
            "cannot write the log /logs/web.log: Permissio",
            "moved",
            "cannot write the log /logs/web.log: File too ",
            "moved",
        ]
        names = ("web.log.2", "web.log.1", "web.log")
        found = b"".join((folder / "logs" / name).read_bytes() for name in names)
        assert found == b"x" * 200 + b"\n" + b"y" * 200 + b"\n" + b"z" * 90 + b"\n"
    finally:
        shutil.rmtree(folder)
