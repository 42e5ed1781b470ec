"""sd_notify(3) as true programs send it, and as none should."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import AsyncIterator

import pytest
from house import House
from litter import Litter

from guardian.errors import GuardianError
from guardian.probes.notify import NotifySocket, Told

SOON = 20.0  # seconds, on a loaded machine
NOBODY = 65534


class Inbox:
    """A socket, and what came over it."""

    def __init__(self, path: str, *, uid: int = -1) -> None:
        self.told: asyncio.Queue[Told] = asyncio.Queue()
        self.socket = NotifySocket(path, self.told.put_nowait, uid=uid)

    async def next(self) -> Told:
        """Return the next message."""
        return await asyncio.wait_for(self.told.get(), SOON)


@pytest.fixture
async def inbox(house: House) -> AsyncIterator[Inbox]:
    """An inbox that leaves neither a descriptor nor a file behind."""
    before = len(os.listdir("/proc/self/fd"))
    made = Inbox(str(house.runtime / "web.notify"))
    yield made
    made.socket.close()
    made.socket.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not os.path.exists(made.socket.path)


def client(inbox: Inbox) -> socket.socket:
    """Return a socket of this process that is connected to it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.connect(inbox.socket.path)
    return made


async def test_systemds_own_command_is_understood(inbox: Inbox, litter: Litter) -> None:
    """systemd-notify --ready: told at once, with its sender; its barrier is answered at once."""
    command = shutil.which("systemd-notify") or pytest.skip("needs systemd-notify: apt-get install systemd")
    env = {**os.environ, "NOTIFY_SOCKET": inbox.socket.path}
    sender = litter.start(command, "--ready", "--status=listening on 80", env=env)
    told = await inbox.next()
    assert told == Told(told.pid, os.getuid(), ready=True, status="listening on 80")
    assert told.pid in (sender.pid, os.getpid())  # it speaks for its parent where it may
    assert await asyncio.wait_for(asyncio.to_thread(sender.wait), SOON) == 0


SENDER = """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"WATCHDOG=1\\nMAINPID=1", os.environ["NOTIFY_SOCKET"])
"""


async def test_the_kernel_says_who_sent_it(inbox: Inbox, litter: Litter) -> None:
    """Not the message: whatever MAINPID it claims (P2)."""
    sender = litter.python(SENDER, env={**os.environ, "NOTIFY_SOCKET": inbox.socket.path})
    assert await inbox.next() == Told(sender.pid, os.getuid(), alive=True)


async def test_nobody_else_can_write_to_it(inbox: Inbox) -> None:
    """Mode 0600 from its first moment on (P2)."""
    found = os.stat(inbox.socket.path)
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


async def test_it_can_be_made_for_another_user(needs_root: None, house: House, litter: Litter) -> None:
    """Then that user can write to it."""
    for folder in (house.root, house.runtime):
        folder.chmod(0o755)
    inbox = Inbox(str(house.runtime / "other.notify"), uid=NOBODY)
    code = f"import os; os.setgroups([]); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n{SENDER}"
    code = f"import socket\n{code}"  # the modules may lie where only root may read
    sender = litter.python(code, env={**os.environ, "NOTIFY_SOCKET": inbox.socket.path})
    assert await inbox.next() == Told(sender.pid, NOBODY, alive=True)
    inbox.socket.close()


async def test_garbage_is_passed_over(inbox: Inbox) -> None:
    """Empty, huge, binary, and with descriptors: the next good message is heard, nothing stays open."""
    before = len(os.listdir("/proc/self/fd"))
    reading, writing = os.pipe()
    with client(inbox) as sender:
        for data in (b"", b"\xff\0" * 300, b"READY=1\n" + b"x" * 5000, b"=\n=\n", b"UNKNOWN=1"):
            sender.send(data)
        socket.send_fds(sender, [b"FDSTORE=1"], [writing] * 5)
        sender.send(b"STOPPING=1")
        assert await inbox.next() == Told(os.getpid(), os.getuid(), stopping=True)
    os.close(writing)
    assert os.read(reading, 1) == b""  # nobody holds the other end any more
    os.close(reading)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_flood_starves_nobody(inbox: Inbox, litter: Litter) -> None:
    """While one service sends as fast as it can, the loop goes on with its other work."""
    code = SENDER.replace("s.sendto", "while True: s.sendto")
    litter.python(code, fuse=20, env={**os.environ, "NOTIFY_SOCKET": inbox.socket.path})
    for _ in range(10):
        await inbox.next()
        for _ in range(10):
            await asyncio.wait_for(asyncio.sleep(0), SOON)


async def test_what_an_earlier_daemon_left_is_replaced(inbox: Inbox) -> None:
    """Who has the path in its environment reaches the new one (P6)."""
    again = Inbox(inbox.socket.path)
    with client(again) as sender:
        sender.send(b"READY=1")
    assert (await again.next()).ready
    assert inbox.told.empty()
    again.socket.close()


async def test_a_path_that_cannot_be_is_an_error(house: House) -> None:
    """Too long for a socket, or in no folder: one line, and nothing stays open."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(GuardianError, match="has at most 107 bytes"):
        Inbox(str(house.runtime / ("x" * 120)))
    with pytest.raises(GuardianError, match=r"cannot listen at .*: No such file or directory"):
        Inbox(str(house.runtime / "no/such"))
    assert len(os.listdir("/proc/self/fd")) == before
