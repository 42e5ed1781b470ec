"""What services use: weighed for their limits when a look is due, and for whoever asks."""

from __future__ import annotations

import asyncio
import time

from guardian.errors import SeeError
from guardian.policy.bounds import Bounds
from guardian.policy.runlimits import fresh, judge, needs_pss
from guardian.run.gauge import Gauge
from guardian.services import events
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.tree import Tree
    from guardian.policy.runlimits import Memory
    from guardian.services.events import Event
    from guardian.services.spec import ServiceSpec

BLIND = 1.0  # seconds until the next look when nothing could be seen
REST = 9  # times what a look took before the next: looks take a tenth of a core at most


class Weight(Value):
    """What a tree uses now."""

    processes: int
    memory: int  # bytes, shared pages once
    cpu: float  # seconds in all
    share: float  # percent of one core, since the last time that it was weighed


class Scales:
    """Weighs trees."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._gauges: dict[str, Gauge] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._peaks: dict[str, int] = {}
        self._last: dict[str, tuple[float, float]] = {}  # when, and the CPU seconds by then

    def begin(self, tree: Tree, spec: ServiceSpec) -> None:
        """Watch over the limits of a tree that runs, if it has any."""
        self.end(tree)
        now = time.monotonic()
        if not (spec.max_memory or spec.max_cpu):
            return
        bounds = Bounds(memory=spec.max_memory, cpu=spec.max_cpu, cpu_window=spec.cpu_window)
        if spec.max_memory:
            tree.kin.limit_memory(spec.max_memory)
        self._look(tree, bounds, fresh(now))

    def end(self, tree: Tree) -> None:
        """Watch no longer."""
        timer = self._timers.pop(tree.record.id, None)
        if timer is not None:
            timer.cancel()

    def forget(self, tree: Tree) -> None:
        """The tree is gone."""
        self.end(tree)
        self._gauges.pop(tree.record.id, None)
        self._last.pop(tree.record.id, None)
        self._peaks.pop(tree.record.id, None)

    def _look(self, tree: Tree, bounds: Bounds, memory: Memory) -> None:
        now = time.monotonic()
        try:
            gauge = self._gauge(tree)
            usage = gauge.look()
            if needs_pss(bounds, usage):
                usage = usage.replace(pss=gauge.pss())
        except SeeError:
            self._again(tree, bounds, memory, now + BLIND)
            return
        found = judge(bounds, memory, usage, now, rule=tree.record.name)
        self._peaks[tree.record.id] = found.memory.peak
        if found.reason is not None:
            self._tell(events.OverLimit(tree.record.name, tree.record.generation, found.reason))
        elif found.due is not None:
            rested = time.monotonic() + REST * (time.monotonic() - now)
            due = found.due if found.memory.too_large else max(found.due, rested)
            self._again(tree, bounds, found.memory, due)

    def _again(self, tree: Tree, bounds: Bounds, memory: Memory, due: float) -> None:
        delay = max(0.0, due - time.monotonic())
        self._timers[tree.record.id] = self._loop.call_later(delay, self._look, tree, bounds, memory)

    def peak(self, tree: Tree) -> int:
        """Return the most bytes that a look found a tree to have."""
        return self._peaks.get(tree.record.id, 0)

    def _gauge(self, tree: Tree) -> Gauge:
        return self._gauges.setdefault(tree.record.id, Gauge(tree.kin))

    def weigh(self, tree: Tree, *, since: float) -> Weight:
        """Return what a tree uses now; SeeError when it cannot be seen.

        `since` is when it was started (monotonic): the first share is that of its whole life.
        """
        gauge, now = self._gauge(tree), time.monotonic()
        usage = gauge.look()
        since, before = self._last.get(tree.record.id, (since, 0.0))
        self._last[tree.record.id] = (now, usage.cpu)
        share = 100 * (usage.cpu - before) / (now - since) if now > since else 0.0
        return Weight(usage.procs, gauge.pss(), usage.cpu, max(0.0, share))
