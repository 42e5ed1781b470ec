"""The desk: what clients ask for, done by the brain. One method a verb."""

from __future__ import annotations

import asyncio
import time

from guardian.daemon import protocol
from guardian.daemon.lives import standings
from guardian.daemon.trees import number_of
from guardian.errors import GuardianError, SeeError, UsageError
from guardian.procs.printable import printable
from guardian.services import names, reload, saving
from guardian.services.events import Ask, Wish
from guardian.services.life import State, Wanted
from guardian.services.mind import satisfied, waits_for
from guardian.services.why import Cause
from guardian.units import exact_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from guardian.daemon.brain import Brain
    from guardian.daemon.bus import Record
    from guardian.daemon.server import Client
    from guardian.services.living import Life
    from guardian.services.spec import ServiceSpec

PHASES = (
    "takes nothing new",
    "asks everything to stop",
    "waits for what has not stopped",
    "forces what would not stop",
    "cleans up",
)
FORCED = 15.0  # seconds after SIGKILL before whoever is left is named and left


class Unreached(GuardianError):
    """Services did not come to where they were wanted."""

    exit_code = 1


class Desk:
    """Serves requests."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._closing = False
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handle(self, client: Client, request: protocol.Any_Request) -> object:
        """Answer one request; GuardianError is the answer no."""
        if self._closing and not isinstance(request, protocol.List | protocol.Watch | protocol.Shutdown):
            raise GuardianError("the daemon is ending; it takes nothing new")
        return await HANDLERS[type(request)](self, client, request)

    # looking

    async def tell(self, _: Client, request: protocol.List) -> object:
        """Tell how services stand."""
        brain = self._brain
        chosen = self._chosen(request.words) if request.words else list(brain.roster.specs)
        gone = (
            []
            if request.words
            else [name for name in brain.memory.services if name not in brain.roster.specs]
        )
        told = standings(brain, [*chosen, *gone])
        if request.stats:
            for record in told:
                record["usage"] = self._usage(brain.memory.life(str(record["name"])))
                await asyncio.sleep(0)  # a look takes its time, and nobody has to wait for a hundred of them
        return told

    def _usage(self, life: Life) -> dict[str, object] | None:
        """Return what a tree uses; None when there is none, or it cannot be seen."""
        tree = self._brain.trees.by_id.get(f"{life.name}:{life.generation}")
        if tree is None:
            return None
        try:
            return self._brain.scales.weigh(tree, since=life.started).asdict()
        except SeeError:
            return None

    def _chosen(self, words: Iterable[str]) -> list[str]:
        return list(names.select(self._brain.roster.book, words))

    async def watch(self, client: Client, request: protocol.Watch) -> object:
        """Send events until the client has gone."""
        chosen = frozenset(self._chosen(request.words)) if request.words else frozenset()
        gone = asyncio.get_running_loop().create_future()

        def listener(record: Any) -> None:
            client.event(request.id, record)

        self._brain.bus.listen(listener, topics=frozenset(request.topics), services=chosen)
        try:
            client.event(request.id, {"topic": "listening"})
            await gone
        finally:
            self._brain.bus.leave(listener)
        return None

    # asking

    async def do(self, client: Client, request: protocol.Do) -> object:
        """Do what is wished with services; while it waits, events tell for what."""
        try:
            wish = Wish(request.wish)
        except ValueError:
            raise UsageError(
                f"wish: found {request.wish!r}, expected {', '.join(w.value for w in Wish)}"
            ) from None
        if wish is Wish.SIGNAL:
            _know_signal(request.signal)
        chosen = self._chosen(request.words)
        await self._brain.settle(Ask(wish, tuple(chosen), request.note, request.signal))
        if request.wait and wish is not Wish.SIGNAL:

            def tell(waiting: list[str]) -> None:
                client.event(request.id, {"topic": "waiting", "for": [self._complaint(n) for n in waiting]})

            end = _has_begun if request.spawned and ENDS[wish] is _is_up else ENDS[wish]
            await self._until(chosen, end, request.timeout, tell=tell)
        return standings(self._brain, chosen)

    async def _until(
        self,
        chosen: list[str],
        end: Callable[[Life], bool | None],
        timeout: float,
        *,
        tell: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        """Wait until every one of these has come to an end, or one of them cannot: Unreached says why."""
        stuck: dict[str, str] = {}

        def hear(record: Record) -> None:
            stuck[str(record["service"])] = f"{record['service']}: {record['why']}"

        self._brain.bus.listen(hear, topics=frozenset({"stuck"}), services=frozenset(chosen))
        try:
            await self._until_or_stuck(chosen, end, timeout, stuck, tell)
        finally:
            self._brain.bus.leave(hear)

    async def _until_or_stuck(
        self,
        chosen: list[str],
        end: Callable[[Life], bool | None],
        timeout: float,
        stuck: dict[str, str],
        tell: Callable[[list[str]], None],
    ) -> None:
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            found = {name: end(self._brain.memory.life(name)) for name in chosen}
            failed = [self._complaint(name) for name, good in found.items() if good is False]
            waiting = [name for name, good in found.items() if good is None]
            failed += [stuck[name] for name in waiting if name in stuck]
            failed += [blocked for name in waiting if (blocked := self._blocked(name))]
            if failed:
                raise Unreached("; ".join(failed))
            if not waiting:
                return
            tell(waiting)
            pause = None if deadline is None else deadline - time.monotonic()
            try:
                await asyncio.wait_for(self._brain.decided(), pause)
            except TimeoutError:
                told = "; ".join(self._complaint(name) for name in waiting)
                raise Unreached(f"not within {exact_duration(timeout)}: {told}") from None

    def _blocked(self, name: str) -> str:
        """Say which dependency keeps a service from ever being started by itself; empty: none does."""
        needs = waits_for(self._brain.roster, self._brain.memory, name)
        fatal = [need for need in needs if self._brain.memory.life(need).state is State.FATAL]
        return f"{name} waits for {fatal[0]}; {self._complaint(fatal[0])}" if fatal else ""

    def _complaint(self, name: str) -> str:
        life = self._brain.memory.life(name)
        return f"{name} is {life.state.value}: {life.why}"

    # configuring

    async def configure(self, _: Client, request: protocol.Configure) -> object:
        """Take the services of guardian.toml as they are now."""
        brain, specs = self._brain, _specs(request.specs)
        roster = brain.roster_of(specs, self._still_added(specs))
        changes = reload.changes(brain.memory, roster)
        if request.dry_run:
            return {"text": reload.render(changes), "changes": [str(each) for each in changes]}
        brain.configure(specs, self._still_added(specs), monitor=request.monitor)
        asks = [ask for ask in reload.requests(changes) if request.start or ask.wish is not Wish.START]
        if request.start:
            idle = [spec.name for spec in specs if spec.autostart and self._is_idle(spec.name)]
            asks.append(Ask(Wish.START, tuple(idle), "up"))
        await brain.settle(*asks)
        return {"text": reload.render(changes), "changes": [str(each) for each in changes]}

    def _still_added(self, specs: tuple[ServiceSpec, ...]) -> tuple[ServiceSpec, ...]:
        """Return those added by hand that no file has by now."""
        taken = {spec.name for spec in specs}
        return tuple(spec for spec in self._brain.added if spec.name not in taken)

    def _is_idle(self, name: str) -> bool:
        life = self._brain.memory.life(name)
        return life.wanted is Wanted.DOWN or life.state is State.FATAL

    async def add(self, _: Client, request: protocol.Add) -> object:
        """Know one more service."""
        brain = self._brain
        (spec,) = _specs([request.spec])
        if spec.name in {each.name for each in brain.configured}:
            raise UsageError(f"{spec.name} is configured in guardian.toml already; change it there")
        others = tuple(each for each in brain.added if each.name != spec.name)
        before = brain.memory
        roster = brain.roster_of(brain.configured, (*others, spec))
        asks = [ask for ask in reload.requests(reload.changes(before, roster)) if ask.wish is not Wish.START]
        brain.configure(brain.configured, (*others, spec))
        if request.start:
            asks.insert(0, Ask(Wish.START, (spec.name,), "start"))  # a restart that the change asks for wins
        await brain.settle(*asks)
        return standings(brain, [spec.name])

    async def remove(self, _: Client, request: protocol.Remove) -> object:
        """Stop services that were added, and forget them."""
        brain = self._brain
        chosen = self._chosen(request.words)
        fixed = [name for name in chosen if name in {spec.name for spec in brain.configured}]
        if fixed:
            raise UsageError(
                f"{', '.join(fixed)} is configured in guardian.toml; take it out there, then: guardian reload"
            )
        brain.configure(brain.configured, tuple(s for s in brain.added if s.name not in chosen))
        await brain.settle()
        await self._until(chosen, _is_forgotten(brain), 0.0)
        return chosen

    # ending

    def end_soon(self) -> None:
        """End everything, as a signal asks for."""
        if not self._closing:
            request = protocol.Shutdown(0)
            self._ending = asyncio.get_running_loop().create_task(self.shutdown(None, request))

    async def shutdown(self, client: Client | None, request: protocol.Shutdown) -> object:
        """End everything, in five phases, and then the daemon."""
        self._closing = True
        brain = self._brain

        def phase(number: int, more: str = "") -> None:
            text = PHASES[number - 1] + more
            record = {"topic": "shutdown", "phase": number, "of": len(PHASES), "text": text}
            if client is not None:
                client.event(request.id, record)
            brain.log.info("shutdown %d/%d: %s", number, len(PHASES), text)

        phase(1)
        everybody = tuple(brain.memory.services)
        phase(2, f": {_counted(brain, everybody)}")
        await brain.settle(Ask(Wish.STOP, everybody, "down"))
        phase(3)
        if not await self._all_gone(everybody, request.timeout or _longest(brain, everybody)):
            phase(4, f": {', '.join(_left(brain, everybody))}")
            await brain.settle(Ask(Wish.KILL, everybody, "down"))
            await self._all_gone(everybody, FORCED)
        left = _left(brain, everybody)
        phase(5, f"; still running: {', '.join(left)}" if left else "")
        brain.sentry.dismiss()
        if not self.done.done():  # it may be asked twice: the second time in more of a hurry
            self.done.set_result(1 if left else 0)
        return {"left": left}

    async def _all_gone(self, everybody: tuple[str, ...], timeout: float) -> bool:
        try:
            await self._until(list(everybody), ENDS[Wish.STOP], timeout)
        except GuardianError:
            return False
        return True


def _know_signal(name: str) -> None:
    """Raise UsageError unless there is such a signal."""
    try:
        number_of(name)
    except KeyError:
        raise UsageError(f"there is no signal {printable(name)}") from None


def _specs(plains: list[Any]) -> tuple[ServiceSpec, ...]:
    try:
        return saving.specs(plains)
    except ValueError as error:
        raise UsageError(f"no service: {error}") from None


def _counted(brain: Brain, everybody: Iterable[str]) -> str:
    running = sum(brain.memory.life(name).live for name in everybody)
    return f"{running} running"


def _left(brain: Brain, everybody: Iterable[str]) -> list[str]:
    return [name for name in everybody if not brain.memory.life(name).empty]


def _longest(brain: Brain, everybody: Iterable[str]) -> float:
    """Return how long it may take in all when everybody needs its whole stop_timeout, in its turn."""
    specs = (brain.memory.life(name).spec for name in everybody)
    return 5.0 + sum(spec.stop_timeout for spec in specs if spec is not None)


def _is_forgotten(brain: Brain) -> Callable[[Life], bool | None]:
    return lambda life: True if life.name not in brain.memory.services else None


def _is_up(life: Life) -> bool | None:
    """Whether a service is where a start leads; None: not yet, False: it will not come."""
    if satisfied(life):
        return True
    if life.state is State.UNHEALTHY and life.wanted is Wanted.UP:
        return False  # and its policy leaves it so
    return False if life.state in (State.FATAL, State.EXITED) or life.wanted is Wanted.DOWN else None


def _has_begun(life: Life) -> bool | None:
    """Whether the command of a service has been started since somebody asked for it."""
    if life.wanted is Wanted.DOWN or life.state is State.FATAL:
        return False
    tried = life.wanted is Wanted.UP and life.state not in (State.STOPPED, State.STARTING, State.STOPPING)
    return True if tried and life.why.cause is not Cause.NOT_SPAWNED else None


def _is_down(life: Life) -> bool | None:
    if life.wanted is not Wanted.DOWN:
        return False
    return True if life.empty else None


ENDS: dict[Wish, Callable[[Life], bool | None]] = {
    Wish.START: _is_up,
    Wish.RESTART: _is_up,
    Wish.STOP: _is_down,
    Wish.KILL: _is_down,
}
HANDLERS: dict[type[Any], Callable[[Desk, Client, Any], Awaitable[object]]] = {
    protocol.List: Desk.tell,
    protocol.Watch: Desk.watch,
    protocol.Do: Desk.do,
    protocol.Configure: Desk.configure,
    protocol.Add: Desk.add,
    protocol.Remove: Desk.remove,
    protocol.Shutdown: Desk.shutdown,
}
