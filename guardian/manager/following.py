"""Lines of a service's logs as they come: read from the files, so that none is lost or told twice.

The daemon only tells when to look again. So a brain that is killed, a rotation and a slow reader
change nothing: whoever follows is at an offset of a file (P6, P7).
"""

from __future__ import annotations

import asyncio
import logging

from guardian.manager.link import OVER, Subscription
from guardian.manager.results import ProcessLog
from guardian.output.reading import Follower

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.output.logfile import Source

    FindSources = Callable[[], Awaitable[Sequence[Source]]]
    Callback = Callable[[ProcessLog], Awaitable[None] | None]

log = logging.getLogger("guardian.manager")


async def follow(
    project: Project, name: str, find: FindSources, *, lines: int | None
) -> AsyncGenerator[ProcessLog, None]:
    """Yield the last lines that there are, and then those that come, until there is no daemon any more."""
    awake, over = asyncio.Event(), asyncio.Event()

    def heard(record: dict[str, Any]) -> None:
        if record["topic"] == OVER:
            over.set()
        awake.set()

    subscription = Subscription(project, heard, topics=("written",), words=(name,))
    await subscription.start()
    follower = None
    try:
        follower = Follower(await find(), lines=lines)
        while True:
            awake.clear()
            while found := follower.new(over=over.is_set()):
                for line in found:
                    yield ProcessLog.of(line)
            if over.is_set():
                return
            await awake.wait()
    finally:
        if follower is not None:
            follower.close()
        await subscription.close()


class Calls:
    """Calls a function with each line that comes, until it is told to stop."""

    def __init__(self, lines: AsyncGenerator[ProcessLog, None], callback: Callback) -> None:
        self._callback = callback
        self.task = asyncio.get_running_loop().create_task(self._run(lines))

    async def _run(self, lines: AsyncGenerator[ProcessLog, None]) -> None:
        try:
            async for line in lines:
                await self._call(line)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("following the log of a service ended")
        finally:
            await lines.aclose()

    async def _call(self, line: ProcessLog) -> None:
        try:
            answer = self._callback(line)
            if answer is not None:
                await answer
        except Exception:
            log.exception("a callback for lines of %s failed", line.service)

    def stop(self) -> None:
        """Call no more."""
        self.task.cancel()

    async def finish(self) -> None:
        """Return when every line was given; only after the daemon has ended."""
        await asyncio.wait([self.task])
