"""A line between two processes: JSON messages, one a line, over a stream socket that never blocks."""

from __future__ import annotations

import json
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

PART = 1 << 16
LONGEST = 16 << 20  # bytes of one message: a command line and environment have at most 6 MB (execve(2))


class Line:
    """One end. What cannot be sent now is kept until `flush`; a torn connection is told by `closed`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._in = b""
        self._out = bytearray()
        self.closed = False
        end.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._end.fileno()

    @property
    def waiting(self) -> bool:
        """Whether something is left to be sent: call `flush` when it can be written."""
        return bool(self._out) and not self.closed

    def send(self, message: Message) -> None:
        """Send one message, now or later."""
        self._out += json.dumps(message).encode("ascii") + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what can be sent."""
        try:
            while self._out:
                del self._out[: self._end.send(self._out)]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def heard(self) -> list[Message]:
        """Return the messages that have come; never waits."""
        parts = [self._in]
        try:
            while part := self._end.recv(PART):
                parts.append(part)
            self.closed = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.closed = True
        *lines, self._in = b"".join(parts).split(b"\n")
        if len(self._in) > LONGEST:
            self.closed = True
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Let go."""
        self.closed = True
        self._end.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a line, close-on-exec."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
