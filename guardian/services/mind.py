"""What all services together do next: (roster, memory, events, now) → (memory, actions, due). Pure.

Each service walks through its own table (`life`); here stands what lies between them:

    wanted, and all that it depends on is READY     → it is clear to start
    not wanted, and no dependent is in the way      → it is clear to stop
    asked to start                                  → what it depends on is asked too
    not READY any more                              → its dependents are told
    not configured any more                         → it is asked to stop, and then forgotten

and what one service is besides its life: its checkup, and the stir of its files (`tending`).
"""

from __future__ import annotations

from guardian.services import events, order, tending
from guardian.services.effects import Emit, Topic
from guardian.services.events import Wish
from guardian.services.life import State, Wanted
from guardian.services.living import Life
from guardian.services.order import Roster
from guardian.services.spec import ServiceSpec
from guardian.services.tending import Service
from guardian.services.walk import step
from guardian.services.why import Cause, Why
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from guardian.services.effects import Effect
    from guardian.services.events import Event, LifeEvent


class Memory(Value):
    """Everything that is remembered from one decision to the next."""

    services: Mapping[str, Service] = {}
    roster: Roster = Roster()  # with which the last decision was made
    dues: Mapping[str, float] = {}  # when something of a service is due
    forgotten: int = 0  # the highest generation of services that were forgotten: none is given twice

    def life(self, name: str) -> Life:
        """Return the life of a service; one that nobody has asked for yet is STOPPED."""
        service = self.services.get(name)
        return service.life if service else Life(name)


class Decision(Value):
    """What a decision returns: the memory for the next, what is to be done in this order, when it is due."""

    memory: Memory
    actions: tuple[Effect, ...]
    due: float | None  # decide again then even if nothing happens; None: never


def decide(
    roster: Roster, memory: Memory, happened: Iterable[Event], now: float, *, chance: float = 0.0
) -> Decision:
    """Decide what follows from what happened, at `now` in monotonic seconds.

    Events of one call are all taken in before anything is started: to adopt what runs, and to
    ask for what is wanted, belong into one. `chance`, from 0 to 1, is for the jitter of delays.
    """
    session = _Session(roster, memory, now, chance)
    for event in happened:
        session.take(event)
    session.settle()
    return session.decision()


def waits_for(roster: Roster, memory: Memory, name: str) -> tuple[str, ...]:
    """Return the dependencies that keep a service from being started now; none when it is not waiting."""
    if not memory.life(name).waiting:
        return ()
    return tuple(need for need in roster.needs.get(name, ()) if not satisfied(memory.life(need)))


def satisfied(life: Life) -> bool:
    """Whether who depends on this service may start: it is READY and stays, or has done its work."""
    if life.wanted is not Wanted.UP:
        return False
    return life.state is State.READY or (life.state is State.EXITED and not _failed(life))


def _failed(life: Life) -> bool:
    """Whether its last generation failed."""
    return life.ending is not None and life.ending.failed


def coming(life: Life) -> bool:
    """Whether a service is up, on its way there, or done: so that nobody has to ask for it again."""
    down = life.wanted is Wanted.DOWN or life.state is State.FATAL
    return not down and not (life.state is State.EXITED and _failed(life))


