"""What a service tells by itself over NOTIFY_SOCKET: the protocol of sd_notify(3).

One datagram socket per service. A datagram holds lines of NAME=value; the kernel adds who sent it
(SO_PASSCRED, unix(7)), so that the daemon can tell a process of the service from a stranger. The
descriptors that may come along (FDSTORE=1, BARRIER=1) are closed at once: for a barrier that is
the answer, and guardian stores none.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import struct
from typing import TYPE_CHECKING

from guardian.errors import GuardianError
from guardian.probes.finding import shown
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 4096  # bytes of one message; systemd takes no larger ones either (NOTIFY_BUFFER_MAX)
AT_ONCE = 32  # messages that are read before others get their turn: a flood starves nobody
CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid (unix(7))
LONGEST_PATH = 107  # bytes, as sockaddr_un has room for (unix(7))


class Told(Value):
    """One message of a service."""

    pid: int  # of the sender as the kernel knows it; 0: unknown, or one that cannot be seen from here
    uid: int
    ready: bool = False
    alive: bool = False  # WATCHDOG=1
    failed: bool = False  # WATCHDOG=trigger: it says itself that it is not well
    stopping: bool = False
    reloading: bool = False
    status: str = ""  # one printable line for a person


def parsed(data: bytes, *, pid: int, uid: int) -> Told | None:
    """Return what a datagram says; None when it says nothing that guardian knows."""
    values: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            values[name] = value
    told = Told(
        pid,
        uid,
        ready=values.get("READY") == "1",
        alive=values.get("WATCHDOG") == "1",
        failed=values.get("WATCHDOG") == "trigger",
        stopping=values.get("STOPPING") == "1",
        reloading=values.get("RELOADING") == "1",
        status=shown(values.get("STATUS", "")),
    )
    return None if told == Told(pid, uid) else told


class NotifySocket:
    """The socket of one service, from its making to `close`."""

    def __init__(self, path: str, told: Callable[[Told], None], *, uid: int = -1) -> None:
        """Listen at `path`, for the user `uid` and nobody else; GuardianError when that is not possible.

        What an earlier daemon left there is replaced: who has the path in NOTIFY_SOCKET reaches the
        new socket. Every folder above has to let that user through.
        """
        self.path, self._told = path, told
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise GuardianError(f"the path of a socket has at most {LONGEST_PATH} bytes: {path}")
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._bind(uid)
        except OSError as error:
            self._socket.close()
            raise GuardianError(f"cannot listen at {path}: {error.strerror}") from None
        self._loop.add_reader(self._socket, self._hear)

    def _bind(self, uid: int) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        before = os.umask(0o177)  # nobody else can write to it, not even for a moment
        try:
            self._socket.bind(self.path)
        finally:
            os.umask(before)
        if uid >= 0:
            os.chown(self.path, uid, -1)

    def _hear(self) -> None:
        """Read what has come; the rest of a flood has to wait for the next turn of the loop."""
        for _ in range(AT_ONCE):
            try:
                data, extra, flags, _address = self._socket.recvmsg(LARGEST, ROOM, socket.MSG_CMSG_CLOEXEC)
            except (BlockingIOError, InterruptedError):
                return
            pid, uid = _sender(extra)
            if flags & socket.MSG_TRUNC:
                continue  # larger than any honest one: what is cut off may have been the half of a word
            told = parsed(data, pid=pid, uid=uid)
            if told is not None:
                self._told(told)

    def close(self) -> None:
        """Stop listening and remove the socket; twice is no error."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass


ROOM = socket.CMSG_SPACE(CREDENTIALS.size)  # descriptors find no room: the kernel closes them (recvmsg(2))


def _sender(extra: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    """Return pid and uid of the sender; close what came along nevertheless."""
    pid, uid = 0, -1
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) >= CREDENTIALS.size:
            pid, uid, _ = CREDENTIALS.unpack_from(data)
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds = array.array("i")
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
            for fd in fds:
                os.close(fd)
    return pid, uid
