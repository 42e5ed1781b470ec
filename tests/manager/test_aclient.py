"""The async client, against a server that says what it is told to, hostile things among it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from house import House

from guardian import GuardianError, UsageError
from guardian.daemon.aclient import Conversation, Lost, connect
from guardian.daemon.client import NoDaemon, Refused
from guardian.daemon.places import Project

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def hears(self) -> dict[str, Any]:
        """Return the next message."""
        found: dict[str, Any] = json.loads(await self._reader.readline())
        return found

    async def is_left(self) -> bool:
        """Return when the other end hangs up, and has said nothing more."""
        return await self._reader.read() == b""

    def says(self, **message: object) -> None:
        """Send a message."""
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def greets(self) -> None:
        """Answer the hello."""
        hello = await self.hears()
        self.says(id=hello["id"], result={"pid": 1, "owner": None})


@pytest.fixture
def project(house: House) -> Project:
    """A project whose socket can be bound."""
    made = Project(str(house.root))
    made.make()
    return made


@asynccontextmanager
async def talking(project: Project, script: Script) -> AsyncIterator[Callable[[], Awaitable[Conversation]]]:
    """Serve one script; yield what connects to it."""

    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Peer(reader, writer))
        finally:
            writer.close()
            await writer.wait_closed()
            ended.set()

    server = await asyncio.start_unix_server(serve, project.socket)
    try:
        async with asyncio.timeout(20):
            yield lambda: connect(project)
            await ended.wait()
    finally:
        server.close()


async def test_nobody_there(project: Project) -> None:
    """No socket, a socket nobody listens at, a file in its place: there is no daemon (P10)."""
    with pytest.raises(NoDaemon, match="no daemon runs"):
        await connect(project)
    Path(project.socket).touch()
    with pytest.raises(NoDaemon, match="no daemon runs"):
        await connect(project)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"id": 0, "error": {"message": "too many clients", "code": 1}}, Refused, "too many clients"),
        ({"id": 1, "error": {"message": "you speak 1, I speak 2", "code": 1}}, Refused, "I speak 2"),
        ({"id": 1, "error": {"message": "wrong words", "code": 2}}, UsageError, "wrong words"),
        ({"no": "sense"}, NoDaemon, "hung up"),
    ],
)
async def test_a_greeting_that_fails(
    project: Project, said: dict[str, object], error: type[GuardianError], words: str
) -> None:
    """A server that refuses, or makes no sense and hangs up, is one clear error (P10)."""

    async def script(peer: Peer) -> None:
        await peer.hears()
        peer.says(**said)

    async with talking(project, script) as greet:
        with pytest.raises(error, match=words):
            await greet()


async def test_garbage_ends_a_conversation(project: Project) -> None:
    """What is no message hangs up, and whoever waits is told."""

    async def script(peer: Peer) -> None:
        await peer.greets()
        await peer.hears()
        peer.writer.write(b"\xff\x00 garbage\n")
        assert await peer.is_left()

    async with talking(project, script) as greet:
        conversation = await greet()
        with pytest.raises(Lost):
            await conversation.ask("list")
        assert conversation.over.is_set()
        with pytest.raises(Lost):
            await conversation.ask("list")


async def test_answers_may_come_in_any_order(project: Project) -> None:
    """Each request gets its own answer and its own events; what nobody asked for is left aside."""

    async def script(peer: Peer) -> None:
        await peer.greets()
        asked = [await peer.hears() for _ in range(3)]
        peer.says(id=99, result="for nobody")
        peer.says(id=99, event="for nobody")
        for request in reversed(asked):
            peer.says(id=request["id"], event=request["words"])
            peer.says(id=request["id"], result=request["words"])
            peer.says(id=request["id"], result="twice")

    async with talking(project, script) as greet:
        conversation = await greet()
        heard: list[Any] = []
        asks = [conversation.ask("do", {"words": word}, heard=heard.append) for word in "abc"]
        assert await asyncio.gather(*asks) == ["a", "b", "c"]
        assert heard == ["c", "b", "a"]
        await conversation.close()


async def test_a_cancelled_request_is_taken_back(project: Project) -> None:
    """The server is told that nobody waits; a late answer harms nobody."""
    taken_back: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.greets()
        request = await peer.hears()
        cancel = await peer.hears()
        peer.says(id=request["id"], result="too late")
        taken_back.set_result(cancel["request"] - request["id"])
        following = await peer.hears()
        peer.says(id=following["id"], result="fine")

    async with talking(project, script) as greet:
        conversation = await greet()
        waiting = asyncio.create_task(conversation.ask("do", {"wait": True}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await taken_back == 0
        assert await conversation.ask("list") == "fine"
        assert not conversation.busy
        await conversation.close()
