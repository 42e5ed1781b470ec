"""Talking to a project's daemon from asyncio: any number of requests at once, events as they come."""

from __future__ import annotations

import asyncio

import msgspec

from guardian import __version__
from guardian.daemon.client import UNREACHABLE, Refused, hung_up, unreachable
from guardian.daemon.protocol import PROTOCOL, encode
from guardian.errors import GuardianError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from guardian.daemon.places import Project

    Fields = Mapping[str, object]
    Heard = Callable[[dict[str, Any]], None]

LONGEST = 64 << 20  # bytes of one answer
CROWDED = 0.01  # seconds until a socket is tried again at which too many wait (listen(2))
MANY = 90  # requests that one conversation carries; the server takes 100


class Lost(GuardianError):
    """The daemon hung up before it answered: it was killed, or has ended."""


class Conversation:
    """One connection to a daemon."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._last = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._heard: dict[int, Heard] = {}
        self._trouble: GuardianError = Lost("the daemon has ended while it was asked")
        self.welcome: dict[str, Any] = {}
        self.over = asyncio.Event()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @property
    def busy(self) -> bool:
        """Whether it carries as many requests as it should."""
        return len(self._answers) >= MANY

    async def ask(self, verb: str, fields: Fields | None = None, *, heard: Heard | None = None) -> Any:
        """Ask, and return the result; `heard` is called with every event that comes before it.

        UsageError or Refused when the daemon says no, Lost when it hangs up. A wait that is cancelled
        is taken back; what was asked for is done all the same.
        """
        if self.over.is_set():
            raise self._trouble
        self._last += 1
        number = self._last
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        if heard is not None:
            self._heard[number] = heard
        self._send({"verb": verb, "id": number, **(fields or {})})
        try:
            return await answer
        except asyncio.CancelledError:
            self._send({"verb": "cancel", "id": 0, "request": number})
            raise
        finally:
            self._answers.pop(number, None)
            self._heard.pop(number, None)

    def _send(self, message: dict[str, object]) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(msgspec.json.decode(line))
        except (ConnectionError, ValueError):  # torn, or what came is no message
            pass
        finally:
            self._end()

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id", 0)
        if "event" in message:
            if number in self._heard:
                self._heard[number](message["event"])
            return
        answer = self._answers.get(number)
        error = said(message["error"]) if "error" in message else None
        if number == 0 and error is not None:
            self._trouble = error  # about the whole conversation: it hangs up after that
        elif answer is None or answer.done():
            return
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(message["result"])

    def _end(self) -> None:
        self.over.set()
        self._writer.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._trouble)

    async def close(self) -> None:
        """Hang up; whoever waits for an answer gets Lost."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            pass  # the other end was quicker


def said(error: dict[str, Any]) -> GuardianError:
    """Return the daemon's no as an error."""
    text, code = str(error["message"]), int(error["code"])
    return UsageError(text) if code == UsageError.exit_code else Refused(text, code)


async def connect(project: Project) -> Conversation:
    """Return a conversation with the project's daemon; NoDaemon when there is none.

    Waits while the brain is being replaced: its keeper holds the socket.
    """
    conversation = Conversation(*await _open(project))
    try:
        conversation.welcome = await conversation.ask("hello", {"protocol": PROTOCOL, "version": __version__})
    except Lost:
        raise hung_up(project) from None
    except BaseException:
        await conversation.close()
        raise
    return conversation


async def _open(project: Project) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_unix_connection(project.socket, limit=LONGEST)
        except BlockingIOError:  # more wait for the daemon than it has room for (unix(7): EAGAIN)
            await asyncio.sleep(CROWDED)
        except UNREACHABLE as error:
            raise unreachable(project, error) from None
