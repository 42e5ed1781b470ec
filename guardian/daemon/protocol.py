"""What clients and the daemon say to each other: JSON, one message a line, over the project's socket.

A client begins with Hello and gets Welcome, or an Answer with an error when they cannot understand
each other. Then each request has an id that its answers carry, so that answers may come in any
order. A request is answered once by `result` or `error`; before that it may bring `event`s.
"""

from __future__ import annotations

from typing import Any

import msgspec

PROTOCOL = 1  # raised with every change that the other side would misunderstand
LONGEST = 4 << 20  # bytes of one message


class Request(msgspec.Struct, tag_field="verb", forbid_unknown_fields=True):
    """Something asked for; `id` is the client's."""

    id: int


class Hello(Request, tag="hello"):
    """Who is there."""

    protocol: int
    version: str = ""


class Do(Request, tag="do"):
    """Start, stop, restart, kill or signal services; with `wait` the answer comes when it is so."""

    wish: str
    words: list[str]
    note: str = ""
    signal: str = ""
    wait: bool = False
    spawned: bool = False  # with wait: a start has come to its end as soon as the command runs
    timeout: float = 0.0  # seconds to wait at most; 0: for ever


class List(Request, tag="list"):
    """Tell of these services; of all without words."""

    words: list[str] = []
    stats: bool = False  # measure CPU and memory too


class Configure(Request, tag="configure"):
    """Take these services for what guardian.toml says now."""

    specs: list[Any]
    start: bool = True  # start what is new, and what has autostart
    monitor: bool = False  # keep a monitor running
    dry_run: bool = False


class Add(Request, tag="add"):
    """Know one more service that is in no file."""

    spec: Any
    start: bool = True


class Remove(Request, tag="remove"):
    """Stop services and forget them."""

    words: list[str]


class Watch(Request, tag="watch"):
    """Send events from now on, until the connection ends."""

    topics: list[str] = []  # empty: all but "output" (lines) and "written" (a log has grown)
    words: list[str] = []  # of these services; empty: of all


class Shutdown(Request, tag="shutdown"):
    """Stop everything, then the daemon; events tell the phases."""

    timeout: float = 0.0  # seconds until everybody is forced; 0: each service's own stop_timeout


class Cancel(Request, tag="cancel"):
    """Nobody waits for the answer to that request any more; what it asked for goes on. No answer."""

    request: int


Any_Request = Hello | Do | List | Configure | Add | Remove | Watch | Shutdown | Cancel

_decoder = msgspec.json.Decoder(Any_Request)
_encoder = msgspec.json.Encoder()


def decode(line: bytes) -> Any_Request:
    """Return the request on a line; msgspec.ValidationError or DecodeError says what is wrong."""
    request: Any_Request = _decoder.decode(line)
    return request


def encode(message: object) -> bytes:
    """Return a message as a line; bytes of a path that are no text become question marks."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        import json  # late: hardly any path is no text

        return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def id_of(line: bytes) -> int:
    """Return the id of a request that could not be understood, as far as there is one; else 0."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return 0
    number = found.get("id") if isinstance(found, dict) else 0
    return number if isinstance(number, int) else 0
