"""The brain: tells the mind what happened, does what it decides. One event loop, nothing that waits.

Whatever happens becomes an event of services.events; events are gathered until the loop comes
round, the mind decides about all of them at once, what changed is written down, and then it is done.
"""

from __future__ import annotations

import asyncio
import os
import time

from guardian.daemon.bus import Bus
from guardian.daemon.keeper_line import KeeperLine
from guardian.daemon.outputs import Outputs
from guardian.daemon.receipts import Registrar
from guardian.daemon.scales import Scales
from guardian.daemon.senses import Senses
from guardian.daemon.sentry import Sentry
from guardian.daemon.store import set_aside
from guardian.daemon.surroundings import launch_of
from guardian.daemon.trees import Trees
from guardian.errors import GuardianError
from guardian.services import effects, events, order
from guardian.services.mind import Memory, decide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import Logger
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.daemon.store import Store, TreeRecord
    from guardian.daemon.tree import Tree
    from guardian.keep.launch import Launch
    from guardian.keep.line import Line, Message
    from guardian.services.effects import Effect
    from guardian.services.events import Event
    from guardian.services.order import Roster
    from guardian.services.spec import ServiceSpec


TOGETHER = 10  # services that are written down and handed to the keeper in the first go, then twice as many
SOON = 0.05  # seconds until the state is written when nothing presses


