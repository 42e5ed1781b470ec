"""The control socket: who may connect, what is asked, what is answered; a bad client harms nobody (P9)."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct

import msgspec

from guardian import __version__
from guardian.daemon.protocol import LONGEST, PROTOCOL, Cancel, Hello, decode, encode, id_of
from guardian.errors import GuardianError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from guardian.daemon.places import Project
    from guardian.daemon.protocol import Any_Request

    Handler = Callable[["Client", Any_Request], Awaitable[object]]

BEHIND = 8 << 20  # bytes that a client may leave unread before it is dropped
AT_ONCE = 100  # requests of one client that may be under way
CLIENTS = 200  # connections


def peer_uid(connection: socket.socket) -> int:
    """Return whose process is at the other end: SO_PEERCRED (unix(7)), LOCAL_PEERCRED on macOS."""
    if hasattr(socket, "SO_PEERCRED"):
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(uid)
    raw = connection.getsockopt(0, 1, 8)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred begins version, uid
    return int(struct.unpack("Ii", raw)[1])


class Client:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.greeted = False
        self.tasks: dict[int, asyncio.Task[None]] = {}  # by the id of the request

    def send(self, message: object) -> None:
        """Send a message; a client that does not read is dropped, nobody waits for it."""
        if self._writer.is_closing():
            return
        self._writer.write(encode(message))
        transport = self._writer.transport
        if transport.get_write_buffer_size() > BEHIND:
            transport.abort()

    def event(self, number: int, event: object) -> None:
        """Send something that belongs to a request that goes on."""
        self.send({"id": number, "event": event})

    @property
    def gone(self) -> bool:
        """Whether nobody listens any more."""
        return self._writer.is_closing()


class Server:
    """Serves the socket until it is closed."""

    def __init__(self, handler: Handler, project: Project) -> None:
        self._handler, self._project = handler, project
        self._server: asyncio.Server | None = None
        self._clients: set[Client] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        """Serve connections of this socket from now on."""
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LONGEST)

    async def close(self) -> None:
        """Take no more connections, and hang up on those that there are."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        client = Client(writer)
        trouble = self._unwelcome(writer.get_extra_info("socket"))
        self._clients.add(client)
        try:
            if trouble:
                client.send(failed(0, trouble, 1))
            else:
                await self._converse(client, reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # everything ends; nobody waits for this task but `close`
        finally:
            self._clients.discard(client)
            for task in client.tasks.values():
                task.cancel()
            writer.close()

    def _unwelcome(self, connection: socket.socket) -> str:
        """Return why a client may not speak; empty when it may."""
        uid = peer_uid(connection)
        if uid not in (0, os.geteuid()):
            return f"this daemon serves uid {os.geteuid()} alone, you are {uid}"
        if len(self._clients) >= CLIENTS:
            return f"{CLIENTS} clients are connected already; try again later"
        return ""

    async def _converse(self, client: Client, reader: asyncio.StreamReader) -> None:
        while not client.gone:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                client.send(failed(0, f"a message has more than {LONGEST} bytes", 2))
                return
            except asyncio.IncompleteReadError:
                return
            if not self._take(client, line):
                return

    def _take(self, client: Client, line: bytes) -> bool:
        """Take one request; whether the conversation goes on."""
        try:
            request = decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            client.send(failed(id_of(line), f"not understood: {error}", 2))
            return client.greeted
        if not client.greeted:
            return self._greet(client, request)
        if isinstance(request, Cancel):
            if request.request in client.tasks:
                client.tasks[request.request].cancel()
            return True
        return self._begin(client, request)

    def _begin(self, client: Client, request: Any_Request) -> bool:
        """Begin with a request whose answer may take its time."""
        if isinstance(request, Hello):
            client.send(failed(request.id, "you have been greeted already", 2))
            return True
        if len(client.tasks) >= AT_ONCE:
            client.send(
                failed(request.id, f"{AT_ONCE} requests are under way already; wait for an answer", 1)
            )
            return True
        if request.id in client.tasks:
            client.send(failed(request.id, f"a request with the id {request.id} is under way already", 2))
            return True
        task = asyncio.get_running_loop().create_task(self._answer(client, request))
        client.tasks[request.id] = task
        task.add_done_callback(lambda done: _forget(client, request.id, done))
        return True

    def _greet(self, client: Client, request: Any_Request) -> bool:
        if not isinstance(request, Hello):
            client.send(failed(request.id, "a conversation begins with hello", 2))
            return False
        if request.protocol != PROTOCOL:
            text = (
                f"you are guardian {request.version or '?'} and speak protocol {request.protocol}, "
                f"the daemon is guardian {__version__} and speaks {PROTOCOL}; end it with the version "
                "that started it (guardian down), or start it again"
            )
            client.send(failed(request.id, text, 1))
            return False
        client.greeted = True
        owner = self._project.owner
        welcome = {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
            "project": self._project.root,
            "owner": [owner.pid, owner.start] if owner else None,
        }
        client.send({"id": request.id, "result": welcome})
        return True

    async def _answer(self, client: Client, request: Any_Request) -> None:
        try:
            result = await self._handler(client, request)
        except GuardianError as error:
            client.send(failed(request.id, str(error), error.exit_code))
            return
        client.send({"id": request.id, "result": result})


def _forget(client: Client, number: int, task: asyncio.Task[None]) -> None:
    """The answer was given; a fault of the daemon's own is one too."""
    del client.tasks[number]
    fault = None if task.cancelled() else task.exception()
    if fault is not None:
        logging.getLogger("guardian").error("request %d failed", number, exc_info=fault)
        client.send(failed(number, f"a fault of guardian's own: {fault!r}; the daemon's log says more", 1))


def failed(number: int, message: str, code: int) -> dict[str, object]:
    """Return the answer that says no: why, and the exit code that a command ends with."""
    return {"id": number, "error": {"message": message, "code": code}}
