"""A look by a command or a small program: exit code 0 is good.

It runs as a `guardian run` of its own (`contained`), so that whatever it starts is gone when it has
ended, when its time is over and when the daemon is killed: all three close the pipe that it is
bound to.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.probes.finding import Finding, reason, shown
from guardian.services.spec import words_of
from guardian.values import Value

if TYPE_CHECKING:
    from guardian.probes.finding import Where
    from guardian.services.spec import HealthSpec

CONTAINED = str(Path(__file__).with_name("contained.py"))
BECOME = str(Path(__file__).with_name("become.py"))
ISOLATED = (sys.executable, "-I", "-S")  # the service's PYTHON* variables are for the service's Python
FROM_STDIN = ("python", "pypy", "node", "bun", "deno")  # read all of it before they begin, given "-"
TAIL = 4096  # bytes of output that are kept, for the note
MOST_OUTPUT = 1 << 20  # bytes; whoever writes more does not check anything
CHUNK = 1 << 16
PATIENCE = 5.0  # seconds for the end of a tree, until its guard is killed and its second guard has to do it


class Command(Value):
    """What is executed, and how it gets the text of its program."""

    words: tuple[str, ...]
    way: str = "none"  # none: it needs no text; stdin: it reads it there; file: it is its last argument
    text: str = ""


def command_of(check: HealthSpec) -> Command:
    """Return the command of a check. ValueError for a command line that has no end or no beginning.

    Python, node, bun and deno get their text on stdin: so modules are found from the working
    directory. A shell must not, for what it starts would read the rest of the text.
    """
    if not check.interpreter:
        return Command(_words(check.script))
    words = _words(check.interpreter)
    if words[0].rpartition("/")[2].startswith(FROM_STDIN):
        return Command(words if words[-1] == "-" else (*words, "-"), "stdin", check.script)
    return Command(words, "file", check.script)


def _words(line: str) -> tuple[str, ...]:
    words = words_of(line)
    if not words:
        raise ValueError("there is no command")
    return words


class Script:
    """Runs checks, each in a containment of its own."""

    def subject(self, check: HealthSpec) -> str:
        """Name the command, or its program by the first line."""
        line = check.script.strip().partition("\n")[0]
        ran_by = f"{check.interpreter.split()[0].rpartition('/')[2]} " if check.interpreter.strip() else ""
        return f'{ran_by}script "{shown(line)}"'

    async def look(self, check: HealthSpec, where: Where) -> Finding:
        """Good when it exits with 0."""
        try:
            running = Running(command_of(check), where)
        except (OSError, ValueError) as error:
            at = f" in {shown(where.cwd)}" if isinstance(error, OSError) else ""
            return Finding(False, f"{self.subject(check)}: cannot run{at}: {reason(error)}")
        try:
            await running.ended.wait()
        finally:
            await running.end()
        return Finding(running.code == 0, f"{self.subject(check)}: {running.told()}")

    async def close(self) -> None:
        """Nothing is kept."""


class Running:
    """One script under way: a process, the pipe that it is bound to, and the pipe of its output."""

    def __init__(self, command: Command, where: Where) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self._tail, self._count = b"", 0
        self._handle = -1
        self._output, theirs = os.pipe()
        life = self._life = -1
        try:
            life, self._life = os.pipe()
            self._process = _spawn(command, where, output=theirs, life=life)
        except (OSError, ValueError):
            self._close(self._output, self._life)
            raise
        finally:
            self._close(theirs, life)
        os.set_blocking(self._output, False)
        self._loop.add_reader(self._output, self._hear)
        self._follow()

    @property
    def code(self) -> int:
        """The exit code, as a shell tells it."""
        return self._process.returncode or 0

    def told(self) -> str:
        """Say how it ended, with the last line of its output."""
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        last = shown(lines[-1]) if lines else ""
        if self._count > MOST_OUTPUT:
            return "ended: wrote more than 1 MB"
        if self.code == 0:
            return last or "exit 0"
        return f"exit {self.code}{f': {last}' if last else ''}"

    async def end(self) -> None:
        """End the whole tree, if it has not ended yet, and wait for it."""
        self._cut()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.ended.wait()
        except TimeoutError:
            self._process.kill()  # our own child, not reaped; its second guard ends the tree then
            self._process.wait()
        finally:
            self._let_go()

    def _cut(self) -> None:
        """Let go of the pipe that it is bound to: that ends it."""
        self._close(self._life)
        self._life = -1

    def _follow(self) -> None:
        """Be told of its end by the kernel (pidfd_open(2)); by a thread that waits where it does not."""
        try:
            self._handle = os.pidfd_open(self._process.pid)
        except (OSError, AttributeError):
            waiting = self._loop.run_in_executor(None, self._process.wait)
            waiting.add_done_callback(lambda _: self.ended.set())
            return
        self._loop.add_reader(self._handle, self._reap)

    def _reap(self) -> None:
        self._loop.remove_reader(self._handle)
        self._process.wait()
        while self._hear():
            pass
        self.ended.set()

    def _hear(self) -> bool:
        """Take in some output; return whether there was any."""
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._output)
            return False
        self._count += len(data)
        self._tail = (self._tail + data)[-TAIL:]
        if self._count > MOST_OUTPUT:
            self._cut()
        return True

    def _let_go(self) -> None:
        for fd in (self._output, self._handle):
            if fd >= 0:
                self._loop.remove_reader(fd)
        self._close(self._output, self._handle, self._life)
        self._output = self._handle = self._life = -1

    @staticmethod
    def _close(*fds: int) -> None:
        for fd in fds:
            if fd >= 0:
                os.close(fd)


def _spawn(command: Command, where: Where, *, output: int, life: int) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: the terminal's ^C is for whoever started guardian."""
    uid = where.uid if where.uid >= 0 else os.geteuid()
    gid = where.gid if where.gid >= 0 else os.getegid()
    words = command.words
    if (uid, gid) != (os.geteuid(), os.getegid()):
        groups = ",".join(map(str, where.groups))
        words = (*ISOLATED, BECOME, str(uid), str(gid), groups, *words)
    text = _unnamed(command.text)
    try:
        return subprocess.Popen(
            [*ISOLATED, CONTAINED, str(life), command.way, str(uid), str(gid), *words],
            stdin=text,
            stdout=output,
            stderr=output,
            cwd=where.cwd or None,
            env=dict(where.env),
            pass_fds=(life,),
            start_new_session=True,
        )
    finally:
        os.close(text)


def _unnamed(text: str) -> int:
    """Return a file without a name that holds the text, at its beginning (memfd_create(2)); none: empty."""
    if not text:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    data = text.encode("utf-8", "surrogateescape")
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("guardian-check")
    else:
        from tempfile import TemporaryFile  # late: for other systems than Linux

        with TemporaryFile(buffering=0) as file:
            fd = os.dup(file.fileno())
    try:
        with open(fd, "wb", closefd=False) as out:
            out.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd
