"""The keeper's children: started once each, followed to their end, remembered until that is known.

The brain may die between asking and hearing. So everything is kept here until it says that it
knows: who runs under which id, who has ended and how, what could not be started.
"""

from __future__ import annotations

import os

from guardian.contain.descent import identify
from guardian.contain.kernel import fork_into
from guardian.keep.launch import Launch, become
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.keep.line import Message
    from guardian.procs.model import ProcId


class Child(Value):
    """One child that was asked for."""

    id: str
    who: ProcId
    word: int = -1  # the descriptor that tells why it could not start; -1: it has started
    status: int | None = None  # as waitpid(2) tells it, once it has ended


class Nursery:
    """Everybody who was started; never waits."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}  # by id
        self._pids: dict[int, str] = {}  # of those who live

    def start(self, launch: Launch) -> Message | None:
        """Start it, unless it was; return what is known at once, None when `words` will tell."""
        if launch.id in self.children:
            return told(self.children[launch.id])
        try:
            word, pid = self._fork(launch)
        except OSError as error:
            return {"failed": launch.id, "step": "fork", "errno": error.errno}
        who = identify(pid)  # alive or dead, it is ours until it is reaped
        assert who is not None, "a child that nobody has reaped can be seen"
        self.children[launch.id] = Child(launch.id, who, word)
        self._pids[pid] = launch.id
        return None

    def _fork(self, launch: Launch) -> tuple[int, int]:
        """Fork; return the descriptor on which a failure is told, which closes at exec, and the pid."""
        reading, writing = os.pipe()
        keeper = os.getpid()
        os.set_blocking(reading, False)
        try:
            pid, left = _fork_for(launch)
            if pid == 0:
                become(left, writing, keeper)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return reading, pid

    def words(self) -> Iterator[int]:
        """Yield the descriptors on which a child that is being started has its say."""
        return (child.word for child in self.children.values() if child.word >= 0)

    def hear(self, word: int) -> Message | None:
        """Take in whether a child became what it should; return the news."""
        child = next((each for each in self.children.values() if each.word == word), None)
        if child is None:
            return None
        try:
            said = os.read(word, 100).decode("ascii")
        except BlockingIOError:
            return None
        os.close(word)
        started = child.replace(word=-1)
        if not said:
            self.children[child.id] = started
            return told(started)
        del self.children[child.id]  # what is left of it is reaped as anybody
        self._pids.pop(child.who.pid, None)
        step, number = said.split()
        return {"failed": child.id, "step": step, "errno": int(number)}

    def reap(self) -> Iterator[Message]:
        """Yield the news of everybody who has ended; orphans of the trees are told by pid alone."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            yield from self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> Iterator[Message]:
        key = self._pids.pop(pid, None)
        if key is None:
            yield {"orphan": pid, "status": status}
            return
        child = self.children[key]
        if child.word >= 0:  # it ended so soon that nobody has read its word yet
            news = self.hear(child.word)
            if news is None or "failed" in news:
                yield from () if news is None else (news,)
                return
            yield news
        self.children[key] = self.children[key].replace(status=status)
        yield told(self.children[key])

    def forget(self, key: str) -> None:
        """The brain knows how it ended."""
        child = self.children.get(key)
        if child is not None and child.status is not None:
            del self.children[key]


def _fork_for(launch: Launch) -> tuple[int, Launch]:
    """Fork, into the cgroup where the kernel can (clone3(2)); return the pid, and what is left to do."""
    if launch.cgroup:
        folder = os.open(launch.cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            pid = fork_into(folder)
        finally:
            os.close(folder)
        if pid is not None:
            return pid, launch.replace(cgroup="")
    return os.fork(), launch


def told(child: Child) -> Message:
    """Return a child as the brain is told of it."""
    return {
        "child": child.id,
        "pid": child.who.pid,
        "start": child.who.start,
        "status": child.status,
        "starting": child.word >= 0,
    }
