"""The gate among true processes, which are killed, stopped and forked."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from burst import Launch, inversions, lost, most_at_once
from goer import ROOT, Goer
from house import House
from litter import Litter
from waiting import wait_until

from guardian.gate.door import Gate

ROUNDS = int(os.environ.get("GUARDIAN_GATE_ROUNDS", "10"))
AT_ONCE = 0.7  # seconds: less than the gate's own second look, so the end itself was told


@pytest.fixture
def runtime(house: House) -> Path:
    """A runtime folder of the test's own."""
    return house.runtime


def waiter(litter: Litter, runtime: Path, **order: object) -> Goer:
    """Start a launch that finds somebody in its way; return when it has its number."""
    goer = Goer(litter, runtime, name="bun", **order)
    goer.hear("told")
    return goer


def holder(litter: Litter, runtime: Path, **order: object) -> Goer:
    """Start a launch that is let in; return when it is."""
    goer = Goer(litter, runtime, name="bun", **order)
    goer.came_in()
    return goer


# A burst


def burst(litter: Litter, runtime: Path, jolt: str, *, rounds: int, launches: int) -> dict[str, int]:
    """Run bursts for 3 slots and return what the judge says."""
    numbers = (rounds, launches, 3, time.time_ns() % 1_000_000)
    process = litter.start(
        *(sys.executable, "-S", str(ROOT / "tests/support/burst.py"), str(runtime), *map(str, numbers), jolt),
        fuse=60 + 10 * rounds,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    found: dict[str, int] = json.loads(process.communicate()[0])
    assert Gate(str(runtime)).holders("burst") == Gate(str(runtime)).waiting("burst") == []
    return found | {"seed": numbers[-1]}


@pytest.mark.timeout(120 + 10 * ROUNDS)
def test_a_burst_with_random_deaths(litter: Litter, runtime: Path) -> None:
    """100 launches at once, 3 slots, a quarter killed: never 4, none lost, in order of arrival (P5)."""
    found = burst(litter, runtime, "kill", rounds=ROUNDS, launches=100)
    assert found["most"] == 3, found
    assert found["inversions"] == found["lost"] == 0, found
    assert found["ran"] + found["killed"] == 100 * ROUNDS, found
    assert found["killed"] > 5 * ROUNDS, found
    assert found["queued"] > 5 * ROUNDS, found


def test_a_burst_with_random_stops(litter: Litter, runtime: Path) -> None:
    """Whoever is stopped for a moment, and be it with the gate's lock in hand: never 4, none lost (P5)."""
    found = burst(litter, runtime, "stop", rounds=3, launches=60)
    assert found["most"] == 3, found
    assert found["ran"] == 180, found
    assert found["lost"] == 0, found


def launch(asked: float, queued: float, admitted: float, ended: float = 0.0, killed: float = 0.0) -> Launch:
    """Return a launch that started the moment it was let in."""
    return Launch(asked, queued, admitted, admitted, ended, killed)


@pytest.mark.parametrize(
    ("launches", "most"),
    [
        ([], 0),
        ([launch(1, 0, 2, 3), launch(1, 0, 3, 4)], 1),
        ([launch(1, 0, 2, 3), launch(1, 0, 2.9, 4)], 2),
        ([launch(1, 0, 2, killed=5), launch(1, 0, 3, 4), launch(1, 0, 3.5, 3.6)], 3),
        ([launch(1, 0, 0, killed=5), launch(1, 0, 3, 4)], 1),
    ],
)
def test_the_judge_counts_who_ran_at_once(launches: list[Launch], most: int) -> None:
    """By the launches' own clocks; a killed one ran until just before it was killed (P5)."""
    assert most_at_once(launches) == most


@pytest.mark.parametrize(
    ("launches", "count"),
    [
        ([launch(1, 2, 9, 10), launch(3, 4, 10, 11)], 0),
        ([launch(1, 2, 10, 11), launch(3, 4, 9, 10)], 1),
        ([launch(1, 2, 10, 11), launch(3, 0, 9, 10)], 1),  # walked in past one who waited
        ([launch(1, 4, 10, 11), launch(3, 5, 9, 10)], 0),  # asked at the same time: either way
        ([launch(1, 2, 0, killed=5), launch(3, 4, 9, 10)], 0),  # killed while it waited
        ([launch(1, 2, 10, 11), launch(3, 4, 8, 9), launch(3, 4, 9, 10)], 2),
    ],
)
def test_the_judge_sees_who_was_passed(launches: list[Launch], count: int) -> None:
    """Let in before one that had its number before one had even asked (P5)."""
    assert inversions(launches) == count


def test_the_judge_sees_who_was_lost() -> None:
    """Neither ended nor killed (P5)."""
    assert lost([launch(1, 2, 3, 4), launch(1, 2, 3, killed=4), launch(1, 2, 3), launch(1, 2, 0)]) == 2


# Ends, and who is called by them


@pytest.mark.parametrize("how", ["end", "kill", "release", "close"])
def test_the_end_of_a_holder_calls_the_next(litter: Litter, runtime: Path, how: str) -> None:
    """However it ends the next one is let in at once, not when it happens to look (P5)."""
    delays = []
    last = holder(litter, runtime)
    for _ in range(5):
        following = waiter(litter, runtime)
        before = time.monotonic()
        last.order(how) if how != "kill" else last.kill()
        delays.append(following.came_in()["at"] - before)
        last = following
    assert statistics.median(delays) < AT_ONCE, delays


def test_any_of_several_holders_will_do(litter: Litter, runtime: Path) -> None:
    """Who waits does not wait for one certain slot (P5)."""
    holders = [holder(litter, runtime, limit=3) for _ in range(3)]
    for each in (holders[1], holders[2], holders[0]):
        following = waiter(litter, runtime, limit=3)
        each.kill()
        following.came_in()


def test_a_killed_waiter_holds_up_nobody(litter: Litter, runtime: Path) -> None:
    """Its number is gone with it; those behind move up and are told so (P5)."""
    first = holder(litter, runtime)
    second, third, fourth = (waiter(litter, runtime) for _ in range(3))
    second.kill()
    third.hear("told")
    assert "you are 1st" in third.lines[-1]
    fourth.hear("told")
    assert "you are 2nd" in fourth.lines[-1]
    first.kill()
    third.came_in()
    third.kill()
    fourth.came_in()


def test_a_waiter_is_told_who_holds_and_where_it_stands(litter: Litter, runtime: Path) -> None:
    """Pids, since when, and the place in line, on one line (P5)."""
    first = holder(litter, runtime)
    waiter(litter, runtime)
    third = waiter(litter, runtime)
    (line,) = (line for line in third.lines if line.startswith("told"))
    words = f"told waiting for a slot: 1 of 1 taken ({first.pid} for "
    assert line.startswith(words)
    assert line.endswith("), you are 2nd")


def test_a_stopped_waiter_is_passed_and_comes_back(litter: Litter, runtime: Path) -> None:
    """^Z on whoever is next does not hold up the line; continued, it is next again (P5)."""
    first = holder(litter, runtime)
    second, third, fourth = (waiter(litter, runtime) for _ in range(3))
    second.process.send_signal(signal.SIGSTOP)
    first.kill()
    third.came_in()
    second.process.send_signal(signal.SIGCONT)
    third.kill()
    second.came_in()
    second.kill()
    fourth.came_in()


def test_an_interrupted_waiter_leaves_the_line(litter: Litter, runtime: Path) -> None:
    """^C while it waits: its handler raises, and its number is given back (P5)."""
    first = holder(litter, runtime)
    second = waiter(litter, runtime)
    third = waiter(litter, runtime)
    second.process.send_signal(signal.SIGINT)
    second.hear("interrupted")
    assert second.process.wait(30) == 0
    assert [each.pid for each in Gate(str(runtime)).waiting("bun")] == [third.pid]
    first.kill()
    third.came_in()


@pytest.mark.parametrize("wait", [0.0, 0.3, 1.5])
def test_a_wait_ends_when_its_time_is_over(litter: Litter, runtime: Path, wait: float) -> None:
    """--no-wait and --wait D: not before, hardly after, and 75 with who holds the slots (P5, P10)."""
    first = holder(litter, runtime, command=("bun", "test", "a\nb"))
    goer = Goer(litter, runtime, name="bun", wait=wait)
    refused = json.loads(goer.hear("refused"))
    assert wait <= refused["after"] < wait + 5.0
    assert f'1 of 1 taken ({first.pid} "bun test a\\nb" for ' in refused["text"]
    assert not Gate(str(runtime)).waiting("bun")


def test_who_is_bound_to_an_owner_leaves_with_it(litter: Litter, runtime: Path) -> None:
    """Nobody is left to launch for (P1)."""
    holder(litter, runtime)
    owner = litter.start("sleep", "60")
    goer = waiter(litter, runtime, owner=owner.pid)
    owner.kill()
    assert "bound to ended" in json.loads(goer.hear("refused"))["text"]


# As long as somebody who will end the tree


def test_a_slot_lives_as_long_as_any_copy(litter: Litter, runtime: Path) -> None:
    """The front and the sentinel both hold it; the kernel frees it when the second is killed (P5, P6)."""
    front = holder(litter, runtime)
    front.order("fork")
    sentinel = int(front.hear("sentinel"))
    following = waiter(litter, runtime, wait=60)
    front.kill()
    assert [each.pid for each in Gate(str(runtime)).holders("bun")] == [front.pid]
    before = time.monotonic()
    os.kill(sentinel, signal.SIGKILL)  # ours by its lineage; nobody else can have its pid: just heard of it
    assert following.came_in()["at"] > before


def test_a_released_slot_is_free_though_others_have_copies(litter: Litter, runtime: Path) -> None:
    """Who has seen the tree's end says so: a front that was stopped cannot leak its slot (P5)."""
    front = holder(litter, runtime)
    front.order("fork")
    front.hear("sentinel")
    following = waiter(litter, runtime)
    front.order("release")
    following.came_in()


def test_the_command_does_not_keep_the_slot(litter: Litter, runtime: Path) -> None:
    """It is closed by exec: what outlives guardian holds up nobody (P5)."""
    front = holder(litter, runtime)
    front.order("command")
    command = int(front.hear("command"))
    litter.remember(command)
    wait_until(lambda: Path(f"/proc/{command}/comm").read_text() == "sleep\n", what="exec")
    following = waiter(litter, runtime)
    front.kill()
    following.came_in()
    assert Path(f"/proc/{command}").exists()


# Runs inside runs


@pytest.mark.parametrize("before", ["env", f"env -i PYTHONPATH={ROOT}", "setsid"])
def test_a_run_inside_a_run_shares_its_slot(litter: Litter, runtime: Path, before: str) -> None:
    """One slot does not deadlock, whatever happened to the environment or the session (P5)."""
    outer = holder(litter, runtime)
    outer.order(f"nest {before} -- {json.dumps({'runtime': str(runtime), 'name': 'bun'})}")
    assert outer.came_in()["inherited"]
    assert [each.pid for each in Gate(str(runtime)).holders("bun")] == [outer.pid]


@pytest.mark.usefixtures("needs_root")
def test_a_run_in_a_sandbox_shares_the_slot_that_it_claims(litter: Litter, runtime: Path) -> None:
    """In a PID namespace no ancestor can be seen; the claim is checked, a wrong one is worth nothing (P5)."""
    outer = Goer(litter, runtime, name="bun")
    claim = outer.came_in()["claim"]
    sandbox = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    good = Goer(litter, runtime, before=sandbox, name="bun", claims=[claim])
    assert good.came_in()["inherited"]
    bad = Goer(litter, runtime, before=sandbox, name="bun", claims=[f"{claim}1"], wait=0)
    bad.hear("refused")
    outside = Goer(litter, runtime, name="bun", claims=[claim], wait=0)
    outside.hear("refused")


def test_two_that_wait_for_each_other_are_parted(litter: Litter, runtime: Path) -> None:
    """A bun inside a make, a make inside a bun: the last comer gives up and says why, the other runs (P5)."""
    make, bun = (Goer(litter, runtime, name=name) for name in ("make", "bun"))
    make.came_in()
    bun.came_in()
    make.order(f"nest {json.dumps({'runtime': str(runtime), 'name': 'bun'})}")
    make.hear("told")
    bun.order(f"nest {json.dumps({'runtime': str(runtime), 'name': 'make'})}")
    text = json.loads(bun.hear("refused"))["text"]
    assert text.startswith(
        "not admitted: it would wait for ever: the launches that hold make wait themselves"
    )
    assert "bun/1" in text
    bun.kill()
    make.came_in()


# Launches of others, and the machine


def test_a_launch_of_others_is_waited_for(litter: Litter, runtime: Path) -> None:
    """What was not launched through guardian holds a place until it ends, and its end is told (P4, P5)."""
    delays = []
    for _ in range(5):
        stranger = litter.start("sleep", "60")
        goer = waiter(litter, runtime, strangers=[stranger.pid])
        assert f"not launched by guardian: {stranger.pid}" in goer.lines[-1]
        before = time.monotonic()
        stranger.kill()
        stranger.wait()
        delays.append(goer.came_in()["at"] - before)
        goer.kill()
    assert statistics.median(delays) < AT_ONCE, delays


def test_after_a_shortage_launches_come_one_by_one(litter: Litter, runtime: Path, tmp_path: Path) -> None:
    """Those who waited for memory are let in a settle interval apart, in order, across processes (P5)."""
    memory = tmp_path / "memory"
    memory.write_text("100")
    given = {"limit": 5, "memory": str(memory), "conditions": {"min_free_memory": 1 << 30, "settle": 2.0}}
    goers = [waiter(litter, runtime, **given) for _ in range(3)]
    assert "waiting: 100 MB of memory free, min_free_memory is 1.0 GB, you are 1st" in goers[0].lines[-1]
    memory.write_text("8000")
    times = [goer.came_in()["since"] for goer in goers]
    assert times[1] - times[0] >= 2.0
    assert times[2] - times[1] >= 2.0


# Bad ground


MOUNT = 'mount -t tmpfs -o size=16k,nr_inodes=12,mode=700 none "$0" && exec "$@"'


def spoil(disk: Path, how: str) -> str:
    """Let nothing more be written there; return the system's words for it."""
    if how == "no bytes":
        with (disk / "ballast").open("wb", buffering=0) as ballast:
            fill(lambda _: ballast.write(b"x" * 512))
    else:
        fill(lambda number: (disk / f"ballast-{number}").mkdir())
    return "No space left on device"


def fill(step: Callable[[int], object]) -> None:
    """Do it again and again, until the disk is full."""
    with pytest.raises(OSError, match="No space left on device"):
        list(map(step, range(1000)))


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize("how", ["no bytes", "no inodes", "read-only"])
def test_a_disk_that_takes_nothing_is_said(litter: Litter, runtime: Path, how: str) -> None:
    """One line with the system's words, exit code 125, and no launch past the gate (P5, P10)."""
    first = Goer(litter, runtime, before=("unshare", "--mount", "sh", "-c", MOUNT, str(runtime)), name="bun")
    first.came_in()
    inside = ("nsenter", f"--mount=/proc/{first.pid}/ns/mnt")
    if how == "read-only":
        subprocess.run([*inside, "mount", "-o", "remount,ro", runtime], check=True)
        words = "Read-only file system"
    else:
        words = spoil(Path(f"/proc/{first.pid}/root{runtime}"), how)
    second = Goer(litter, runtime, before=inside, name="bun", limit=2)
    line = second.hear("broken")
    assert line.startswith(f"125 the gate cannot use {runtime}/slots")
    assert words in line
    here = Gate(f"/proc/{first.pid}/root{runtime}")
    assert [each.pid for each in here.holders("bun")] == [first.pid]
    assert not here.waiting("bun")


def test_a_lock_that_is_never_let_go_is_named(litter: Litter, runtime: Path) -> None:
    """Somebody stopped in the moment that it held the lock is named, not waited for without end (P10)."""
    code = (
        "import os, signal, sys\n"
        "from guardian.gate.slots import Lock\n"
        "with Lock(sys.argv[1]):\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    stopped = litter.python(code, str(runtime / "slots.lock"), env={"PYTHONPATH": str(ROOT)})
    os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
    goer = Goer(litter, runtime, name="bun", patience=0.3)
    line = goer.hear("broken")
    assert line.startswith("125 the gate has been locked for 0 s by pid ")
    assert f"pid {stopped.pid} (" in line
    late = Goer(litter, runtime, name="bun", patience=60)
    late.hear("asked")
    stopped.send_signal(signal.SIGCONT)
    late.came_in()


def test_a_folder_that_is_removed_lets_nobody_past(litter: Litter, runtime: Path) -> None:
    """Who waits says so and ends; it does not run unguarded (P5, P10)."""
    holder(litter, runtime)
    goer = waiter(litter, runtime)
    for file in (runtime / "slots/bun").iterdir():
        file.unlink()
    (runtime / "slots/bun").rmdir()
    assert goer.hear("broken").startswith("125 the gate cannot use")
