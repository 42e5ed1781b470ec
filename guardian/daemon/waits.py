"""Waiting for services to come to where they are wanted, and saying why they did not."""

from __future__ import annotations

import asyncio
import time

from guardian.errors import GuardianError
from guardian.services.events import Wish
from guardian.services.life import State, Wanted
from guardian.services.mind import satisfied, waits_for
from guardian.services.why import Cause
from guardian.units import exact_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.brain import Brain
    from guardian.daemon.bus import Record
    from guardian.services.living import Life

    End = Callable[[Life], bool | None]  # whether it is there; None: not yet, False: it will not come


class Unreached(GuardianError):
    """Services did not come to where they were wanted."""

    exit_code = 1


class Waits:
    """Waits for services of one brain."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    async def until(
        self,
        chosen: list[str],
        end: End,
        timeout: float,
        *,
        tell: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        """Wait until every one of these has come to an end, or one of them cannot: Unreached says why."""
        stuck: dict[str, str] = {}

        def hear(record: Record) -> None:
            stuck[str(record["service"])] = f"{record['service']}: {record['why']}"

        self._brain.bus.listen(hear, topics=frozenset({"stuck"}), services=frozenset(chosen))
        try:
            await self._until_or_stuck(chosen, end, timeout, stuck, tell)
        finally:
            self._brain.bus.leave(hear)

    async def _until_or_stuck(
        self,
        chosen: list[str],
        end: End,
        timeout: float,
        stuck: dict[str, str],
        tell: Callable[[list[str]], None],
    ) -> None:
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            found = {name: end(self._brain.memory.life(name)) for name in chosen}
            failed = [self.complaint(name) for name, good in found.items() if good is False]
            waiting = [name for name, good in found.items() if good is None]
            failed += [stuck[name] for name in waiting if name in stuck]
            failed += [blocked for name in waiting if (blocked := self._blocked(name))]
            if failed:
                raise Unreached("; ".join(failed))
            if not waiting:
                return
            tell(waiting)
            pause = None if deadline is None else deadline - time.monotonic()
            try:
                await asyncio.wait_for(self._brain.decided(), pause)
            except TimeoutError:
                told = "; ".join(self.complaint(name) for name in waiting)
                raise Unreached(f"not within {exact_duration(timeout)}: {told}") from None

    def _blocked(self, name: str) -> str:
        """Say which dependency keeps a service from ever being started by itself; empty: none does."""
        needs = waits_for(self._brain.roster, self._brain.memory, name)
        fatal = [need for need in needs if self._brain.memory.life(need).state is State.FATAL]
        return f"{name} waits for {fatal[0]}; {self.complaint(fatal[0])}" if fatal else ""

    def complaint(self, name: str) -> str:
        """Say how a service stands, and why."""
        life = self._brain.memory.life(name)
        return f"{name} is {life.state.value}: {life.why}"


def is_forgotten(brain: Brain) -> End:
    """Return what tells whether a service is not known any more."""
    return lambda life: True if life.name not in brain.memory.services else None


def is_up(life: Life) -> bool | None:
    """Whether a service is where a start leads; None: not yet, False: it will not come."""
    if satisfied(life):
        return True
    if life.state is State.UNHEALTHY and life.wanted is Wanted.UP:
        return False  # and its policy leaves it so
    return False if life.state in (State.FATAL, State.EXITED) or life.wanted is Wanted.DOWN else None


def has_begun(life: Life) -> bool | None:
    """Whether the command of a service has been started since somebody asked for it."""
    if life.wanted is Wanted.DOWN or life.state is State.FATAL:
        return False
    tried = life.wanted is Wanted.UP and life.state not in (State.STOPPED, State.STARTING, State.STOPPING)
    return True if tried and life.why.cause is not Cause.NOT_SPAWNED else None


def is_down(life: Life) -> bool | None:
    """Whether nothing of a service runs; False: somebody wants it up again."""
    if life.wanted is not Wanted.DOWN:
        return False
    return True if life.empty else None


ENDS: dict[Wish, End] = {
    Wish.START: is_up,
    Wish.RESTART: is_up,
    Wish.STOP: is_down,
    Wish.KILL: is_down,
}
