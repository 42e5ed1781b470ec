"""The machine's monitor, kept running beside the services: one for each user, whoever started it.

When another one runs already it does the work, and ours is started when that one ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from guardian.contain import descent
from guardian.daemon import store
from guardian.effects.folders import runtime_path
from guardian.errors import GuardianError
from guardian.guard.lock import holder
from guardian.kill.signals import send
from guardian.procs.model import ProcId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.places import Project

SOON, LATEST = 1.0, 300.0  # seconds until a monitor that did not live long is started again


class Sentry:
    """Sees to it that a monitor runs."""

    def __init__(self, project: Project, *, complain: Callable[[str], None]) -> None:
        self._project, self._complain = project, complain
        self._loop = asyncio.get_running_loop()
        self._handle = -1  # of whom we wait for
        self._pause = SOON
        self._timer: asyncio.TimerHandle | None = None
        self.wanted = False
        self.monitor = 0  # pid of the one that runs; 0: none

    def post(self, *, wanted: bool) -> None:
        """Have a monitor from now on, or have none of ours."""
        if wanted and not self.wanted:
            self.wanted = True
            self._see()
        elif self.wanted and not wanted:
            self.dismiss()

    def _see(self) -> None:
        """Wait for the end of the monitor that runs; start one when there is none."""
        self._timer = None
        found = holder(runtime_path())
        if found is None:
            self._start()
            return
        if self._note() == []:  # an earlier brain was killed before it could write who came
            self._remember(descent.identify(found.pid))
        self.monitor = found.pid
        self._wait_for(found.pid, self._ended)

    def _wait_for(self, pid: int, then: Callable[[], None]) -> None:
        """Call `then` when that process has ended (pidfd_open(2))."""
        try:
            self._handle = os.pidfd_open(pid)
        except OSError:
            self._later()
            return
        self._loop.add_reader(self._handle, self._let_go, then)

    def _let_go(self, then: Callable[[], None] | None) -> None:
        if self._handle >= 0:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1
        if then is not None:
            then()

    def _ended(self) -> None:
        self.monitor = 0
        if self.wanted:
            self._later()

    def _later(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._see)
        self._pause = min(2 * self._pause, LATEST)

    def _start(self) -> None:
        """Start a monitor in the background, in the project's folder, for the sake of its guardian.toml."""
        self._remember(None)
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        try:
            starter = subprocess.Popen(
                [sys.executable, package, "monitor", "--detach"],
                cwd=self._project.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._complain(f"the monitor cannot be started: {error.strerror}")
            self._later()
            return
        self._wait_for(starter.pid, lambda: self._came(starter))

    def _came(self, starter: subprocess.Popen[bytes]) -> None:
        code = starter.wait()
        found = holder(runtime_path())
        who = descent.identify(found.pid) if found is not None else None
        if code or found is None or who is None:
            self._complain(f"the monitor did not come up (code {code}); its log may say why")
            self._later()
            return
        self._remember(who)
        self.monitor = who.pid
        self._wait_for(who.pid, self._ended)

    # which one is ours

    def _note(self) -> list[int] | None:
        """Return pid and start of the monitor that is ours, [] for one that is being started, None: none."""
        note: list[int] | None = store.read(self._project.below("monitor"))
        return note

    def _remember(self, who: ProcId | None) -> None:
        text = f"[{who.pid},{who.start}]" if who else "[]"
        try:
            store.write(self._project.below("monitor"), text.encode())
        except GuardianError as error:
            self._complain(str(error))

    def dismiss(self) -> None:
        """End the monitor if it is one that this project's daemon started."""
        self.wanted = False
        self._let_go(None)
        if self._timer is not None:
            self._timer.cancel()
        ours = self._note()
        if ours:
            send(ProcId(*ours), (signal.SIGTERM,), descent.identify)
        if ours is not None:
            os.unlink(self._project.below("monitor"))
