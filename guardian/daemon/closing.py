"""The end of a daemon, in five phases: nothing new, ask, wait, force, clean up."""

from __future__ import annotations

import asyncio

from guardian.daemon.waits import ENDS, Unreached
from guardian.services.events import Ask, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardian.daemon.brain import Brain
    from guardian.daemon.waits import Waits

    Tell = Callable[[dict[str, object]], None]

PHASES = (
    "takes nothing new",
    "asks everything to stop",
    "waits for what has not stopped",
    "forces what would not stop",
    "cleans up",
)
FORCED = 15.0  # seconds after SIGKILL before whoever is left is named and left


class Closing:
    """Ends everything, once; it may be asked again, in more of a hurry."""

    def __init__(self, brain: Brain, waits: Waits) -> None:
        self._brain, self._waits = brain, waits
        self.begun = False  # nothing new is taken any more
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()  # the exit code

    def soon(self) -> None:
        """End everything, as a signal asks for."""
        if not self.begun:
            self.begun = True
            self._task = asyncio.get_running_loop().create_task(self.close(0.0, lambda _: None))

    async def close(self, timeout: float, tell: Tell) -> list[str]:
        """End everything within `timeout` seconds, 0: as the services may take; return who is left."""
        self.begun = True
        brain = self._brain

        def phase(number: int, more: str = "") -> None:
            text = PHASES[number - 1] + more
            tell({"topic": "shutdown", "phase": number, "of": len(PHASES), "text": text})
            brain.log.info("shutdown %d/%d: %s", number, len(PHASES), text)

        phase(1)
        everybody = tuple(brain.memory.services)
        phase(2, f": {_counted(brain, everybody)}")
        await brain.settle(Ask(Wish.STOP, everybody, "down"))
        phase(3)
        if not await self._all_gone(everybody, timeout or _longest(brain, everybody)):
            phase(4, f": {', '.join(_left(brain, everybody))}")
            await brain.settle(Ask(Wish.KILL, everybody, "down"))
            await self._all_gone(everybody, FORCED)
        left = _left(brain, everybody)
        phase(5, f"; still running: {', '.join(left)}" if left else "")
        brain.sentry.dismiss()
        if not self.done.done():
            self.done.set_result(1 if left else 0)
        return left

    async def _all_gone(self, everybody: tuple[str, ...], timeout: float) -> bool:
        try:
            await self._waits.until(list(everybody), ENDS[Wish.STOP], timeout)
        except Unreached:
            return False
        return True


def _counted(brain: Brain, everybody: Iterable[str]) -> str:
    running = sum(brain.memory.life(name).live for name in everybody)
    return f"{running} running"


def _left(brain: Brain, everybody: Iterable[str]) -> list[str]:
    return [name for name in everybody if not brain.memory.life(name).empty]


def _longest(brain: Brain, everybody: Iterable[str]) -> float:
    """Return how long it may take in all when everybody needs its whole stop_timeout, in its turn."""
    specs = (brain.memory.life(name).spec for name in everybody)
    return 5.0 + sum(spec.stop_timeout for spec in specs if spec is not None)
