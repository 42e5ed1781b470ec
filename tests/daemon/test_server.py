"""The control socket: good clients are served whatever bad ones do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from house import House

from guardian.daemon import client as light
from guardian.daemon import protocol, server
from guardian.daemon.places import Project
from guardian.daemon.server import BEHIND, CLIENTS, Client, Server
from guardian.daemon.start import _listening
from guardian.errors import GuardianError, UsageError

PATIENCE = 45.0
HELLO = b'{"verb":"hello","id":1,"protocol":%d}\n' % protocol.PROTOCOL


class Desk:
    """Answers a few verbs, some of them late, badly or never."""

    def __init__(self) -> None:
        self.served = 0
        self.late: dict[int, asyncio.Event] = {}
        self.flooded = asyncio.Event()

    async def handle(self, client: Client, request: protocol.Any_Request) -> object:
        self.served += 1
        if isinstance(request, protocol.List):
            return request.words
        if isinstance(request, protocol.Remove):  # answered when the test says so
            self.late.setdefault(request.id, asyncio.Event())
            await self.late[request.id].wait()
            return request.words
        if isinstance(request, protocol.Watch):  # more than anybody would take
            while not client.gone:
                client.event(request.id, {"topic": "x" * (BEHIND // 10)})
                await asyncio.sleep(0)
            self.flooded.set()
        if isinstance(request, protocol.Add):
            raise UsageError("no")
        if isinstance(request, protocol.Shutdown):
            raise KeyError("a fault of ours")
        raise GuardianError("what?")


class Talk:
    """One client, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *messages: dict[str, object]) -> None:
        for message in messages:
            self.writer.write(json.dumps(message).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
        assert line, "it hung up"
        found: dict[str, Any] = json.loads(line)
        return found

    async def is_over(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE) == b""
        except ConnectionResetError:
            return True

    async def ask(self, *words: str) -> object:
        self.say({"verb": "list", "id": 77, "words": list(words)})
        return (await self.hear())["result"]


class Place:
    """A server on a socket in a folder of its own."""

    def __init__(self, project: Project, desk: Desk, served: Server) -> None:
        self.project, self.desk, self.server = project, desk, served

    async def raw(self) -> Talk:
        return Talk(*await asyncio.open_unix_connection(self.project.socket, limit=1 << 26))

    async def talk(self) -> Talk:
        talk = await self.raw()
        talk.writer.write(HELLO)
        assert (await talk.hear())["result"]["protocol"] == protocol.PROTOCOL
        return talk


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Place]:
    project = Project(str(root))
    project.make()
    desk = Desk()
    made = Server(desk.handle, project)
    await made.start(_listening(project.socket))
    try:
        yield Place(project, desk, made)
        talk = await Place(project, desk, made).talk()  # whatever happened, the next one is served
        assert await talk.ask("still") == ["still"]
    finally:
        await made.close()


@pytest.fixture
async def place(house: House) -> AsyncIterator[Place]:
    async with serving(house.root / "p") as made:
        yield made


NOT_UNDERSTOOD = [
    b"\n",
    b"{\n",
    b"GET / HTTP/1.1\r\n",
    b"\x00\x01\xff\xfe\x80\n",
    b'"\xff\xff"\n',
    b"[" * 100_000 + b"\n",
    b'{"a":' * 100_000 + b"\n",
    b"[]\n",
    b"null\n",
    b"1e999\n",
    b"{}\n",
    b'{"verb":"hello"}\n',
    b'{"verb":"hello","id":"1","protocol":1}\n',
    b'{"verb":"hello","id":1,"protocol":1,"more":1}\n',
    b'{"verb":"nothing","id":1}\n',
    b'{"verb":"hello","id":1,"protocol":' + b"9" * 5000 + b"}\n",
    b'{"id":true}\n',
]


@pytest.mark.parametrize("garbage", NOT_UNDERSTOOD, ids=lambda line: repr(line[:20]))
async def test_garbage_before_hello_gets_a_line_and_the_end(place: Place, garbage: bytes) -> None:
    """What is not understood as a greeting is answered by one clear line, and hung up on (P9, P10)."""
    talk = await place.raw()
    talk.writer.write(garbage)
    answer = await talk.hear()
    assert "not understood" in answer["error"]["message"]
    assert answer["error"]["code"] == 2
    assert await talk.is_over()