class _Session:
    """One decision while it is made. Nobody sees it from outside."""

    def __init__(self, roster: Roster, memory: Memory, now: float, chance: float) -> None:
        self.roster, self.now, self.chance = roster, now, chance
        self.services, self.dues = dict(memory.services), dict(memory.dues)
        self.forgotten = memory.forgotten
        self.actions: list[Effect] = []
        self.touched: set[str] = set()  # who took a step that may clear somebody's way
        if memory.roster is not roster:
            self._follow_the_roster()

    def _follow_the_roster(self) -> None:
        """Take in what is configured now; whoever no longer is keeps the needs that it had."""
        self.touched = {*self.services, *self.roster.specs}
        for name, service in list(self.services.items()):
            needs = self.roster.needs.get(name, service.life.needs)
            changed = service.replace(life=service.life.replace(needs=needs))
            self._tend(tending.tended(changed, self._spec(name), self.now))

    # what comes in

    def take(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, events.Ask):
            for name, wish in self._meant(event):
                self.feed(name, wish)
        elif not isinstance(event, events.Probed | events.Heard | events.FilesChanged):
            self.feed(event.name, event)
        elif event.name in self.services:
            self._tend(tending.told(self._service(event.name), self._spec(event.name), event, self.now))

    def _meant(self, ask: events.Ask) -> Iterator[tuple[str, events.Ask]]:
        """Yield whom a wish is about; who is to start needs what it depends on, so that is started too."""
        for name in ask.names:
            if name in self.roster.specs or name in self.services:
                yield name, ask
            else:
                self.actions.append(_emit(Life(name), Topic.UNKNOWN, Why(Cause.ASKED, ask.note), self.now))
        if ask.wish in (Wish.START, Wish.RESTART):
            for name in order.closure(self.roster.needs, ask.names):
                if name not in ask.names and not coming(self._life(name)):
                    yield name, ask.replace(wish=Wish.START)

    # what one service does

    def feed(self, name: str, event: LifeEvent) -> None:
        """Let one service take a step."""
        service = self._service(name)
        turn = step(service.life, self._spec(name), event, self.now, chance=_spread(self.chance, name))
        self.actions += turn.effects
        self.touched.add(name)
        self._tend(tending.tended(service.replace(life=turn.life), self._spec(name), self.now))
        if satisfied(service.life) and not satisfied(self._life(name)):
            for dependent in self.roster.needed_by.get(name, ()):
                self.feed(dependent, events.DependencyLost(name))

    def _tend(self, tended: tending.Tended) -> None:
        """Keep what a service is besides its life, and let it live through what that led to."""
        name = tended.service.life.name
        self._keep(name, tended.service)
        self.actions += tended.effects
        for event in tended.events:
            self.feed(name, event)

    def _keep(self, name: str, service: Service) -> None:
        self.services[name] = service
        due = service.due
        if due is not None:
            self.dues[name] = due
        else:
            self.dues.pop(name, None)

    def _service(self, name: str) -> Service:
        found = self.services.get(name)
        return found or Service(Life(name, newest=self.forgotten, needs=self.roster.needs.get(name, ())))

    def _life(self, name: str) -> Life:
        return self._service(name).life

    def _spec(self, name: str) -> ServiceSpec:
        """Return the spec in force: the configured one, or for what is no longer configured its last."""
        return self.roster.specs.get(name) or self._life(name).spec or ServiceSpec(name, "")

    # what follows

    def settle(self) -> None:
        """Let timers ring and clear the way until nothing more follows."""
        self._ring()
        while self.touched:
            around = self._around(self.touched)
            self.touched = set()
            for name in around:
                if name not in self.roster.specs:
                    self._leave(name)
            self._clear(around)
            self._ring()

    def _ring(self) -> None:
        """Tell everybody whose time has come."""
        if min(self.dues.values(), default=self.now + 1) > self.now:
            return
        for name in [name for name, due in self.dues.items() if due <= self.now]:
            life = self._life(name)
            if life.due is not None and life.due <= self.now:
                self.feed(name, events.Due())
            self._tend(tending.rung(self._service(name), self._spec(name), self.now))

    def _around(self, names: set[str]) -> list[str]:
        """Return these services and their neighbours, in the order of the file: their way may be clear."""
        around = set(names)
        for name in names:
            around.update(self.roster.needed_by.get(name, ()), self._life(name).needs)
        place = self.roster.place
        return sorted(around, key=lambda name: (place.get(name, len(place)), name))

    def _clear(self, names: Sequence[str]) -> None:
        """Let each of these go where it is wanted, if nothing is in the way."""
        held = self._held() if any(self._life(name).leaving for name in names) else ()
        for name in names:
            life = self._life(name)
            if life.waiting and all(satisfied(self._life(need)) for need in life.needs):
                self.feed(name, events.Clear(start=True))
            elif life.leaving and life.state is not State.STOPPING and name not in held:
                self.feed(name, events.Clear(start=False))

    def _held(self) -> set[str]:
        """Return who has to go on for now, because somebody who depends on it is still on the way out."""
        lives = [service.life for service in self.services.values()]
        return {need for life in lives if life.needs and life.leaving for need in life.needs}

    def _leave(self, name: str) -> None:
        """Ask a service to stop that is no longer configured, and forget it when nothing of it runs."""
        life = self._life(name)
        if life.wanted is not Wanted.DOWN:
            self.feed(name, events.Ask(Wish.STOP, (name,), Cause.REMOVED.value))
        elif life.empty:
            self.forgotten = max(self.forgotten, life.newest)
            self.services.pop(name, None)
            self.dues.pop(name, None)

    # what comes out

    def decision(self) -> Decision:
        """Return what was decided."""
        memory = Memory(self.services, self.roster, self.dues, self.forgotten)
        return Decision(memory, tuple(self.actions), min(self.dues.values(), default=None))


def _spread(chance: float, name: str) -> float:
    """Return a chance of the service's own, so that those which fell in one moment do not rise in one."""
    return (chance + sum(name.encode()) * 0.6180339887) % 1.0  # the golden ratio spreads neighbours well


def _emit(life: Life, topic: Topic, why: Why, now: float) -> Emit:
    return Emit(life.name, topic, why, life.state, life.state, life.wanted, life.generation, now)
