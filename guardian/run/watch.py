"""Looking at a running command: the run's own clock, what the tree uses, what the limits say."""

from __future__ import annotations

import time

from guardian.policy.runlimits import (
    fresh,
    judge,
    needs_foreground,
    needs_io,
    needs_pss,
    needs_written,
    worse,
)
from guardian.run.gauge import Gauge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.actions import Reason
    from guardian.contain.contract import Containment
    from guardian.policy.runlimits import Usage
    from guardian.run.order import Order

REST = 9  # times what a look took before the next: looks take a tenth of a core at most


class Watch:
    """Looks when a look is due, and remembers what the next one needs."""

    def __init__(self, order: Order, containment: Containment, *, started: float) -> None:
        self._order, self.gauge = order, Gauge(containment)
        self.memory = fresh(started)
        self._output = 0  # bytes that passed through guardian
        self.due: float | None = started  # monotonic
        self.usage: Usage | None = None  # of the last look
        self.cost = 0.0  # seconds that it took
        self._paused = 0.0  # seconds that the job was stopped
        self._paused_since: float | None = None

    def pause(self, now: float) -> None:
        """Let the run's clock stand still: the whole job is stopped."""
        if self._paused_since is None:
            self._paused_since, self.due = now, None

    def resume(self, now: float) -> None:
        """Let the run's clock go on."""
        if self._paused_since is not None:
            self._paused += now - self._paused_since
            self._paused_since, self.due = None, now

    @property
    def deadline(self) -> float:
        """When the timeout is over, monotonic, if the job is not stopped any more."""
        return self.memory.started + self._order.bounds.timeout + self._paused

    @property
    def paused(self) -> bool:
        """Whether the clock stands still."""
        return self._paused_since is not None

    def look(self, now: float, *, output: int = 0) -> Reason | None:
        """Return why the tree has to go, None when it need not; sets `due`."""
        overflows = 0 < self._order.bounds.max_output < output
        if not overflows and (self.due is None or now < self.due):
            return None
        self._output = output
        began, clock = time.monotonic(), now - self._paused
        self.usage = self._measured(clock)
        self.cost = time.monotonic() - began
        judgement = judge(self._order.bounds, self.memory, self.usage, clock, rule=self._order.cause)
        self.memory = judgement.memory
        self.due = None if judgement.due is None else self._affordable(judgement.due + self._paused)
        return judgement.reason

    def _affordable(self, due: float) -> float:
        """Return a moment that is late enough for looks not to take more than their share of a core.

        A look at a thousand processes takes 30 ms. The timeout is no later for it, and who was
        found too large is looked at again at once.
        """
        rested = time.monotonic() + REST * self.cost
        if self.memory.too_large or due >= rested:
            return due
        return max(due, min(rested, self.deadline)) if self._order.bounds.timeout else rested

    def _measured(self, clock: float) -> Usage:
        """Look, and look closer where a limit asks for it."""
        bounds, gauge = self._order.bounds, self.gauge
        usage = gauge.look()
        return usage.replace(
            output=self._output,
            pss=gauge.pss() if needs_pss(bounds, usage) else -1,
            io=gauge.io() if needs_io(bounds, self.memory, usage, clock) else -1,
            written=gauge.written() if needs_written(bounds) else -1,
            foreground=needs_foreground(bounds, self.memory, clock) and gauge.foreground(),
        )

    def grows_on(self, *, output: int = 0) -> bool:
        """Whether a tree that was asked to end makes it worse."""
        if self.usage is None:
            return False
        return worse(self._order.bounds, self.usage, self.gauge.look().replace(output=output))
