"""The way to a daemon that outlives its brains: requests are asked again, events are heard again.

When a brain is killed, its keeper starts the next and holds the socket meanwhile, so that a new
connection waits until somebody answers (P6).
"""

from __future__ import annotations

import asyncio

from guardian.daemon.aclient import Lost, connect
from guardian.daemon.client import NoDaemon
from guardian.daemon.start import is_free
from guardian.errors import GuardianError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from guardian.daemon.aclient import Conversation, Fields
    from guardian.daemon.places import Project

    Record = dict[str, Any]

AGAIN = "again"  # topic of the record that says: connected anew, what happened meanwhile was not told
OVER = "over"  # topic of the last record: there is no daemon any more
PAUSE = 0.05  # seconds before the second and later attempts to connect anew
TRIES = 20
SOON = 0.005  # seconds between two looks whether the keeper has gone, too


class Subscription:
    """Hears events until it is closed, or no daemon is there any more."""

    def __init__(
        self,
        project: Project,
        heard: Callable[[Record], None],
        *,
        topics: Iterable[str] = (),
        words: Iterable[str] = (),
    ) -> None:
        self._project, self._heard = project, heard
        self._fields = {"topics": list(topics), "words": list(words)}
        self._conversation: Conversation | None = None
        self._watching: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self.ended: GuardianError | None = None  # why there is no daemon any more
        self.leaving = False  # the end of the daemon is expected

    async def start(self) -> None:
        """Return when events are heard from now on; NoDaemon, UsageError for an unknown service."""
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._stay())

    async def _connect(self) -> None:
        conversation = await connect(self._project)
        listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(record: Record) -> None:
            if record["topic"] != "listening":
                self._heard(record)
            elif not listening.done():
                listening.set_result(None)

        watching = asyncio.get_running_loop().create_task(self._watch(conversation, heard))
        try:
            await asyncio.wait([listening, watching], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
                raise Lost("the daemon has ended while it was asked")
        except BaseException:
            watching.cancel()
            await conversation.close()
            raise
        self._conversation, self._watching = conversation, watching
        self._connected.set()

    async def _watch(self, conversation: Conversation, heard: Callable[[Record], None]) -> None:
        await conversation.ask("watch", self._fields, heard=heard)

    async def _stay(self) -> None:
        """Connect anew whenever the connection is lost."""
        while self._conversation is not None and self._watching is not None:
            await asyncio.wait([self._watching])
            if not self._watching.cancelled():
                self._watching.exception()  # it was lost, which is nobody's fault
            self._connected.clear()
            self._conversation = None
            try:
                await self._connect_anew()
            except GuardianError as error:
                self.ended = error
                self._connected.set()
                self._heard({"topic": OVER, "why": str(error)})
                return
            self._heard({"topic": AGAIN})

    async def _connect_anew(self) -> None:
        for _ in range(TRIES):
            if self.leaving:
                break
            try:
                return await self._connect()
            except Lost:
                await asyncio.sleep(PAUSE)  # the next brain died young
        raise Lost("the daemon has ended")

    async def conversation(self) -> Conversation:
        """Return the connection as soon as there is one; the error when there will be none."""
        while True:
            await self._connected.wait()
            if self._conversation is not None and not self._conversation.over.is_set():
                return self._conversation
            if self.ended is not None:
                raise self.ended
            if self._task is None:
                raise Lost("the daemon was not connected, or not any more")
            self._connected.clear()

    async def finished(self) -> None:
        """Return when there is nothing more to hear."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Hear no more."""
        task, self._task = self._task, None
        for each in (task, self._watching):
            if each is not None:
                each.cancel()
                await asyncio.wait([each])
        if self._conversation is not None:
            await self._conversation.close()
        self.ended = self.ended or Lost("the manager is closed")
        self._connected.set()


class Link:
    """Requests and events over one connection, so that what happened is heard before the answer."""

    def __init__(self, project: Project, heard: Callable[[Record], None]) -> None:
        self._project = project
        self._main = Subscription(project, heard)
        self._others: list[Conversation] = []  # for those requests that the first cannot carry any more

    async def open(self) -> None:
        """Connect; NoDaemon when there is nobody."""
        await self._main.start()

    async def ask(self, verb: str, fields: Fields, *, again: bool = True) -> Any:
        """Ask, and return the result; once more when the brain was killed meanwhile, if `again`."""
        while True:
            conversation = await self._free()
            try:
                return await conversation.ask(verb, fields)
            except Lost:
                if not again:
                    raise

    async def _free(self) -> Conversation:
        main = await self._main.conversation()
        self._others = [each for each in self._others if not each.over.is_set()]
        for each in (main, *self._others):
            if not each.busy:
                return each
        made = await connect(self._project)
        self._others.append(made)
        return made

    async def shut_down(self, timeout: float) -> list[str]:
        """Let the daemon end everything and then itself; return what would not go.

        Returns when the daemon has gone, and all that it told was heard; a brain that is killed at it
        is followed by one that is asked again.
        """
        self._main.leaving = True
        left: list[str] | None = None
        while left is None:
            left = await self._shut_down_once(timeout)
        await self._main.finished()
        while not is_free(self._project):  # the keeper goes last; nothing tells when
            await asyncio.sleep(SOON)
        return left

    async def _shut_down_once(self, timeout: float) -> list[str] | None:
        try:
            conversation = await connect(self._project)
        except NoDaemon:
            return []
        try:
            done = await conversation.ask("shutdown", {"timeout": timeout})
            await conversation.over.wait()
        except Lost:
            return None
        left: list[str] = done["left"]
        return left

    async def close(self) -> None:
        """Hang up."""
        await self._main.close()
        for each in self._others:
            await each.close()