@pytest.mark.parametrize("garbage", NOT_UNDERSTOOD, ids=lambda line: repr(line[:20]))
async def test_garbage_after_hello_gets_a_line(place: Place, garbage: bytes) -> None:
    """Who has been greeted may err: a clear line, and the conversation goes on (P10)."""
    talk = await place.talk()
    talk.writer.write(garbage)
    assert "not understood" in (await talk.hear())["error"]["message"]
    assert await talk.ask("a", "b") == ["a", "b"]


async def test_the_first_message_is_hello(place: Place) -> None:
    """Another first message is refused by name, with its id."""
    talk = await place.raw()
    talk.say({"verb": "list", "id": 9})
    answer = await talk.hear()
    assert (answer["id"], answer["error"]["message"]) == (9, "a conversation begins with hello")
    assert await talk.is_over()
    assert place.desk.served == 0


@pytest.mark.parametrize("number", [0, -1, protocol.PROTOCOL + 1])
async def test_another_version_is_told_both(place: Place, number: int) -> None:
    """Who speaks another protocol hears who speaks what, and what to do (P10)."""
    talk = await place.raw()
    talk.say({"verb": "hello", "id": 1, "protocol": number, "version": "9.9"})
    message = (await talk.hear())["error"]["message"]
    for part in ("9.9", str(number), str(protocol.PROTOCOL), "guardian down"):
        assert part in message
    assert await talk.is_over()


def test_the_light_client_speaks_the_same_protocol() -> None:
    """The client that costs no msgspec has the same number."""
    assert light.PROTOCOL == protocol.PROTOCOL


async def test_a_hundred_megabytes_without_an_end_cost_no_memory(place: Place) -> None:
    """A message that does not end is cut off at the limit, long before it is all there (P10)."""
    talk = await place.talk()
    sent, part = 0, b"x" * (1 << 20)
    try:
        for _ in range(100):
            talk.writer.write(part)
            await asyncio.wait_for(talk.writer.drain(), PATIENCE)
            sent += len(part)
    except ConnectionError:
        pass
    assert sent < 4 * protocol.LONGEST
    try:
        assert "more than" in (await talk.hear())["error"]["message"]
    except ConnectionResetError:
        pass  # the kernel may drop the answer of one who is still being written to


async def test_who_does_not_read_is_dropped(place: Place) -> None:
    """Events for a client that never reads are kept up to a bound, then it is dropped; others go on (P9)."""
    deaf, good = await place.talk(), await place.talk()
    deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
    deaf.say({"verb": "watch", "id": 2})
    assert await good.ask("x") == ["x"]
    await asyncio.wait_for(place.desk.flooded.wait(), PATIENCE)
    assert await good.ask("y") == ["y"]
    clients = place.server._clients
    for _ in range(1000):
        if len(clients) == 1:
            break
        await asyncio.sleep(0)
    assert len(clients) == 1


async def test_too_many_connections_are_refused_and_the_rest_is_served(place: Place) -> None:
    """Of 300 connections some are refused with a reason, the others work, and places become free (P9)."""
    talks = [await place.raw() for _ in range(300)]
    welcome, refused = talks[:CLIENTS], talks[CLIENTS:]
    for talk in refused:
        assert "connected already" in (await talk.hear())["error"]["message"]
    for talk in welcome:
        talk.writer.write(HELLO)
        assert "result" in await talk.hear()
    assert await welcome[0].ask("a") == ["a"]
    for talk in talks:
        talk.writer.close()
    for _ in range(10_000):
        if not place.server._clients:
            break
        await asyncio.sleep(0)
    assert not place.server._clients


async def test_who_is_refused_hears_why(place: Place) -> None:
    """A command that comes when all places are taken tells the daemon's reason (P10)."""
    talks = [await place.raw() for _ in range(CLIENTS)]
    with pytest.raises(GuardianError, match="connected already"):
        await asyncio.to_thread(light.connect, place.project)
    for talk in talks:
        talk.writer.close()
    while place.server._clients:
        await asyncio.sleep(0)


