"""Two ways to a daemon: one of one's own, that ends with its owner, or the one that `guardian up` runs."""

from __future__ import annotations

import asyncio
import os
import time

from guardian.daemon.aclient import connect as converse
from guardian.daemon.client import NoDaemon
from guardian.daemon.owner import is_alive, myself
from guardian.daemon.places import FOLDER, Project
from guardian.daemon.start import ensure
from guardian.errors import Occupied
from guardian.manager.config import ProcessManagerConfig
from guardian.manager.manager import Manager
from guardian.procs.model import ProcId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from guardian.daemon.aclient import Conversation

LOOK = 0.01  # seconds between two attempts while an earlier daemon is ending: its lock tells nobody
PATIENCE = 10.0  # seconds after which a daemon that holds the lock and does not listen is a fault


class ProcessManager(Manager):
    """Keeps services running, with a daemon of its own for its folder.

    config     ProcessManagerConfig: where state lies, defaults, services to know from the beginning
    cwd        the folder that paths of services are relative to; the working directory
    detached   the daemon has no owner: leaving the manager leaves everything running, and another
               manager that is detached, or guardian.connect, finds it again

    Use it with `async with`, or await `init()` first and `cleanup()` at the end. Leaving it stops all
    services and the daemon. When the process that called init() dies without a word (SIGKILL), the daemon
    sees that (pidfd_open(2)) and does the same; only when keeper and brain of the daemon are killed
    as well do services go on, until the next manager of this folder takes them over. What was
    known to the last manager of this folder is known to this one; with autostart it is started.
    One manager a folder: `init` of a second one raises Occupied.
    """

    def __init__(
        self,
        config: ProcessManagerConfig | None = None,
        cwd: str | os.PathLike[str] = ".",
        *,
        detached: bool = False,
    ) -> None:
        self._config = config or ProcessManagerConfig()
        self._detached = detached
        folder = os.fspath(self._config.guardian_dir)
        super().__init__(Project(os.fspath(cwd), folder), self._config)

    async def init(self) -> None:
        """Start the daemon, and what is known and has autostart.

        Occupied when another daemon runs in this folder, unless this manager is detached; GuardianError when
        the folder is not ours or cannot be written; ConfigError for a wrong service of `processes`. When
        something fails, nothing is left running.
        """
        if self._link is not None:
            return
        started = await self._start_daemon()
        try:
            await self._open()
            if started:
                await self._start_what_is_known()
        except BaseException:
            if started:
                await self.shutdown()
            await self._close()
            raise

    async def _start_daemon(self) -> bool:
        """Start it, as soon as an earlier one is gone that is on its way; whether it was started."""
        if not self._detached:
            self._project.owner = myself()
        deadline = time.monotonic() + PATIENCE
        while not ensure(self._project):
            if await self._runs_already():
                return False
            if time.monotonic() > deadline:
                where = self._project
                raise Occupied(f"somebody holds {where.lock} and does not answer; see {where.log}")
            await asyncio.sleep(LOOK)
        return True

    async def _runs_already(self) -> bool:
        """Whether the daemon that is there can be used; when it is about to go, wait until it has gone."""
        try:
            conversation = await converse(self._project)
        except NoDaemon:
            return False
        try:
            owner = conversation.welcome["owner"]
            if owner is not None and not is_alive(ProcId(*owner)):
                await conversation.over.wait()
                return False
        finally:
            await conversation.close()
        if self._detached and owner is None:
            return True
        raise _occupied(self._project, conversation, owner)

    async def _start_what_is_known(self) -> None:
        for config in self._config.processes:
            await self._add(config)
        known = await self._ask("list", {})
        names = [each["name"] for each in known if each["added"] and each["autostart"]]
        if names:
            await self._do("start", tuple(names))

    async def cleanup(self) -> None:
        """Stop all services and the daemon; when it is detached, only hang up. Again: nothing."""
        if self._detached:
            await self._close()
        else:
            await self.shutdown()

    async def __aenter__(self) -> Self:
        """Open it."""
        await self.init()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cleanup()


def _occupied(project: Project, conversation: Conversation, owner: list[int] | None) -> Occupied:
    whose = f"of another manager, in process {owner[0]}" if owner else "that stays when its starter leaves"
    return Occupied(
        f"a daemon runs in {project.folder} already, pid {conversation.welcome['pid']}, {whose};"
        " use guardian.connect(), or another guardian_dir"
    )


class Connected(Manager):
    """The services of a daemon that is somebody else's: leaving it ends nothing."""

    async def __aenter__(self) -> Self:
        """Return itself; it hangs up at the end."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cleanup()

    async def cleanup(self) -> None:
        """Hang up; everything goes on."""
        await self._close()


async def connect(
    path: str | os.PathLike[str] = ".", *, guardian_dir: str | os.PathLike[str] = FOLDER
) -> Connected:
    """Return the services of the project at `path`, or above it, whose daemon runs already.

    The same interface as a ProcessManager's; leaving it, or its cleanup(), ends nothing. What is started
    from here goes on afterwards, and is forgotten by `remove`. NoDaemon when none runs.
    """
    folder = os.fspath(guardian_dir)
    project = Project(_root_above(os.path.abspath(os.fspath(path)), folder), folder)
    made = Connected(project, ProcessManagerConfig())
    await made._open()
    return made


def _root_above(path: str, folder: str) -> str:
    """Return the nearest folder, from `path` upwards, in which a daemon has its place; else `path`."""
    above = path
    while not os.path.isdir(os.path.join(above, folder)):
        parent = os.path.dirname(above)
        if parent == above:
            return path
        above = parent
    return above
