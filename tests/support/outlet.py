"""A service's FIFO and log in a folder of a test's own, without a service."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from guardian.output.channel import Channel
from guardian.output.inlet import make_fifo
from guardian.output.logfile import Source
from guardian.output.rotation import numbered, numbers
from guardian.output.times import times_folder


class Outlet:
    """The writing end of a FIFO, held open as the keeper holds it, and what a channel makes of it."""

    def __init__(self, root: Path | None = None, stream: str = "stdout") -> None:
        self.root = root or Path(tempfile.mkdtemp(prefix="g-out-", dir="/tmp"))
        self.fifo, self.times = str(self.root / stream), str(self.root / "times")
        self.file = str(self.root / "logs" / f"{stream}.log")
        self.stream, self.now = stream, 1000.0
        make_fifo(self.fifo)
        self.end = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, 1 << 20)

    def channel(self, *, max_size: int = 1 << 20, keep: int = 5) -> Channel:
        return Channel(
            self.fifo, self.file, max_size=max_size, keep=keep, times=self.times, clock=lambda: self.now
        )

    def source(self, service: str = "web") -> Source:
        return Source(service, self.stream, self.file, self.times)

    def write(self, data: bytes) -> None:
        """Print something; there is room for 1 MiB."""
        assert os.write(self.end, data) == len(data)

    def files(self) -> list[bytes]:
        """Return what the files of the log hold, the oldest first."""
        return [Path(numbered(self.file, n)).read_bytes() for n in reversed(numbers(self.file))]

    def kept(self) -> list[bytes]:
        """Return what the files of the times hold."""
        folder = Path(times_folder(self.times, self.file))
        return [path.read_bytes() for path in folder.iterdir()]

    def close(self) -> None:
        os.close(self.end)
        shutil.rmtree(self.root)


def drain(channel: Channel) -> int:
    """Move until there is nothing left; return how many bytes."""
    total = 0
    while moved := channel.move():
        total += moved
    return total
