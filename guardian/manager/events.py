"""What happens to services, told to handlers in order; none delays or harms another."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from guardian.errors import UsageError
from guardian.manager.results import ProcessLog
from guardian.procs.printable import printable
from guardian.services.effects import Topic
from guardian.services.life import State
from guardian.services.names import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any, TypeAlias

    Record = dict[str, Any]
    Handler: TypeAlias = "Callable[[ProcessEvent], Awaitable[None] | None]"

log = logging.getLogger("guardian.manager")

WAITING = 10_000  # events that a slow handler may be behind; then it loses the oldest
OF_STATE = {State.RUNNING: "started", State.BACKOFF: "restarting"}  # all others are called by the state
PLAIN = tuple(f"process:{OF_STATE.get(state, state.value)}" for state in State)
DERIVED = ("process:crashed", "process:health", "process:output")
OTHERS = tuple(f"process:{topic.value}" for topic in Topic if topic is not Topic.STATE)
OF_DAEMON = ("daemon:again", "daemon:over")
NAMES = (*PLAIN, *DERIVED, *OTHERS, *OF_DAEMON)
EVERYTHING = "*"  # all but process:output
AT_REST = {State.STOPPED, State.BACKOFF, State.EXITED, State.FATAL}
NOT_SPAWNED = {"not_spawned", "not_executable"}


@dataclass(frozen=True)
class ProcessEvent:
    """Something happened to a service."""

    name: str  # such as process:started
    service: str  # empty for what is about the daemon
    timestamp: datetime  # with time zone UTC
    status: str = ""  # what the service is now: stopped, starting, running, ready, …
    before: str = ""  # what it was
    why: str = ""
    generation: int = 0  # counts its starts; all events of one start carry the same
    log: ProcessLog | None = None  # process:output: the line


def events_of(record: Record) -> Iterator[ProcessEvent]:
    """Yield the events that one record of the daemon stands for."""
    topic = record["topic"]
    if topic == "output":
        yield from _lines(record)
    elif topic in ("again", "over"):
        yield ProcessEvent(f"daemon:{topic}", "", datetime.now(UTC), why=record.get("why", ""))
    elif "after" in record:
        for name in _names(topic, record):
            yield ProcessEvent(
                f"process:{name}",
                record["service"],
                datetime.fromtimestamp(record["at"], UTC),
                status=record["after"],
                before=record["before"],
                why=record["why"],
                generation=record["generation"],
            )


def _names(topic: str, record: Record) -> Iterator[str]:
    if topic != "state":
        yield topic
        return
    before, after = State(record["before"]), State(record["after"])
    if _is_crash(before, after, record):
        yield "crashed"
    if before is not after and not (after is State.STOPPED and before in (State.EXITED, State.FATAL)):
        yield OF_STATE.get(after, after.value)
    changed = before is not after and after in (State.READY, State.UNHEALTHY)
    if changed or (record["cause"] == "unhealthy" and after is State.STOPPING):
        yield "health"


def _is_crash(before: State, after: State, record: Record) -> bool:
    """Whether a generation fails right now: it is told once, when the failure is seen."""
    if not record["failed"] or before is after:
        return False
    return after is State.STOPPING or (after in AT_REST and record["cause"] in NOT_SPAWNED)


def _lines(record: Record) -> Iterator[ProcessEvent]:
    now = datetime.now(UTC)
    for text in record["lines"]:
        line = ProcessLog.of_text(record["service"], f"std{record['stream']}", text, at=now)
        yield ProcessEvent("process:output", record["service"], now, log=line)


class Subscriber:
    """One handler, and what it has still to hear."""

    def __init__(self, wanted: str, handler: Handler) -> None:
        self.wanted, self._handler = wanted, handler
        self._behind: deque[ProcessEvent] = deque()
        self._task: asyncio.Task[None] | None = None

    def wants(self, name: str) -> bool:
        """Whether an event of that name is for it."""
        return name == self.wanted or (self.wanted == EVERYTHING and name != "process:output")

    def tell(self, event: ProcessEvent) -> None:
        """Call the handler at once, or when it is done with what came before."""
        if self._task is None:
            self._call(event)
            return
        if len(self._behind) >= WAITING:
            lost = self._behind.popleft()
            log.warning("a handler of %s is %d events behind; %s is lost", self.wanted, WAITING, lost.name)
        self._behind.append(event)

    def _call(self, event: ProcessEvent) -> None:
        try:
            answer = self._handler(event)
        except Exception:  # noqa: BLE001 - somebody else's code; it harms nobody
            self._complain(event)
            return
        if inspect.isawaitable(answer):
            self._task = asyncio.get_running_loop().create_task(self._go_on(event, answer))

    async def _go_on(self, event: ProcessEvent, answer: Awaitable[None]) -> None:
        """Await the handler, and give it what came meanwhile."""
        try:
            await answer
        except Exception:  # noqa: BLE001 - as above
            self._complain(event)
        self._task = None
        while self._behind and self._task is None:
            self._call(self._behind.popleft())

    def _complain(self, event: ProcessEvent) -> None:
        log.exception("a handler of %s failed on %s of %s", self.wanted, event.name, event.service or "all")

    async def finish(self) -> None:
        """Return when the handler has heard everything."""
        while self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task])


class Handlers:
    """Everybody who hears of events."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def add(self, name: str, handler: Handler) -> Subscriber:
        """Call `handler` with every event of that name from now on; UsageError for a name there is not."""
        if name != EVERYTHING and name not in NAMES:
            raise UsageError(f"there is no event {printable(name)}{hint(name, NAMES)}")
        made = Subscriber(name, handler)
        self._subscribers.append(made)
        return made

    def remove(self, subscriber: Subscriber) -> None:
        """Call it no more; nothing when that was said before."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def want_output(self) -> bool:
        """Whether anybody hears lines."""
        return any(each.wants("process:output") for each in self._subscribers)

    def hear(self, record: Record) -> None:
        """Tell everybody what a record of the daemon stands for."""
        for event in events_of(record):
            for each in list(self._subscribers):
                if each.wants(event.name):
                    each.tell(event)

    async def finish(self) -> None:
        """Return when all handlers are done."""
        for each in list(self._subscribers):
            await each.finish()
