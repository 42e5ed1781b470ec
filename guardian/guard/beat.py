"""The monitor's loop: APScheduler on asyncio calls the rounds, deaths and signals call them sooner.

One round at a time; rounds missed in a suspend become one. APScheduler counts on the wall
clock, which may be set back: a timer on the monotonic clock calls the round that would be late.
"""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from guardian.procs.deaths import DeathWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.guard.monitor import Monitor
    from guardian.procs.model import ProcId

SLACK = 0.5  # seconds that a round may be late before the monotonic timer calls it
STOPPING = (signal.SIGTERM, signal.SIGINT)


class Beat:
    """Drives one monitor until it is told to stop."""

    def __init__(
        self,
        monitor: Monitor,
        *,
        identify: Callable[[int], ProcId | None],
        reload: Callable[[], None],
        failed: Callable[[Exception], None],
        ready: Callable[[], None] = lambda: None,
        finishing: Callable[[], None] = lambda: None,
    ) -> None:
        self._monitor = monitor
        self._deaths = DeathWatch(identify)
        self._ready = ready
        self._finishing = finishing
        self._reload = reload
        self._failed = failed
        self._stop = asyncio.Event()
        self._asked = 0  # how often we were asked to stop
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._late: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Beat until SIGTERM or SIGINT; then end what was begun, and return. A second one hastens it.

        `ready` is called when signals are heard, `finishing` when an end has to wait for what was begun.
        """
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        if self._deaths.fileno() >= 0:
            loop.add_reader(self._deaths.fileno(), self._somebody_died)
        self._job = self._scheduler.add_job(
            self._round,
            IntervalTrigger(seconds=max(1, round(self._monitor.interval)), timezone=UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            next_run_time=datetime.now(UTC),
        )
        self._scheduler.start()
        self._ready()
        try:
            await self._stop.wait()
        finally:
            self._end(loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._late is not None:
            self._late.cancel()
        self._scheduler.shutdown(wait=False)
        if self._deaths.fileno() >= 0:
            loop.remove_reader(self._deaths.fileno())
        self._deaths.close()

    async def _round(self) -> None:
        try:
            delay = self._monitor.beat(judging=not self._asked)
        except Exception as error:  # noqa: BLE001 - the edge of a round: a guard outlives one bad look, loudly
            self._failed(error)
            delay = self._monitor.interval
        self._deaths.follow(self._monitor.living)
        if self._asked and self._may_stop():
            self._stop.set()
            return
        self._in(delay)

    def _in(self, delay: float) -> None:
        """Have the next round in `delay` seconds, by the wall clock or else by the monotonic one."""
        self._job.modify(next_run_time=datetime.now(UTC) + timedelta(seconds=delay))
        if self._late is not None:
            self._late.cancel()
        self._late = asyncio.get_running_loop().call_later(delay + SLACK, self._in, 0.0)

    def _somebody_died(self) -> None:
        """Call a round when nobody of those who have to go is left; one death of many costs no look."""
        self._deaths.ended()
        if not self._deaths.watched:
            self._in(0.0)

    def _asked_to_stop(self) -> None:
        self._asked += 1
        if self._may_stop():
            self._stop.set()
        elif self._asked == 1:
            self._finishing()

    def _may_stop(self) -> bool:
        """Whether nothing is under way; asked twice, whether nobody would be left stopped for ever."""
        return not self._monitor.busy or (self._asked > 1 and not self._monitor.forcing)

    def _asked_to_reload(self) -> None:
        self._reload()
        self._in(0.0)
