"""What can be asked of services, wherever their daemon comes from."""

from __future__ import annotations

import asyncio
import logging
from typing import overload

from guardian.errors import GuardianError, UsageError
from guardian.manager.config import ProcessConfig, ProcessManagerConfig, spec_of
from guardian.manager.events import Handlers
from guardian.manager.following import Calls, follow
from guardian.manager.link import Link, Subscription
from guardian.manager.results import ProcessLog, ProcessState, ProcessStats
from guardian.output.logfile import Source
from guardian.output.reading import tail
from guardian.procs.printable import printable
from guardian.services.saving import plain
from guardian.units import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import Any

    from guardian.daemon.aclient import Fields
    from guardian.daemon.places import Project
    from guardian.manager.config import Duration
    from guardian.manager.events import Handler

    States = list[ProcessState]  # a manager's own `list` hides the type within the class
    Sources = list[Source]
    Logs = list[ProcessLog]

log = logging.getLogger("guardian.manager")

BY = "Python"  # who asks, as events and `ps list` show it


class Manager:
    """Services of one project, over the connection to its daemon.

    Wherever services are named, several names, names of groups and globs (also "all") are
    accepted. Times are seconds or texts such as "30s". Every method that asks the daemon raises
    UsageError (an unknown name, a wrong field), GuardianError (it could not be done; the text says
    why, in one line), and NoDaemon when the daemon has ended. Cancelling a wait takes the wait
    back, not what was asked for. When the daemon's brain is killed, whatever is under way goes on
    with the next one; what happened in between is told by no event, and `daemon:again` says so.
    """

    def __init__(self, project: Project, defaults: ProcessManagerConfig) -> None:
        self._project, self._defaults = project, defaults
        self._handlers = Handlers()
        self._link: Link | None = None
        self._output: Subscription | None = None
        self._output_wanted = asyncio.Lock()
        self._chores: set[asyncio.Task[None]] = set()
        self._calls: set[Calls] = set()

    # asking

    async def _ask(self, verb: str, fields: Fields, *, again: bool = True) -> Any:
        if self._link is None:
            raise GuardianError("the manager is not open: use `async with`, or await its init() first")
        return await self._link.ask(verb, fields, again=again)

    async def _do(self, wish: str, words: tuple[str, ...], **fields: object) -> States:
        asked = {"wish": wish, "words": [*words], "note": f"{wish} ({BY})", **fields}
        found = await self._ask("do", asked, again=wish != "signal")
        return [ProcessState.of(record) for record in found]

    async def start(
        self, what: ProcessConfig | str, *, wait: bool = False, timeout: Duration = 0
    ) -> ProcessState:
        """Start a service, and return when its command runs; with `wait` when it is ready.

        A name starts one that is known. A configuration makes it known, too; when one of that name
        runs already, nothing happens unless something differs: limits and checks are taken over
        while it runs, another command or environment restarts it. What it depends on is started
        first. GuardianError when it cannot be started, fails for good while it is waited for, or
        not within `timeout` (0: no bound).
        """
        seconds = parse_duration(timeout)
        if isinstance(what, str):
            await self._known(what)
        name = what if isinstance(what, str) else await self._add(what)
        (state,) = await self._do("start", (name,), wait=True, spawned=not wait, timeout=seconds)
        return state

    async def add(self, config: ProcessConfig) -> ProcessState:
        """Make a service known without starting it; one that runs takes over what it can."""
        return await self.status(await self._add(config))

    async def _add(self, config: ProcessConfig) -> str:
        await self._ask("add", {"spec": plain(spec_of(config, self._defaults)), "start": False})
        return config.name

    async def stop(self, *names: str, force: bool = False, timeout: Duration = 0) -> States:
        """Stop services, and return when the whole tree of each is gone.

        stop_signal first, SIGKILL to whoever is left after stop_timeout; `force`: SIGKILL at once.
        GuardianError when somebody cannot be ended, or not within `timeout` (0: no bound).
        """
        wish = "kill" if force else "stop"
        return await self._do(wish, names, wait=True, timeout=parse_duration(timeout))

    async def restart(self, *names: str, wait: bool = False, timeout: Duration = 0) -> States:
        """Stop services wholly and start them again; return as `start` does."""
        return await self._do("restart", names, wait=True, spawned=not wait, timeout=parse_duration(timeout))

    async def signal(self, signal: str, *names: str) -> States:
        """Send a signal, such as "HUP", to the leader of each; who does not run gets none.

        Not sent again when the daemon's brain is killed meanwhile: Lost, and it may have been sent.
        """
        return await self._do("signal", names, signal=signal)

    async def remove(self, *names: str) -> None:
        """Stop services that were started from Python, and forget them; their logs stay."""
        await self._ask("remove", {"words": [*names]})

    async def start_group(self, group: str, *, wait: bool = False, timeout: Duration = 0) -> States:
        """Start all services of a group, each as soon as what it depends on is ready; see `start`."""
        names = await self._members(group)
        return await self._do("start", names, wait=True, spawned=not wait, timeout=parse_duration(timeout))

    async def stop_group(self, group: str, *, timeout: Duration = 0) -> States:
        """Stop all services of a group, dependents first; see `stop`."""
        return await self.stop(*await self._members(group), timeout=timeout)

    async def _members(self, group: str) -> tuple[str, ...]:
        known = await self.list()
        found = tuple(state.name for state in known if group in state.groups)
        if not found:
            groups = ", ".join(sorted({each for state in known for each in state.groups}))
            raise UsageError(f"no group is called {printable(group)}; there are {groups or 'none'}")
        return found

    # looking

    async def list(self, *names: str) -> States:
        """Return how services stand; all of them without names."""
        return [ProcessState.of(record) for record in await self._ask("list", {"words": [*names]})]

    async def status(self, name: str) -> ProcessState:
        """Return how one service stands."""
        return ProcessState.of(await self._known(name))

    async def get_stats(self, name: str) -> ProcessStats:
        """Return what the tree of one service uses; zeros while nothing of it runs."""
        return ProcessStats.of(await self._known(name, stats=True))

    async def _known(self, name: str, **fields: object) -> dict[str, Any]:
        """Return the record of exactly one service."""
        records = await self._ask("list", {"words": [name], **fields})
        if [record["name"] for record in records] != [name]:
            raise UsageError(f"{printable(name)} is no service but a group or a glob; name one of them")
        found: dict[str, Any] = records[0]
        return found

    async def _sources(self, name: str) -> Sources:
        record, times = await self._known(name), self._project.below("times")
        return [Source(name, f"std{stream}", file, times) for stream, file in record["logs"]]

    # what they print

    async def logs(self, name: str, lines: int | None = 100) -> Logs:
        """Return the last lines of one service, both streams, the oldest first; None: all there are."""
        return [ProcessLog.of(line) for line in tail(await self._sources(name), lines=lines)]

    @overload
    def follow_logs(self, name: str, *, lines: int | None = 0) -> AsyncGenerator[ProcessLog, None]: ...

    @overload
    def follow_logs(
        self,
        name: str,
        callback: Callable[[ProcessLog], Awaitable[None] | None],
        *,
        lines: int | None = 0,
    ) -> Callable[[], None]: ...

    def follow_logs(
        self,
        name: str,
        callback: Callable[[ProcessLog], Awaitable[None] | None] | None = None,
        *,
        lines: int | None = 0,
    ) -> AsyncGenerator[ProcessLog, None] | Callable[[], None]:
        """Follow what one service prints: `async for line in …`, or a callback; each line exactly once.

        Begins with the last `lines` (None: all), then goes on over restarts, rotations and brains,
        and ends with the daemon. With a callback: returns what is called to end it; one that
        raises is logged, and called with the next line again. Without one, leaving the loop ends it
        (at once with contextlib.aclosing).
        """
        found = follow(self._project, name, lambda: self._sources(name), lines=lines)
        if callback is None:
            return found
        calls = Calls(found, callback)
        self._calls.add(calls)
        calls.task.add_done_callback(lambda _: self._calls.discard(calls))
        return calls.stop

    # what happens

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` with each ProcessEvent of that name; return what is called to end that.

        process:started (the command runs), process:ready, process:crashed (it failed: exit code, signal,
        limit, check), process:restarting, process:stopped (as asked; the whole tree is gone),
        process:exited, process:fatal, process:starting, process:stopping, process:health (ready or
        unhealthy), process:output (a line, as `event.log`), and others that UsageError names; "*" means
        all but output. Handlers hear events in order and were called before the method that caused
        them returns. Async handlers run one event after the other and hold up nobody. One that raises
        is logged and harms nobody. process:output begins a moment after it was asked for, and may miss lines
        while a brain is replaced; `follow_logs` does not.
        """
        subscriber = self._handlers.add(event, handler)
        self._follow_output()

        def forget() -> None:
            self._handlers.remove(subscriber)
            self._follow_output()

        return forget

    def _follow_output(self) -> None:
        """Have lines told if, and as long as, somebody hears them."""
        if self._link is not None and self._handlers.want_output() != (self._output is not None):
            task = asyncio.get_running_loop().create_task(self._choose_output())
            self._chores.add(task)
            task.add_done_callback(self._chores.discard)

    async def _choose_output(self) -> None:
        async with self._output_wanted:
            wanted = self._handlers.want_output() and self._link is not None
            if wanted and self._output is None:
                self._output = Subscription(self._project, self._heard_output, topics=("output",))
                try:
                    await self._output.start()
                except GuardianError as error:
                    log.warning("no output is told: %s", error)
            elif not wanted and self._output is not None:
                await self._output.close()
                self._output = None

    def _heard_output(self, record: dict[str, Any]) -> None:
        if record["topic"] == "output":
            self._handlers.hear(record)

    # opening and closing

    async def _open(self) -> None:
        self._link = Link(self._project, self._handlers.hear)
        try:
            await self._link.open()
        except BaseException:
            await self._link.close()
            self._link = None
            raise
        await self._choose_output()

    async def shutdown(self, *, timeout: Duration = 0) -> None:
        """Stop all services, whoever started them, and the daemon.

        Each has its stop_timeout, all together `timeout` when it is given; who is left then is
        killed. GuardianError names whom nobody could end.
        """
        if self._link is None:
            return
        left = await self._link.shut_down(parse_duration(timeout))
        await self._close(over=True)
        if left:
            raise GuardianError(f"still running: {', '.join(left)}; see: guardian why")

    async def _close(self, *, over: bool = False) -> None:
        """Hang up; when the daemon is `over`, every line and event is delivered first."""
        link, self._link = self._link, None
        for calls in list(self._calls):
            if not over:
                calls.stop()
            await calls.finish()
        if over and self._output is not None:
            await self._output.finished()
        await self._choose_output()
        if over:
            await self._handlers.finish()
        if link is not None:
            await link.close()
