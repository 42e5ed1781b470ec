"""Many services in a world in which anything may happen, the death of the daemon included."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from service_world import World, service

from guardian.procs.model import ProcId
from guardian.services import events, saving
from guardian.services.effects import AskEnd, Probe, Spawn
from guardian.services.events import Ask, Wish
from guardian.services.life import LIVE, State, Wanted
from guardian.services.mind import Memory, satisfied
from guardian.services.spec import HealthSpec, ServiceSpec
from guardian.services.why import Cause

NAMES = ("a", "b", "c", "d", "e")
WISHES = (Wish.START, Wish.STOP, Wish.RESTART, Wish.KILL)
TCP = HealthSpec("tcp", port=80, interval=5.0, retries=2, start_period=5.0)
OUTPUT = HealthSpec("output", pattern="ready", interval=5.0, retries=2, start_period=5.0)


@st.composite
def rosters(draw: st.DrawFn) -> list[ServiceSpec]:
    """Draw services that depend on some of those that come before them, so that no circle comes about."""
    order = draw(st.permutations(NAMES))
    made = []
    for place, name in enumerate(order[: draw(st.integers(2, len(NAMES)))]):
        below = draw(st.sets(st.sampled_from(order[:place]), max_size=2)) if place else set()
        made.append(
            service(
                name,
                depends_on=tuple(sorted(below)),
                autorestart=draw(st.sampled_from([True, True, "on-failure", False])),
                max_restarts=draw(st.sampled_from([0, 2])),
                restart_delay=draw(st.sampled_from([0.0, 3.0])),
                health=draw(st.sampled_from([None, TCP, OUTPUT])),
                watch=True,
            )
        )
    return made


def restored(memory: Memory) -> Memory:
    """Return what the next daemon reads, as daemon.store writes it: lives, and with what they began."""
    lives = {name: service.life for name, service in memory.services.items()}
    plain = {name: saving.plain(life.replace(spec=None)) for name, life in lives.items()}
    specs = {name: saving.plain(life.spec) if life.spec else None for name, life in lives.items()}
    read = json.loads(json.dumps([plain, specs]))
    return saving.memory(*read, forgotten=memory.forgotten)


class Watched(World):
    """A world that holds every action against the rules while it is done."""

    def _note(self, action: object) -> None:
        if isinstance(action, Spawn):
            assert not [tree for tree in self.running if tree[0] == action.name], "two generations at once"
            assert not [each for each in self.spawning if each.name == action.name]
            for need in self.roster.needs[action.name]:
                assert satisfied(self.memory.life(need)), f"{action.name} before {need} is ready"
        if isinstance(action, Probe):
            assert action.name not in [each.name for each in self.probes], "a look doubled"
        if isinstance(action, AskEnd) and self._in_order(action):
            lives = [each.life for each in self.memory.services.values()]
            in_the_way = [each for each in lives if each.leaving and action.name in each.needs]
            assert not in_the_way, f"{action.name} before {in_the_way}"
        super()._note(action)  # type: ignore[arg-type]

    def _in_order(self, end: AskEnd) -> bool:
        """Whether this end was asked for politely, by somebody, and for the first time."""
        again = self.before.life(end.name).state is State.STOPPING
        return end.why.cause is Cause.ASKED and not end.force and not again


class MindMachine(RuleBasedStateMachine):
    """People, trees, checks, files, reloads and crashes, in any order."""

    @initialize(specs=rosters())
    def configure(self, specs: list[ServiceSpec]) -> None:
        """Begin with nothing running."""
        self.world = Watched(*specs)

    @rule(wish=st.sampled_from(WISHES), names=st.sets(st.sampled_from(NAMES), min_size=1))
    def ask(self, wish: Wish, names: set[str]) -> None:
        """Somebody asks for some of them."""
        self.world.tell(Ask(wish, tuple(sorted(names & set(self.world.roster.specs))), "ps"))

    @rule()
    def start_all(self) -> None:
        """Somebody asks for all of them, and they come up as far as they do by themselves."""
        self.world.ask(Wish.START, *self.world.roster.specs)
        self.world.run()

    @rule(seconds=st.sampled_from([0.05, 0.3, 5.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        """Timers ring."""
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.spawning)
    @rule(data=st.data(), works=st.booleans())
    def spawn(self, data: st.DataObject, works: bool) -> None:
        """Something that was to be started is, or is not."""
        spawn = data.draw(st.sampled_from(self.world.spawning))
        if works:
            self.world.spawned(spawn)
        else:
            self.world.not_spawned(spawn)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data(), code=st.sampled_from([0, 1]), whole=st.booleans())
    def exits(self, data: st.DataObject, code: int, whole: bool) -> None:
        """A leader ends by itself, alone or with its tree."""
        name = data.draw(st.sampled_from(sorted({tree[0] for tree in self.world.running})))
        if whole:
            self.world.exits(name, code)
        elif self.world.running[self.world.tree(name)]:
            self.world.leader_exits(name, code)

    @precondition(lambda self: any(tree in self.world.running for tree in self.world.ending))
    @rule(data=st.data())
    def ended(self, data: st.DataObject) -> None:
        """A tree that was asked to end is gone."""
        going = sorted(tree for tree in self.world.ending if tree in self.world.running)
        self.world.gone(*data.draw(st.sampled_from(going)))

    @precondition(lambda self: self.world.probes)
    @rule(data=st.data(), good=st.booleans())
    def answer(self, data: st.DataObject, good: bool) -> None:
        """A look is answered."""
        self.world.answer(data.draw(st.sampled_from(self.world.probes)), good=good)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """A service tells that it is well."""
        self.world.tell(events.Heard(*data.draw(st.sampled_from(sorted(self.world.running))), "ready"))

    @rule(name=st.sampled_from(NAMES))
    def save_a_file(self, name: str) -> None:
        """Somebody saves a file."""
        self.world.tell(events.FilesChanged(name, ("a.ts",)))

    @rule(specs=rosters())
    def reload(self, specs: list[ServiceSpec]) -> None:
        """Somebody writes another configuration."""
        self.world.load(*specs)
        self.world.tell()

    @rule(performed=st.booleans(), lost=st.sets(st.sampled_from(NAMES)))
    def crash(self, performed: bool, lost: set[str]) -> None:
        """The daemon is killed; the next one reads what was saved, and finds what runs."""
        world = self.world
        if performed:  # what was to be started was, and nobody heard of it
            world.running |= {(each.name, each.generation): True for each in world.spawning}
        world.spawning, world.probes, world.ending = [], [], {}
        for tree in [tree for tree in world.running if tree[0] in lost]:
            del world.running[tree]
        world.memory = restored(world.memory)
        found = [events.Adopted(*tree, ProcId(tree[1], 1)) for tree in world.running]
        lives = [service.life for service in world.memory.services.values()]
        gone = [(life.name, life.generation) for life in lives if life.live]
        missing = [events.TreeGone(*tree) for tree in gone if tree not in world.running]
        unknown = [events.Ended(*tree) for tree, leader in world.running.items() if not leader]
        world.tell(*found, *unknown, *missing)

    @invariant()
    def every_tree_is_known(self) -> None:
        """What runs is known to run, and nothing else is (P1)."""
        if hasattr(self, "world"):
            lives = [service.life for service in self.world.memory.services.values()]
            live = {(life.name, life.generation) for life in lives if life.live}
            starting = {(each.name, each.generation) for each in self.world.spawning}
            assert live == set(self.world.running) | starting

    @invariant()
    def what_is_not_wanted_leaves(self) -> None:
        """Whatever runs and is not wanted is being ended, or waits for somebody who is."""
        if hasattr(self, "world"):
            lives = [service.life for service in self.world.memory.services.values()]
            leaving = [life for life in lives if life.leaving]
            held = {need for life in leaving for need in life.needs}
            assert all(life.state is State.STOPPING or life.name in held for life in leaving)

    @invariant()
    def what_is_due_lies_ahead(self) -> None:
        """A decision never asks to be made again at once, or the daemon would spin (P12)."""
        if hasattr(self, "world") and self.world.due is not None:
            assert self.world.due > self.world.now

    def teardown(self) -> None:
        """In the end all come up that are asked to and work, and all go down."""
        if hasattr(self, "world"):
            self.everything_comes_up()
            self.everything_goes_down()

    def everything_comes_up(self) -> None:
        """Asked to start, and with nothing failing any more, everything is READY."""
        world = self.world
        world.rest()
        world.ask(Wish.START, *world.roster.specs)
        for _ in range(60):
            world.rest()
            for probe in list(world.probes):
                world.answer(probe, good=True)
            for tree in list(world.running):
                world.tell(events.Heard(*tree, "ready"))
            if set(world.states().values()) == {State.READY}:
                break
            world.pass_time(2.0)
        assert set(world.states().values()) == {State.READY}, world.states()

    def everything_goes_down(self) -> None:
        """Asked to stop, everything is STOPPED, nothing runs and nothing is due."""
        world = self.world
        world.ask(Wish.STOP, *world.roster.specs)
        world.rest()
        assert set(world.states().values()) == {State.STOPPED}
        assert {world.life(name).wanted for name in world.roster.specs} == {Wanted.DOWN}
        assert not world.running
        assert world.due is None
        assert not [name for name in world.memory.services if world.life(name).state in LIVE]


TestMind = MindMachine.TestCase
TestMind.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
