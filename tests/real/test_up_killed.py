"""Keeper and brain may be killed at any time: services go on, nothing is started twice, no line is lost."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from litter import start_of
from project import PATIENCE, Project
from twenty import CHATTY, EVERYBODY, RESTARTING, STABLE, check_again, check_chatty, copies, sections
from waiting import wait_until

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
    print(project.said()[-6000:])


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
