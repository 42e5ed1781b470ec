"""Keeper and brain may be killed at any time: services go on, nothing is started twice, no line is lost."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from litter import start_of
from project import PATIENCE, Project, has_variable
from twenty import (
    CHATTY,
    EVERYBODY,
    RESTARTING,
    STABLE,
    check_again,
    check_chatty,
    copies,
    quiet_sections,
    sections,
)
from waiting import wait_until

from guardian.daemon.client import NoDaemon, Refused

KILLS = 50


class World:
    """Twenty services that run, and what is known about them."""

    def __init__(self, project: Project) -> None:
        self.project, self.tag = project, f"u{uuid.uuid4().hex[:10]}"
        seed = random.randrange(1 << 30)
        print(f"seed {seed}")
        self.chance = random.Random(seed)
        self.pids: dict[str, int] = {}
        self.trouble: list[str] = []

    def up(self) -> None:
        self.project.up(*sections(self.project, self.tag))
        found = self.project.wait_for("ready", *STABLE)
        self.pids = {name: found[name]["pid"] for name in STABLE}

    def check(self) -> None:
        """The list is right: the same pids for the stable ones, and each runs once."""
        found = self.project.stands()
        assert set(found) == set(EVERYBODY)
        assert {name: found[name]["pid"] for name in STABLE} == self.pids
        states = {name: found[name]["state"] for name in STABLE if found[name]["state"] != "ready"}
        assert set(states.values()) <= {"running"}, states
        there = copies(self.tag)
        assert {name: there[name] for name in STABLE} == {name: [self.pids[name]] for name in STABLE}

    def watch_copies(self, stop: threading.Event) -> None:
        """Look all the time whether anybody of the restarting ones runs twice."""
        while not stop.wait(0.02):
            for name, pids in copies(self.tag).items():
                if len(pids) > 1 and len([pid for pid in pids if start_of(pid) is not None]) > 1:
                    self.trouble.append(f"{name}: {pids}")

    def end(self) -> None:
        """Stop everything; nobody is left, and no line is lost."""
        for name in RESTARTING:  # between its lines a generation may be asked to end: let one end by itself
            self.project.ask("do", wish="stop", words=[name], wait=True)
        assert self.project.down().code == 0
        assert copies(self.tag) == {}
        for name in CHATTY:
            assert check_chatty(self.project, name) > 10000
        assert not self.trouble


@pytest.fixture
def world(project: Project) -> Iterator[World]:
    made = World(project)
    yield made
    print(project.said()[-60000:])


def watched(world: World, act: Callable[[], None]) -> None:
    """Do something while somebody counts copies."""
    stop = threading.Event()
    watcher = threading.Thread(target=world.watch_copies, args=(stop,))
    watcher.start()
    try:
        act()
    finally:
        stop.set()
        watcher.join()


def test_a_brain_may_be_killed_at_any_time(world: World) -> None:
    """50 kills of the brain: same pids, no second copy, the list right, each line once (P6, P7)."""
    world.up()

    def kill() -> None:
        for _ in range(KILLS):
            time.sleep(world.chance.uniform(0, 0.25))
            world.project.kill(world.project.brain())
            if world.chance.random() < 0.7:
                world.check()
            else:
                wait_until(world.project.brain, PATIENCE, what="the next brain")

    watched(world, kill)
    world.check()
    assert world.project.list().keys() == set(EVERYBODY)
    world.project.wait_for("ready", *STABLE)
    world.end()
    for name in RESTARTING:
        assert check_again(world.project, name) > 10


def test_a_keeper_may_be_killed_at_any_time(world: World) -> None:
    """10 kills of the keeper, 4 of both, then `up`: same pids, no second copy, no lost line (P6, P7)."""
    world.up()

    def kill() -> None:
        for _ in range(10):
            keeper = wait_until(world.project.keeper, PATIENCE, what="the next keeper")
            time.sleep(world.chance.uniform(0, 0.2))
            world.project.kill(keeper)
            world.check()
        for _ in range(4):
            time.sleep(world.chance.uniform(0, 0.2))
            wait_until(world.project.keeper, PATIENCE, what="the next keeper")
            world.project.kill(world.project.keeper(), world.project.brain())
            world.project.up()
            world.check()

    watched(world, kill)
    world.project.wait_for("ready", *STABLE)
    world.end()


WHOM = ["brain", "keeper", "both"]


@pytest.fixture
def quiet(world: World) -> World:
    """The same with services that do nothing, known to the daemon and stopped."""
    world.project.write(*quiet_sections(world.tag))
    return world


def strike(world: World, whom: str) -> None:
    """Kill at a random moment; after both somebody brings the daemon up again."""
    time.sleep(world.chance.uniform(0, 0.08))
    pids = {"brain": [world.project.brain()], "keeper": [world.project.keeper()]}
    pids["both"] = pids["brain"] + pids["keeper"]
    world.project.kill(*[pid for pid in pids[whom] if pid])
    if whom == "both":
        with suppress(NoDaemon, OSError):
            world.project.guardian("up", "--detach")


def all_ready(world: World) -> bool:
    """Whether each runs once, as the list says."""
    try:
        found = world.project.stands()
    except (NoDaemon, OSError):
        return False
    there = copies(world.tag)
    listed = {name: [each["pid"]] for name, each in found.items() if each["state"] == "ready"}
    return len(listed) == 20 and listed == there


def ask_anyway(world: World, verb: str, **fields: object) -> None:
    """Ask for something; a daemon that is killed meanwhile does not answer."""
    with suppress(NoDaemon, Refused, OSError):
        world.project.ask(verb, **fields)


@pytest.mark.parametrize("whom", WHOM)
def test_killed_while_services_start_and_stop(quiet: World, whom: str) -> None:
    """Killed amid 20 starts or stops: none runs twice, and what was asked for comes true (P1, P6)."""
    world = quiet
    world.project.up()
    wait_until(lambda: all_ready(world), PATIENCE, what="all up")
    everything = [f"q{n}" for n in range(20)]

    def play() -> None:
        for _ in range(3):
            ask_anyway(world, "do", wish="stop", words=everything)
            strike(world, whom)
            ask_anyway(world, "do", wish="stop", words=everything)
            wait_until(lambda: not copies(world.tag), PATIENCE, what=f"all gone\n{world.project.said()}")
            ask_anyway(world, "do", wish="start", words=everything)
            strike(world, whom)
            ask_anyway(world, "do", wish="start", words=everything)
            what = f"all up\n{world.project.said()}"
            wait_until(lambda: all_ready(world), PATIENCE, what=what)

    watched(world, play)
    assert world.project.down().code == 0
    assert copies(world.tag) == {}
    assert not world.trouble


@pytest.mark.parametrize("whom", WHOM)
def test_killed_while_it_reloads_and_ends(quiet: World, whom: str) -> None:
    """Killed amid a reload or a shutdown: doing it again leads there, with nobody left (P1, P6)."""
    world = quiet
    world.project.up()
    wait_until(lambda: all_ready(world), PATIENCE, what="all up")

    def play() -> None:
        for n in range(2):
            changed = [part + f'env = {{ ROUND = "{n}" }}\n' for part in quiet_sections(world.tag)]
            world.project.write(*changed)
            child = world.project.start("reload")
            time.sleep(0.1)
            strike(world, whom)
            child.communicate(timeout=PATIENCE)
            world.project.guardian("reload")
            wait_until(lambda: all_ready(world), PATIENCE, what=f"all up\n{world.project.said()}")
            rounds = {pid for pids in copies(world.tag).values() for pid in pids}
            assert rounds == set(has_variable("ROUND", str(n))) & rounds

    watched(world, play)
    child = world.project.start("down")
    time.sleep(0.1)
    strike(world, whom)
    child.communicate(timeout=PATIENCE)
    world.project.guardian("down")
    wait_until(lambda: not copies(world.tag), PATIENCE, what=f"all gone\n{world.project.said()}")
    wait_until(lambda: not world.project.brain(), PATIENCE, what="no brain")
    wait_until(lambda: not world.project.keeper(), PATIENCE, what="no keeper")
    assert not world.trouble
