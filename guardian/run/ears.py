"""Waiting for whatever comes first: descriptors with a name each, and a moment."""

from __future__ import annotations

import select
import time

LONGEST = 3600.0  # seconds of one wait; poll(2) takes a number that must not overflow


class Ears:
    """The descriptors that one process listens to."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._names: dict[int, str] = {}

    def listen(self, name: str, fd: int) -> None:
        """Hear when `fd` can be read, or its other end is gone."""
        self._poll.register(fd, select.POLLIN)
        self._names[fd] = name

    def ignore(self, name: str) -> None:
        """Hear it no longer; not heard before is no error."""
        for fd in [fd for fd, known in self._names.items() if known == name]:
            self._poll.unregister(fd)
            del self._names[fd]

    def wait(self, until: float | None) -> frozenset[str]:
        """Wait until something can be read or `until` (monotonic, None: for ever); return the names."""
        pause = LONGEST if until is None else min(max(0.0, until - time.monotonic()), LONGEST)
        return frozenset(self._names[fd] for fd, _ in self._poll.poll(pause * 1000))