class Brain:
    """One project's supervision, from adoption to the last service's end."""

    def __init__(
        self, project: Project, store: Store, line: Line, log: Logger, *, new_keeper: Callable[[], Line]
    ) -> None:
        self.project, self.store, self.log = project, store, log
        self._loop = asyncio.get_running_loop()
        self.keeper = KeeperLine(line, new_keeper, heard=self._heard_keeper, lost=self._lost_keeper)
        self.memory = Memory()
        self.roster: Roster = order.roster(())
        self.configured: tuple[ServiceSpec, ...] = ()
        self.added: tuple[ServiceSpec, ...] = ()
        self.bus = Bus()
        self.registrar = Registrar(
            project,
            log,
            sources=lambda name: self.outputs.sources(name),
            peak=lambda tree: self.scales.peak(tree),
        )
        self.outputs = Outputs(project, self._heard_output, complain=log.warning)
        self.trees = Trees(
            store,
            tell=self.tell,
            ask_keeper=self.keeper.ask,
            begun=self._tree_begun,
            ended=self.registrar.ended,
            gone=self._tree_gone,
        )
        self.scales = Scales(self.tell)
        self.senses = Senses(
            project,
            tell=self.tell,
            memory=lambda: self.memory,
            trees=self.trees,
            outputs=self.outputs,
            complain=log.warning,
        )
        self.outputs.wanted = lambda name: self.bus.wants("output", name)
        self.outputs.moved = self._log_grown
        self.outputs.let_go = lambda fifo: self.keeper.ask({"let_go": fifo})
        self.bus.changed = self.outputs.choose_listeners
        self.sentry = Sentry(project, complain=log.warning)
        self.signalled: Callable[[int], None] = lambda _: None  # what a signal to the keeper asks for
        self._happened: list[Event] = []
        self._due: asyncio.TimerHandle | None = None
        self._decided: list[asyncio.Future[None]] = []
        self._adopted: asyncio.Future[None] = self._loop.create_future()
        self._will_decide = False
        self._writing: asyncio.TimerHandle | None = None

    # the keeper

    async def wake(self) -> None:
        """Take over what there is: the configuration, lives and trees of the last brain."""
        self.configured, self.added, monitor = self._configured()
        self.sentry.post(wanted=monitor)
        self.roster = self.roster_of(self.configured, self.added)
        self.senses.follow(self.roster)
        self.keeper.listen()
        await self._adopted

    def _configured(self) -> tuple[tuple[ServiceSpec, ...], tuple[ServiceSpec, ...], bool]:
        """Return the services as they were configured last; else as those that live were started."""
        try:
            return self.store.load_roster()
        except GuardianError as error:
            broken = set_aside(self.project.roster)
            self.log.error("%s; kept as %s, going on with what runs", error, broken)
        specs = (service.life.spec for service in self._remembered()[0].services.values())
        return tuple(spec for spec in specs if spec is not None), (), False

    def _adopt(self, have: Iterable[Message]) -> None:
        self.memory, records = self._remembered()
        known = {message["child"]: message for message in have}
        for record in records:  # what is gone by now may have printed something that nobody has read
            self._open_output(self.memory.life(record.name).spec)
        found = self.trees.adopt(records, known)
        self.tell(*found, *self._lost())
        self._decide()
        self._adopted.set_result(None)

    def _remembered(self) -> tuple[Memory, list[TreeRecord]]:
        """Return what the last daemon wrote down; without it the keeper's children are all that is known."""
        try:
            return self.store.load()
        except GuardianError as error:
            self.log.error("%s; going on with what the keeper knows", error)
            self.log.error("the state is kept as %s", self.store.set_aside())
            wanted = tuple(spec.name for spec in self.roster.specs.values() if spec.autostart)
            self.tell(events.Ask(events.Wish.START, wanted, "what was wanted is not known"))
            return Memory(), []

    def _lost(self) -> list[Event]:
        """Return that the trees are gone of which nothing was found, though something should run."""
        lives = [service.life for service in self.memory.services.values()]
        return [
            events.TreeGone(life.name, life.generation)
            for life in lives
            if life.live and f"{life.name}:{life.generation}" not in self.trees.by_id
        ]

    def _heard_keeper(self, message: Message) -> None:
        if "have" in message:
            self.trees.family.keeper = message["keeper"]
            if not self._adopted.done():
                self._adopt(message["have"])
            for fifo in self.outputs.fifos:
                self.keeper.ask({"hold": fifo})
        elif "signal" in message:
            self.signalled(message["signal"])
        else:
            self.trees.heard(message)

    def _lost_keeper(self) -> None:
        self.log.error("the keeper was killed; services go on, and another one starts the next")
        self.trees.keeper_lost()

    # deciding

    def tell(self, *happened: Event) -> None:
        """Take events in; the mind decides when the loop comes round."""
        self._happened += happened
        if not self._will_decide:
            self._will_decide = True
            self._loop.call_soon(self._decide)

    async def settle(self, *happened: Event) -> None:
        """Take events in, and return when it was decided about them."""
        self.tell(*happened)
        await self.decided()

    def decided(self) -> asyncio.Future[None]:
        """Return what is done when the next decision was made."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._decided.append(done)
        return done

    def _decide(self) -> None:
        self._will_decide = False
        happened, self._happened = self._happened, []
        now, chance = time.monotonic(), int.from_bytes(os.urandom(4), "little") / (1 << 32)
        decision = decide(self.roster, self.memory, happened, now, chance=chance)
        forgotten = self.memory.services.keys() - decision.memory.services.keys()
        self.memory = decision.memory
        self.store.note_lives(decision.memory)
        for name in forgotten:
            self.outputs.forget(name)
        told = [action for action in decision.actions if isinstance(action, effects.Emit)]
        done = [action for action in decision.actions if not isinstance(action, effects.Emit)]
        together = TOGETHER
        for action in done:
            DOING[type(action)](self, action)
            if self.trees.to_launch >= together:  # the keeper forks while we prepare the next ones
                self._launch()
                together *= 2  # each time the whole state is written
        self._write_down(now=self.trees.to_launch > 0)
        self.trees.launch()
        if told:
            self._loop.call_soon(self._tell_of, told)  # journal and log hold up no start
        self._wake_at(decision.due)
        if self.senses.early:
            self.senses.catch_up()
        decided, self._decided = self._decided, []
        for future in decided:
            if not future.done():
                future.set_result(None)

    def _launch(self) -> None:
        """Have started what is prepared; before that it is written down."""
        self.write_down()
        self.trees.launch()

    def _write_down(self, *, now: bool) -> None:
        """Write the state: before something is started or answered, otherwise soon."""
        if self._decided or now:
            self.write_down()
        elif self.store.dirty and self._writing is None:
            self._writing = self._loop.call_later(SOON, self.write_down)

    def write_down(self) -> None:
        """Write what the next daemon has to know."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        try:
            self.store.flush()
        except GuardianError as error:
            self.log.error("%s; a daemon that is killed now would not be followed correctly", error)

    def _wake_at(self, due: float | None) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = (
            None if due is None else self._loop.call_later(max(0.0, due - time.monotonic()), self.tell)
        )

    # doing

    def _spawn(self, action: effects.Spawn) -> None:
        def make(key: str) -> Launch:
            extra = self.senses.variables(action.spec)
            launch = launch_of(action.spec, root=self.project.root, key=key, extra=extra)
            out, err = self.outputs.open(action.spec)
            return launch.replace(out=out, err=err, fifos=tuple(filter(None, (out, err))))

        self.trees.start(action, make)

    def _open_output(self, spec: ServiceSpec | None) -> None:
        try:
            if spec is not None:
                self.outputs.open(spec)
        except GuardianError as error:
            self.log.error("%s", error)

    def _end(self, action: effects.AskEnd) -> None:
        self.trees.end(action)

    def _signal(self, action: effects.Signal) -> None:
        self.trees.signal(action)

    def _probe(self, action: effects.Probe) -> None:
        self.senses.probe(action)

    def _stop_probe(self, action: effects.StopProbe) -> None:
        self.senses.stop_probe(action)

    def _tree_begun(self, tree: Tree) -> None:
        name = tree.record.name
        spec = self.roster.specs.get(name) or self.memory.life(name).spec
        if spec is not None:
            self.scales.begin(tree, spec)

    def _tree_gone(self, tree: Tree) -> None:
        """What it printed is heard before another generation can print."""
        self.outputs.drain(tree.record.name)
        self.scales.forget(tree)

    def _tell_of(self, told: list[effects.Emit]) -> None:
        for event in self.registrar.events(told):
            self.bus.publish(event)

    def _heard_output(self, name: str, stream: str, lines: list[bytes]) -> None:
        self.senses.heard(name, lines)
        if self.bus.wants("output", name):
            text = [line.decode("utf-8", "backslashreplace") for line in lines]
            self.bus.publish({"topic": "output", "service": name, "stream": stream, "lines": text})

    def _log_grown(self, name: str) -> None:
        """Wake up those who follow the log of a service."""
        if self.bus.wants("written", name):
            self.bus.publish({"topic": "written", "service": name})

    def say_bye(self, code: int) -> None:
        """Let the keeper end too."""
        self.keeper.ask({"bye": code})

    async def close(self) -> None:
        """Let go of everything that is open; nothing of the services runs any more."""
        await self.senses.close()
        self.trees.sweep()
        self.registrar.flush()
        self.write_down()
        if self._due is not None:
            self._due.cancel()
        self.keeper.leave()
        self.outputs.close_all()

    # the configuration

    @staticmethod
    def roster_of(configured: tuple[ServiceSpec, ...], added: tuple[ServiceSpec, ...]) -> Roster:
        """Return these services as one roster; ConfigError when something is wrong with them."""
        return order.roster((*configured, *added))

    def configure(
        self,
        configured: tuple[ServiceSpec, ...],
        added: tuple[ServiceSpec, ...],
        *,
        roster: Roster,
        monitor: bool | None = None,
    ) -> None:
        """Take other services for the ones there are; `roster` is what `roster_of` made of them."""
        wanted = self.sentry.wanted if monitor is None else monitor
        self.roster = roster
        self.configured, self.added = configured, added
        self.store.save_roster(configured, added, monitor=wanted)
        self.sentry.post(wanted=wanted)
        self.senses.follow(self.roster)


DOING: dict[type[Effect], Callable[[Brain, Any], None]] = {
    effects.Spawn: Brain._spawn,
    effects.AskEnd: Brain._end,
    effects.Signal: Brain._signal,
    effects.Probe: Brain._probe,
    effects.StopProbe: Brain._stop_probe,
}
