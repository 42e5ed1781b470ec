"""Talking to a project's daemon: blocking, light (no asyncio, no msgspec), for commands."""

from __future__ import annotations

import json
import socket

from guardian import __version__
from guardian.errors import GuardianError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from guardian.daemon.places import Project

PROTOCOL = 1  # as in protocol.py, which costs msgspec; a test compares them
PART = 1 << 16
PATIENCE = 20.0  # seconds that a daemon has to greet us: a new brain may have to be born
ENDED = "the daemon has ended while it was asked; how things stand tells: guardian ps list"


class NoDaemon(GuardianError):
    """No daemon of this project runs."""

    exit_code = 1


class Refused(GuardianError):
    """The daemon said no; its words, and its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


class Connection:
    """One conversation with a daemon."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""
        self._last = 0
        self.welcome: dict[str, Any] = {}

    def fileno(self) -> int:
        """Return the descriptor that can be read when something came."""
        return self._end.fileno()

    @property
    def ready(self) -> bool:
        """Whether a whole message has come already, so that nobody has to wait for it."""
        return b"\n" in self._rest

    def ask(self, verb: str, **fields: object) -> Any:
        """Ask, and return the result; Refused when the daemon says no."""
        for kind, content in self.follow(verb, **fields):
            if kind == "result":
                return content
        raise AssertionError("a conversation ends with a result or an error")

    def follow(self, verb: str, **fields: object) -> Iterator[tuple[str, Any]]:
        """Ask, and yield ("event", …) for what comes meanwhile, ("result", …) at the end."""
        self._last += 1
        number = self._last
        try:
            self._end.sendall(json.dumps({"verb": verb, "id": number, **fields}).encode("ascii") + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # why it hung up may be there to be read
        while True:
            message = self._receive()
            if message.get("id") not in (number, 0):
                continue
            if "error" in message:
                raise Refused(message["error"]["message"], message["error"]["code"])
            if "result" in message:
                yield "result", message["result"]
                return
            yield "event", message["event"]

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            try:
                part = self._end.recv(PART)
            except ConnectionResetError:
                part = b""
            if not part:
                raise NoDaemon(ENDED)
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def wait_for_the_end(self) -> None:
        """Wait until the daemon's process has ended, which closes the line."""
        try:
            while self._end.recv(PART):
                pass
        except ConnectionResetError:
            pass

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def __enter__(self) -> Connection:
        """Return itself; it hangs up at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# What connect(2) says when nobody listens there, or not for us.
UNREACHABLE = (FileNotFoundError, ConnectionRefusedError, NotADirectoryError, PermissionError)


def unreachable(project: Project, error: OSError) -> NoDaemon:
    """Return what one of UNREACHABLE means."""
    if isinstance(error, PermissionError):
        return NoDaemon(f"the daemon of {project.root} is another user's ({project.socket})")
    return NoDaemon(f"no daemon runs for {project.root}; start it with: guardian up --detach")


def hung_up(project: Project) -> NoDaemon:
    """Return that a daemon ended the conversation before it had begun."""
    return NoDaemon(f"the daemon of {project.root} hung up; try again")


def connect(project: Project) -> Connection:
    """Return a conversation with the project's daemon; NoDaemon when there is none."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        end.connect(project.socket)
    except UNREACHABLE as error:
        end.close()
        raise unreachable(project, error) from None
    made = Connection(end)
    end.settimeout(PATIENCE)
    try:
        made.welcome = made.ask("hello", protocol=PROTOCOL, version=__version__)
    except NoDaemon:
        made.close()
        raise hung_up(project) from None
    except TimeoutError:
        text = f"the daemon of {project.root} does not answer for {PATIENCE:g} s; see {project.log}"
        raise NoDaemon(text) from None
    end.settimeout(None)
    return made
