"""The keeper's process: parent and subreaper of all services (prctl(2)), and who starts the brain again.

It stays what it is while brains come and go: services keep their parent, so the way each of them
ended is known whoever was there to hear it, and orphans come back to it whatever they did. It
holds the socket that people and programs connect to: they wait while a brain is being born.

brain → keeper   {"launch": …}      start a process, hold its FIFOs   → child or failed
                 {"forget": id}     its end is known
                 {"hold": path}     keep that FIFO open: what is in it outlives who wrote and who reads it
                 {"let_go": path}   no longer
                 {"bye": code}      all is done; go too
keeper → brain   {"child": id, "pid", "start", "status"}      status None: it runs
                 {"failed": id, "step", "errno"}
                 {"orphan": pid}    somebody of a tree has ended
                 {"have": …}        first of all: everything that is known
                 {"signal": n}      somebody signalled the keeper
"""

from __future__ import annotations

import gc
import os
import select
import time

from guardian.contain.kernel import become_subreaper, name_process
from guardian.contain.rawsignal import signal
from guardian.keep.launch import Launch
from guardian.keep.limits import allow_many_files
from guardian.keep.line import Line, pair
from guardian.keep.nursery import Nursery, told
from guardian.run.wire import Alarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import NoReturn

    from guardian.keep.line import Message

    Brain = Callable[[socket.socket], NoReturn]  # a process of its own: lives at its end of the line

PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
SOON, LATEST = 0.05, 5.0  # seconds before a brain that did not live long is started again
LONG = 10.0  # seconds; a brain that lived so long is started again at once


class Keeper:
    """One keeper, from its first brain to the last."""

    def __init__(self, brain: Brain, line: socket.socket | None = None) -> None:
        self._brain = brain
        self._nursery = Nursery()
        self._poll = select.poll()
        self._words: set[int] = set()  # descriptors of children that are being started
        self._held: dict[str, int] = {}  # FIFOs by their paths
        self._line: Line | None = None
        self._pid = 0  # of the brain, until it is reaped; 0: none, or one that another keeper started
        self._disowned = False  # we ended that brain ourselves
        self._born = self._due = time.monotonic()
        self._pause = SOON
        self._code: int | None = None  # what to exit with
        if line is not None:
            self._connect(line)

    def serve(self) -> int:
        """Keep until the brain says bye; return its exit code."""
        become_subreaper()
        name_process("guardian-keep")
        allow_many_files()
        self._alarmed = Alarmed(PASSED_ON | {signal.SIGCHLD})
        self._poll.register(self._alarmed.reading, select.POLLIN)
        while self._code is None or self._line is not None:  # the brain's last breath comes after its bye
            if self._line is None and not self._pid and time.monotonic() >= self._due:
                self._bear()
            self._turn()
        for _ in self._nursery.reap():
            pass
        return self._code

    def _turn(self) -> None:
        """Wait for the next thing to happen, and do what it asks for."""
        self._follow_words()
        if self._line is not None:
            self._watch(self._line)
        waits = self._line is not None or self._pid
        pause = None if waits else max(0.0, self._due - time.monotonic()) * 1000 + 1
        for fd, events in self._poll.poll(pause):
            if fd == self._alarmed.reading:
                self._alarm()
            elif self._line is not None and fd == self._line.fileno():
                self._listen(self._line, events)
            elif fd in self._words:
                self._tell(self._nursery.hear(fd))

    def _alarm(self) -> None:
        """Take in the signals that came."""
        for number in frozenset(self._alarmed.came()):
            if number != signal.SIGCHLD:
                self._tell({"signal": number})
                continue
            for news in self._nursery.reap():
                if news.get("orphan") == self._pid:
                    self._pid = 0
                    self._plan_the_next(killed=news["status"] == signal.SIGKILL and not self._disowned)
                else:
                    self._tell(news)

    def _follow_words(self) -> None:
        """Listen to those children that are being started, and to no others."""
        words = set(self._nursery.words())
        for fd in self._words - words:
            self._poll.unregister(fd)
        for fd in words - self._words:
            self._poll.register(fd, select.POLLIN)
        self._words = words

    # the brain

    def _bear(self) -> None:
        """Start a brain; where that is not possible now, later."""
        self._born = time.monotonic()
        self._disowned = False
        try:
            self._connect(self._fork())
        except OSError as error:  # too many processes or descriptors
            say(f"no brain can be started now: {error.strerror}")
            self._plan_the_next(killed=False)
            self._due = max(self._due, self._born + SOON)

    def _fork(self) -> socket.socket:
        """Fork what becomes the brain; return our end of the line to it."""
        ours, theirs = pair()
        with theirs:
            gc.freeze()  # or the brain's collector would write to every page that it shares with us
            self._pid = os.fork()
            if self._pid == 0:
                ours.close()
                signal.set_wakeup_fd(-1)
                for path in list(self._held):
                    self._let_go(path)
                self._brain(theirs)
        return ours

    def _connect(self, end: socket.socket) -> None:
        """Tell a brain everything that is known."""
        self._line = Line(end)
        have = [told(child) for child in self._nursery.children.values()]
        self._line.send({"have": have, "keeper": os.getpid()})

    def _listen(self, line: Line, events: int) -> None:
        """Do what the brain asks for; a line that is torn, or holds garbage, is the end of it."""
        if events & select.POLLOUT:
            line.flush()
        try:
            for message in line.heard() if events & ~select.POLLOUT else ():
                self._obey(message)
        except (KeyError, TypeError, ValueError) as error:  # another version's, or a broken one
            say(f"the brain is not understood: {error!r}; the next one comes")
            line.closed = self._disowned = True
        if line.closed:
            self._poll.unregister(line.fileno())
            line.close()
            self._line = None
            if self._pid and self._code is None:
                os.kill(self._pid, signal.SIGKILL)  # two brains would be one too many

    def _plan_the_next(self, *, killed: bool) -> None:
        """The next brain comes at once; later and later when they fail young, whom nobody killed."""
        now = time.monotonic()
        if killed or now - self._born >= LONG:
            self._pause = SOON
        self._due = now if self._pause == SOON else now + self._pause
        if not killed:
            self._pause = min(2 * self._pause, LATEST)

    def _obey(self, message: Message) -> None:
        if "launch" in message:
            launch = Launch(**message["launch"])
            for path in launch.fifos:
                self._hold(path)
            self._tell(self._nursery.start(launch))
        elif "forget" in message:
            self._nursery.forget(message["forget"])
        elif "hold" in message:
            self._hold(message["hold"])
        elif "let_go" in message:
            self._let_go(message["let_go"])
        elif "bye" in message:
            self._code = int(message["bye"])

    def _hold(self, path: str) -> None:
        """Keep a FIFO open, as far as there are descriptors: without it only a dead brain loses something."""
        if path not in self._held:
            try:
                self._held[path] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError as error:
                say(f"cannot hold {path}: {error.strerror}")

    def _let_go(self, path: str) -> None:
        if path in self._held:
            os.close(self._held.pop(path))

    def _tell(self, news: Message | None) -> None:
        """Tell the brain, if there is one; the next one hears it as what there is."""
        if news is not None and self._line is not None:
            self._line.send(news)

    def _watch(self, line: Line) -> None:
        """Wait for the line: to be read, and to be written when something is left."""
        self._poll.register(line.fileno(), select.POLLIN | (select.POLLOUT if line.waiting else 0))


def say(text: str) -> None:
    """Write a line into the daemon's log; a full disk is no reason to fail."""
    try:
        os.write(2, f"{time.strftime('%F %T')} KEEPER {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
