"""Connections that listen to the daemon's bus, and get over a daemon that is born again."""

from __future__ import annotations

import os
import select
import time

from guardian.daemon.client import NoDaemon, Refused, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from guardian.daemon.places import Project

AGAIN = 1.0  # seconds until it is tried again whether a daemon runs; without one no log grows
PART = 1 << 16


class Ear:
    """One connection that listens; nothing is missed from its making on, until it is hung up."""

    def __init__(self, project: Project, topics: Sequence[str], names: Sequence[str] = ()) -> None:
        """NoDaemon when none runs; waits for one that is being born."""
        self._connection = connect(project)
        self.pid = int(self._connection.welcome["pid"])
        self._told = self._connection.follow("watch", topics=list(topics), words=list(names))
        next(self._told)  # "listening"

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to hear."""
        return self._connection.fileno()

    def heard(self) -> Iterator[dict[str, Any]]:
        """Wait for the next event, and yield it and those that came with it; NoDaemon: it hung up."""
        yield next(self._told)[1]
        while self._connection.ready:
            yield next(self._told)[1]

    def drain(self) -> bool:
        """Wait for something and throw it away unread; whether the daemon is still there."""
        try:
            return bool(os.read(self.fileno(), PART))
        except ConnectionResetError:
            return False

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Waker:
    """Wakes up who follows logs whenever one of them has grown."""

    def __init__(self, project: Project, names: Sequence[str]) -> None:
        self._project, self._names = project, tuple(names)
        self._ear: Ear | None = None

    def wait(self) -> bool:
        """Return when there may be more to read; whether the daemon lives, which alone lets logs grow."""
        if self._ear is None:
            self._ear = self._connected()
            if self._ear is None:
                time.sleep(AGAIN)
            return self._ear is not None  # who listens from now on looks once more
        if not self._ear.drain():
            self.close()
        return True

    def _connected(self) -> Ear | None:
        try:
            return Ear(self._project, ("written",), self._names)
        except (NoDaemon, Refused):  # a daemon that does not know them, or speaks otherwise, is none for us
            return None

    def close(self) -> None:
        """Hang up."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None


def wait_for_any(ears: Sequence[Ear]) -> list[Ear]:
    """Return those who have something to hear."""
    return select.select(ears, (), ())[0]
