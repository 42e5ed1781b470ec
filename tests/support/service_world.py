"""A daemon without processes: it does what services ask, when a test lets it, and tells what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from guardian.procs.model import ProcId
from guardian.services import events
from guardian.services.effects import AskEnd, Emit, Probe, Signal, Spawn, StopProbe, Topic
from guardian.services.events import Ask, Wish
from guardian.services.life import State
from guardian.services.living import Life
from guardian.services.mind import Memory, decide
from guardian.services.order import Roster, roster
from guardian.services.spec import ServiceSpec

if TYPE_CHECKING:
    from guardian.services.effects import Effect
    from guardian.services.events import Event


def service(name: str = "web", **fields: object) -> ServiceSpec:
    """Return a service that restarts at once, and fields of it."""
    given: dict[str, object] = {"command": "serve", "restart_delay": 0.0}
    return ServiceSpec(name, **(given | fields))  # type: ignore[arg-type]


class World:
    """Trees that run by (service, generation), and a mind that decides about them."""

    def __init__(self, *specs: ServiceSpec, now: float = 1000.0) -> None:
        self.roster: Roster = roster(specs)
        self.memory = Memory()
        self.before = Memory()  # before the last decision
        self.now = now
        self.due: float | None = None
        self.actions: list[Effect] = []  # every one that was asked for
        self.spawning: list[Spawn] = []  # asked for and not answered
        self.running: dict[tuple[str, int], bool] = {}  # tree → whether its leader runs
        self.ending: dict[tuple[str, int], AskEnd] = {}  # trees that were asked to end
        self.probes: list[Probe] = []  # not answered

    # telling

    def tell(self, *happened: Event) -> list[Effect]:
        """Let the mind decide, and take in what it asks for."""
        decision = decide(self.roster, self.memory, happened, self.now)
        self.before, self.memory, self.due = self.memory, decision.memory, decision.due
        for action in decision.actions:
            self._note(action)
        self.actions += decision.actions
        return list(decision.actions)

    def ask(self, wish: Wish, *names: str) -> list[Effect]:
        """Ask for something, as a person does."""
        return self.tell(Ask(wish, names, f"ps {wish.value}"))

    def start(self, *names: str) -> list[Effect]:
        """Ask to start, and let everything that is started run."""
        self.ask(Wish.START, *names)
        return self.run()

    def pass_time(self, seconds: float) -> list[Effect]:
        """Let time pass; the mind decides whenever something is due."""
        end, done = self.now + seconds, []
        while self.due is not None and self.due <= end:
            self.now = max(self.now, self.due)
            done += self.tell()
        self.now = end
        return done

    def load(self, *specs: ServiceSpec) -> None:
        """Configure other services."""
        self.roster = roster(specs)

    # doing what was asked for

    def run(self) -> list[Effect]:
        """Start everything that is to be started, until nothing more follows."""
        done = []
        while self.spawning:
            done += self.spawned(self.spawning[0])
        return done

    def spawned(self, spawn: Spawn) -> list[Effect]:
        """Let one spawn succeed."""
        self.spawning.remove(spawn)
        self.running[spawn.name, spawn.generation] = True
        return self.tell(events.Spawned(spawn.name, spawn.generation, self.who(spawn.name, spawn.generation)))

    def not_spawned(self, spawn: Spawn, *, note: str = "no memory", final: bool = False) -> list[Effect]:
        """Let one spawn fail."""
        self.spawning.remove(spawn)
        return self.tell(events.SpawnFailed(spawn.name, spawn.generation, note, final))

    def end_all(self) -> list[Effect]:
        """Let every tree go that was asked to, until nothing more follows."""
        done = []
        while going := [tree for tree in self.ending if tree in self.running]:
            done += self.gone(*going[0])
        return done

    def rest(self) -> None:
        """Let everything come about that was asked for."""
        while self.spawning or any(tree in self.running for tree in self.ending):
            self.run()
            self.end_all()

    # what trees do by themselves

    def exits(self, name: str, code: int | None = 1, signal: str = "") -> list[Effect]:
        """Let the leader end, and with it its whole tree."""
        tree = self.tree(name)
        del self.running[tree]
        self.ending.pop(tree, None)
        return self.tell(events.Ended(*tree, code, signal), events.TreeGone(*tree))

    def leader_exits(self, name: str, code: int = 1) -> list[Effect]:
        """Let the leader end while others of its tree go on."""
        tree = self.tree(name)
        self.running[tree] = False
        return self.tell(events.Ended(*tree, code))

    def gone(self, name: str, generation: int) -> list[Effect]:
        """Let a tree be gone."""
        del self.running[name, generation]
        self.ending.pop((name, generation), None)
        return self.tell(events.TreeGone(name, generation))

    def answer(self, probe: Probe, *, good: bool, note: str = "") -> list[Effect]:
        """Answer a look."""
        self.probes.remove(probe)
        return self.tell(events.Probed(probe.name, probe.generation, probe.number, good, note))

    # looking

    def life(self, name: str = "web") -> Life:
        """Return the life of a service."""
        return self.memory.life(name)

    def states(self) -> dict[str, State]:
        """Return every configured service's state."""
        return {name: self.life(name).state for name in self.roster.specs}

    def tree(self, name: str = "web") -> tuple[str, int]:
        """Return the one tree of a service that runs."""
        (tree,) = [tree for tree in self.running if tree[0] == name]
        return tree

    def who(self, name: str, generation: int) -> ProcId:
        """Return who leads a generation."""
        return ProcId(1000 + sum(name.encode()) + generation, generation)

    def emitted(self, topic: Topic, name: str = "") -> list[Emit]:
        """Return what was told about a topic."""
        said = [action for action in self.actions if isinstance(action, Emit) and action.topic is topic]
        return [emit for emit in said if name in ("", emit.name)]

    def _note(self, action: Effect) -> None:
        if isinstance(action, Spawn):
            self.spawning.append(action)
        elif isinstance(action, AskEnd):
            self.ending[action.name, action.generation] = action
        elif isinstance(action, Probe):
            self.probes.append(action)
        elif isinstance(action, StopProbe):
            self.probes = [
                each for each in self.probes if (each.name, each.number) != (action.name, action.number)
            ]


def spawns(actions: Iterable[Effect]) -> list[str]:
    """Return whom these actions start."""
    return [action.name for action in actions if isinstance(action, Spawn)]


def ends(actions: Iterable[Effect]) -> list[str]:
    """Return whom these actions end."""
    return [action.name for action in actions if isinstance(action, AskEnd)]


def signals(actions: Iterable[Effect]) -> list[tuple[str, str]]:
    """Return which signals these actions send to whom."""
    return [(action.name, action.signal) for action in actions if isinstance(action, Signal)]


def answered(world: World, good: bool = True) -> None:
    """Answer every look that is under way."""
    for probe in list(world.probes):
        world.answer(probe, good=good)
