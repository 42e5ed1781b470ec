"""Deaths as events: a pidfd becomes readable when its process ends, whoever its parent is (pidfd_open(2))."""

from __future__ import annotations

import os
import resource
import select
import time

from guardian.errors import SeeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardian.procs.model import ProcId

BLIND = 0.05  # seconds between looks at processes that no event tells of


class DeathWatch:
    """Tells which of some processes have ended. Its `fileno` is readable when one has."""

    def __init__(self, identify: Callable[[int], ProcId | None]) -> None:
        self._identify = identify
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._fds: dict[int, ProcId] = {}
        self._blind: set[ProcId] = set()  # those for whom there is no handle: none to be had
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._room = most // 2 if most > 0 else 1 << 20  # a crowd must not take what looking needs

    def fileno(self) -> int:
        """Return a descriptor for select or asyncio; -1 where the system has no such events."""
        return self._epoll.fileno() if self._epoll is not None else -1

    @property
    def watched(self) -> frozenset[ProcId]:
        """Those who had not ended when last asked."""
        return frozenset(self._fds.values()) | self._blind

    def follow(self, who: Iterable[ProcId]) -> None:
        """Watch exactly these from now on."""
        wanted = frozenset(who)
        for fd, known in list(self._fds.items()):
            if known not in wanted:
                self._forget(fd)
        self._blind &= wanted
        for each in wanted - self.watched:
            self._take(each)

    def _take(self, who: ProcId) -> None:
        """Take the handle first and look who it is then; somebody else now means that `who` is gone."""
        try:
            fd = os.pidfd_open(who.pid) if len(self._fds) < self._room else -1
        except (OSError, AttributeError):  # gone, no descriptor left, or no such call here
            fd = -1
        if fd < 0 or self._epoll is None or self._lost(who):
            if fd >= 0:
                os.close(fd)
            self._blind.add(who)
            return
        self._epoll.register(fd, select.EPOLLIN)
        self._fds[fd] = who

    def _lost(self, who: ProcId) -> bool:
        """Whether that process is gone for sure; while it cannot be told it is not."""
        try:
            return self._identify(who.pid) != who
        except SeeError:
            return False

    def _forget(self, fd: int) -> None:
        del self._fds[fd]
        if self._epoll is not None:
            self._epoll.unregister(fd)  # closing alone does not, while a forked child holds it (epoll(7))
        os.close(fd)

    def ended(self, timeout: float = 0.0) -> tuple[ProcId, ...]:
        """Wait up to `timeout` seconds for at least one end; return all that ended, each once."""
        deadline = time.monotonic() + timeout
        while True:
            found = self._poll(max(0.0, deadline - time.monotonic()))
            if found or time.monotonic() >= deadline:
                return found

    def _poll(self, timeout: float) -> tuple[ProcId, ...]:
        lost = {who for who in self._blind if self._lost(who)}
        self._blind -= lost
        if self._blind:
            timeout = min(timeout, BLIND)
        if lost:
            timeout = 0.0
        if self._epoll is None:
            time.sleep(timeout)
            return tuple(lost)
        events = self._epoll.poll(timeout, maxevents=1024)
        dead = [(fd, self._fds[fd]) for fd, _ in events if fd in self._fds]
        for fd, _ in dead:
            self._forget(fd)
        return (*lost, *(who for _, who in dead))

    def close(self) -> None:
        """Let go of every handle."""
        self.follow(())
        if self._epoll is not None:
            self._epoll.close()
