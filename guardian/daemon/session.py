"""One brain's process, from waking to its last word to the keeper: the composition root of the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial

from guardian.contain.kernel import name_process
from guardian.daemon.brain import Brain
from guardian.daemon.desk import Desk
from guardian.daemon.owner import when_gone
from guardian.daemon.server import Server
from guardian.daemon.start import replace_keeper
from guardian.daemon.store import Store
from guardian.keep.line import Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from guardian.daemon.places import Project

FAILED = 70  # exit code of a brain that cannot go on (EX_SOFTWARE of sysexits.h)
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
HANGUP = "SIGHUP does nothing here: to take a changed guardian.toml over there is `guardian reload`"
LOG_SIZE, LOG_KEEP = 5 << 20, 3  # bytes of the daemon's own log, and how many older ones there are


def live(project: Project, end: socket.socket, *, lock: int, listening: int) -> int:
    """Be the brain of a project; return the exit code of the daemon."""
    name_process("guardian-brain")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    log = open_log(project)
    try:
        return asyncio.run(_live(project, Line(end), log, lock=lock, listening=listening))
    except Exception:
        log.exception("the brain failed; the keeper starts the next")
        raise


async def _live(project: Project, line: Line, log: logging.Logger, *, lock: int, listening: int) -> int:
    def new_keeper() -> Line:
        return Line(replace_keeper(project, lock, listening))

    brain = Brain(project, Store(project), line, log, new_keeper=new_keeper)
    desk = Desk(brain)
    server = Server(desk.handle, project)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(_failed, log))
    for number in ENDING:
        loop.add_signal_handler(number, desk.closing.soon)
    loop.add_signal_handler(signal.SIGHUP, log.warning, HANGUP)
    brain.signalled = lambda number: desk.closing.soon() if number in ENDING else log.warning(HANGUP)
    await brain.wake()
    if project.owner is not None:
        when_gone(project.owner, desk.closing.soon)
    await server.start(socket.socket(fileno=os.dup(listening)))
    log.info("the daemon runs, pid %d, for %s", os.getpid(), project.root)
    code = await desk.closing.done
    await server.close()
    with suppress(FileNotFoundError):  # somebody has removed it, or the whole folder
        os.unlink(project.socket)
    await brain.close()
    await asyncio.sleep(0)
    brain.say_bye(code)
    log.info("the daemon ends")
    return code


class RotatedLog(logging.FileHandler):
    """A log that begins anew when it is full: that of logging.handlers brings pickle and 0.7 MB along."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; after the last one that fits the files move on."""
        super().emit(record)
        if self.stream is not None and self.stream.tell() >= LOG_SIZE:
            self.close()  # the next line opens a new one
            for number in range(LOG_KEEP, 0, -1):
                newer = f"{self.baseFilename}.{number - 1}" if number > 1 else self.baseFilename
                if os.path.exists(newer):
                    os.replace(newer, f"{self.baseFilename}.{number}")


def _failed(log: logging.Logger, _: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    """Log what nobody caught; half a decision is worse than a new brain, which the keeper starts."""
    log.critical("%s", about["message"], exc_info=about.get("exception"))
    if "handle" in about:  # in the loop itself, not in a task for one client
        os._exit(FAILED)


def open_log(project: Project) -> logging.Logger:
    """Return the daemon's own log, rotated by size."""
    handler = RotatedLog(project.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("guardian")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    logging.getLogger("asyncio").addHandler(handler)
    sys.excepthook = lambda *about: log.critical("unexpected", exc_info=about)
    return log
