"""The desk: what clients ask for, done by the brain. One method a verb."""

from __future__ import annotations

import asyncio

from guardian.daemon import protocol
from guardian.daemon.closing import Closing
from guardian.daemon.deaths import number_of
from guardian.daemon.lives import standings
from guardian.daemon.waits import ENDS, Waits, has_begun, is_forgotten, is_up
from guardian.errors import GuardianError, SeeError, UsageError
from guardian.procs.printable import printable
from guardian.services import names, reload, saving
from guardian.services.events import Ask, Wish
from guardian.services.life import State, Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from guardian.daemon.brain import Brain
    from guardian.daemon.server import Client
    from guardian.services.living import Life
    from guardian.services.spec import ServiceSpec


class Desk:
    """Serves requests."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._waits = Waits(brain)
        self.closing = Closing(brain, self._waits)

    async def handle(self, client: Client, request: protocol.Any_Request) -> object:
        """Answer one request; GuardianError is the answer no."""
        if self.closing.begun and not isinstance(request, protocol.List | protocol.Watch | protocol.Shutdown):
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
                client.event(
                    request.id, {"topic": "waiting", "for": [self._waits.complaint(n) for n in waiting]}
                )

            end = has_begun if request.spawned and ENDS[wish] is is_up else ENDS[wish]
            await self._waits.until(chosen, end, request.timeout, tell=tell)
        return standings(self._brain, chosen)

    # configuring

    async def configure(self, _: Client, request: protocol.Configure) -> object:
        """Take the services of guardian.toml as they are now."""
        brain, specs = self._brain, _specs(request.specs)
        added = self._still_added(specs)
        roster = brain.roster_of(specs, added)
        changes = reload.changes(brain.memory, roster)
        if request.dry_run:
            return {"text": reload.render(changes), "changes": [str(each) for each in changes]}
        brain.configure(specs, added, roster=roster, monitor=request.monitor)
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
        added = (*(each for each in brain.added if each.name != spec.name), spec)
        roster = brain.roster_of(brain.configured, added)
        changes = reload.changes(brain.memory, roster)
        asks = [ask for ask in reload.requests(changes) if ask.wish is not Wish.START]
        brain.configure(brain.configured, added, roster=roster)
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
        added = tuple(spec for spec in brain.added if spec.name not in chosen)
        brain.configure(brain.configured, added, roster=brain.roster_of(brain.configured, added))
        await brain.settle()
        await self._waits.until(chosen, is_forgotten(brain), 0.0)
        return chosen

    async def shutdown(self, client: Client, request: protocol.Shutdown) -> object:
        """End everything, and then the daemon; events tell the phases."""
        left = await self.closing.close(request.timeout, lambda record: client.event(request.id, record))
        return {"left": left}


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


HANDLERS: dict[type[Any], Callable[[Desk, Client, Any], Awaitable[object]]] = {
    protocol.List: Desk.tell,
    protocol.Watch: Desk.watch,
    protocol.Do: Desk.do,
    protocol.Configure: Desk.configure,
    protocol.Add: Desk.add,
    protocol.Remove: Desk.remove,
    protocol.Shutdown: Desk.shutdown,
}
