"""Small servers in a test's own event loop, each with a behaviour of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answers(head: str, body: bytes = b"") -> Behaviour:
    """Read a request, send this head and body, hang up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\n\r\n".encode("latin-1") + body)
        await writer.drain()

    return behave


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the other side hangs up, and say nothing."""
    await reader.read()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing and go."""


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read a request and go."""
    await reader.readuntil(b"\r\n\r\n")


async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and never stop."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a head that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: " + b"x" * 4096 + b"\r\n")
        await writer.drain()


class Talker:
    """One server; knows who is connected."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.port = 0
        self.connected = 0
        self.asked: list[bytes] = []
        self.change = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        await self._count(1)
        try:
            await self._behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            await self._count(-1)

    async def _count(self, step: int) -> None:
        async with self.change:
            self.connected += step
            self.change.notify_all()

    async def has(self, count: int) -> None:
        """Wait until so many are connected; TimeoutError after 20 s."""
        async with asyncio.timeout(20), self.change:
            await self.change.wait_for(lambda: self.connected == count)


@asynccontextmanager
async def talking(behaviour: Behaviour, *, host: str = "127.0.0.1") -> AsyncIterator[Talker]:
    """Run a server on a port of its own."""
    talker = Talker(behaviour)
    server = await asyncio.start_server(talker.serve, host, 0)
    talker.port = server.sockets[0].getsockname()[1]
    try:
        yield talker
    finally:
        server.close()
        await server.wait_closed()