async def test_half_a_request_harms_nobody(place: Place) -> None:
    """Who stops in the middle of a line waits for itself alone; hanging up then is no trouble either."""
    silent = await place.talk()
    silent.writer.write(b'{"verb":"list","id":3,"wor')
    await silent.writer.drain()
    good = await place.talk()
    assert await good.ask("a") == ["a"]
    silent.writer.close()
    assert await good.ask("b") == ["b"]


async def test_answers_carry_their_ids_in_any_order(place: Place) -> None:
    """Late and early answers of one connection are told apart by id: none gets another's."""
    talk = await place.talk()
    talk.say(*({"verb": "remove", "id": n, "words": [f"w{n}"]} for n in (2, 3, 4)))
    talk.say({"verb": "list", "id": 5, "words": ["w5"]})
    assert await talk.hear() == {"id": 5, "result": ["w5"]}
    for n in (4, 2, 3):
        place.desk.late[n].set()
        assert await talk.hear() == {"id": n, "result": [f"w{n}"]}


async def test_too_many_requests_under_way_are_refused(place: Place) -> None:
    """One client can have a hundred requests under way; the next is refused, not queued."""
    talk = await place.talk()
    talk.say(*({"verb": "remove", "id": n, "words": []} for n in range(2, 103)))
    answer = await talk.hear()
    assert (answer["id"], answer["error"]["code"]) == (102, 1)
    for event in place.desk.late.values():
        event.set()
    assert {(await talk.hear())["id"] for _ in range(100)} == set(range(2, 102))


async def test_an_id_that_is_under_way_is_refused(place: Place) -> None:
    """Two requests with one id could not be told apart: the second is refused."""
    talk = await place.talk()
    talk.say(*({"verb": "remove", "id": 2, "words": [word]} for word in ("a", "b")))
    assert "under way already" in (await talk.hear())["error"]["message"]
    place.desk.late[2].set()
    assert await talk.hear() == {"id": 2, "result": ["a"]}


async def test_a_no_has_its_words_and_exit_code(place: Place) -> None:
    """An error of guardian's is told with the exit code that a command then ends with (P10)."""
    talk = await place.talk()
    talk.say({"verb": "add", "id": 6, "spec": {}})
    assert await talk.hear() == {"id": 6, "error": {"message": "no", "code": 2}}


async def test_a_fault_of_the_daemon_is_answered_too(place: Place) -> None:
    """A request that fails by a fault of the daemon itself gets an answer; nobody waits for ever (P10)."""
    talk = await place.talk()
    talk.say({"verb": "shutdown", "id": 7})
    answer = await talk.hear()
    assert answer["id"] == 7
    assert "KeyError" in answer["error"]["message"]
    assert await talk.ask("on") == ["on"]


async def test_the_socket_is_ones_own(place: Place) -> None:
    """The socket is 0600 in a folder 0700, whatever the umask (P9)."""
    assert stat.S_IMODE(os.stat(place.project.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(place.project.folder).st_mode) == 0o700


CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


async def test_another_user_cannot_connect(needs_root: None, place: Place) -> None:
    """Another user is stopped by the file's rights (P9)."""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-S", "-E", "-c"]
    done = subprocess.run(
        [*words, CONNECT, place.project.socket], capture_output=True, text=True, check=False
    )
    assert "PermissionError" in done.stderr


async def test_another_users_process_is_refused_at_the_socket(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gets past the file's rights is refused by whose process it is (P9)."""
    monkeypatch.setattr(server, "peer_uid", lambda _: 12345)
    talk = await place.raw()
    answer = await talk.hear()
    assert "12345" in answer["error"]["message"]
    assert await talk.is_over()
    monkeypatch.undo()


def test_the_peer_is_who_it_is() -> None:
    """The kernel says whose the other end is (P9)."""
    one, other = socket.socketpair()
    with one, other:
        assert server.peer_uid(one) == os.geteuid()


@pytest.mark.parametrize("name", ["prö jekt\n", "\udcff\udcfe", "q" * 200])
async def test_any_folder_can_be_a_project(house: House, name: str) -> None:
    """Spaces, line ends, bytes that are no text, and paths too long for a socket are all right (P10)."""
    root = Path(os.fsdecode(os.fsencode(house.root / name)))
    root.mkdir()
    async with serving(root):
        pass
