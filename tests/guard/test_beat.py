from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from guardian.guard.beat import Beat
from guardian.procs.model import ProcId


class Rounds:
    """Stands for a monitor: counts its rounds, and says when it was called."""

    interval = 3600.0

    def __init__(self, *, delay: float = 3600.0, busy_rounds: int = 0) -> None:
        self.count = 0
        self.judged: list[bool] = []
        self.living: frozenset[ProcId] = frozenset()
        self.called = asyncio.Event()
        self.fails = False
        self._delay = delay
        self._busy_rounds = busy_rounds

    @property
    def busy(self) -> bool:
        return self.count < self._busy_rounds

    def beat(self, *, judging: bool = True) -> float:
        self.count += 1
        self.judged.append(judging)
        self.called.set()
        if self.fails:
            raise RuntimeError("a bad look")
        return self._delay

    async def next(self) -> None:
        """Wait for the next round."""
        await asyncio.wait_for(self.called.wait(), 10)
        self.called.clear()


class Held:
    """A beat that runs in the background of a test, and ends with it."""

    def __init__(self, rounds: Rounds) -> None:
        self.reloads = 0
        self.failures: list[Exception] = []
        self.beat = Beat(
            rounds,  # type: ignore[arg-type]
            identify=lambda _: None,
            reload=self._reload,
            failed=self.failures.append,
        )

    def _reload(self) -> None:
        self.reloads += 1

    async def __aenter__(self) -> Held:
        self.task = asyncio.create_task(self.beat.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(self.task, 10)


async def test_the_first_round_comes_at_once() -> None:
    """A monitor looks as soon as it runs, not an interval later."""
    rounds = Rounds()
    async with Held(rounds):
        await rounds.next()
    assert rounds.count == 1


async def test_a_round_comes_when_the_last_one_wanted_it() -> None:
    """The rhythm is the monitor's own, within the interval (P12)."""
    rounds = Rounds(delay=0.01)
    async with Held(rounds):
        for _ in range(5):
            await rounds.next()


async def test_a_wall_clock_that_is_set_back_delays_no_round() -> None:
    """A scheduler that waits for a wall clock an hour behind is overtaken by the monotonic timer (P4)."""
    rounds = Rounds(delay=0.05)
    async with Held(rounds) as held:
        await rounds.next()
        await asyncio.sleep(0)  # let the round arm its timers
        held.beat._job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
        await rounds.next()


async def test_a_round_that_fails_is_told_and_the_next_comes() -> None:
    """One bad look does not end the guard (P1)."""
    rounds = Rounds()
    rounds.fails = True
    async with Held(rounds) as held:
        await rounds.next()
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
        await rounds.next()
    assert [str(error) for error in held.failures[:2]] == ["a bad look", "a bad look"]


async def test_sighup_reads_the_rules_again_and_looks() -> None:
    """A new configuration is in force at once."""
    rounds = Rounds()
    async with Held(rounds) as held:
        await rounds.next()
        os.kill(os.getpid(), signal.SIGHUP)
        await rounds.next()
    assert held.reloads == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(number: signal.Signals) -> None:
    """SIGTERM and ^C end a monitor that has nothing under way at once."""
    rounds = Rounds()
    async with Held(rounds) as held:
        await rounds.next()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(held.task, 10)


async def test_what_was_begun_is_finished_first() -> None:
    """A monitor that is told to stop ends the tree that it has begun to end, and judges nobody new (P3)."""
    rounds = Rounds(delay=0.01, busy_rounds=4)
    async with Held(rounds) as held:
        await rounds.next()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(held.task, 10)
    assert rounds.count >= 4
    assert rounds.judged[0] is True
    assert rounds.judged[-1] is False


async def test_the_last_death_calls_a_round() -> None:
    """That nobody is left is an event, not something found by polling (P12)."""
    rounds = Rounds()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        signal.pause()
    rounds.living = frozenset({ProcId(child, 7)})
    held = Held(rounds)
    held.beat._deaths._identify = lambda pid: ProcId(pid, 7)
    async with held:
        await rounds.next()
        await asyncio.sleep(0)
        rounds.living = frozenset()
        os.kill(child, signal.SIGKILL)
        await rounds.next()
    os.waitpid(child, 0)
