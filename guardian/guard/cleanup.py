"""One intervention from beginning to end: judge once, end what breaks the rules, see that it is gone."""

from __future__ import annotations

import time

from guardian.effects.receipts import Receipt
from guardian.guard.ledger import hanging, receipt, record_actions
from guardian.guard.round import Charter, Round, State, play, see, verdict
from guardian.procs.deaths import DeathWatch
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardian.effects.journal import Recorder
    from guardian.guard.docket import Dossier
    from guardian.guard.world import World
    from guardian.kill.escalate import Case
    from guardian.policy.launch import Launch
    from guardian.policy.mind import Breach, Watch
    from guardian.procs.model import ProcId

LONGEST_WAIT = 0.25  # seconds without a look at who else was forked, while a tree has its grace


class Plan(Value):
    """What a cleanup would do: the launches, and which of them have to go."""

    launches: tuple[Launch, ...]
    breaches: tuple[Breach, ...]
    spared: dict[int, str]


class Summary(Value):
    """What a cleanup did."""

    launches: tuple[Launch, ...]
    receipts: tuple[Receipt, ...] = ()
    interrupted: bool = False  # before everybody was gone

    @property
    def survivors(self) -> bool:
        """Whether somebody would not go."""
        return any(each.survivors for each in self.receipts)


def plan(world: World, charter: Charter, *, wait: Callable[[float], object]) -> Plan:
    """Judge as `cleanup` would, and touch nothing; `wait` sleeps between looks that confirm."""
    state = State()
    while True:
        sight = see(world, charter, state.memory)
        found = verdict(charter, sight)
        state = state.replace(memory=found.memory)
        if not _unsure(found.memory, charter):
            return Plan(sight.launches, found.breaches, dict(sight.spared))
        wait(max(0.0, (found.due or 0.0) - sight.snapshot.at))


def _unsure(memory: Mapping[ProcId, Watch], charter: Charter) -> bool:
    """Whether a tree looked too large once, and has to be looked at again before it is judged."""
    if charter.everything:
        return False
    return any(0 < watch.too_large < charter.confirmations for watch in memory.values())


class Cleanup:
    """Plays rounds until what was judged at the beginning is gone, or is known not to go."""

    def __init__(
        self,
        world: World,
        charter: Charter,
        recorder: Recorder,
        *,
        progress: Callable[[Round], None] = lambda _: None,
        interrupted: Callable[[], bool] = lambda: False,
        keep_receipts: bool = True,
    ) -> None:
        self._keep_receipts = keep_receipts  # not of a dry run
        self._world = world
        self._charter = charter
        self._recorder = recorder
        self._progress = progress
        self._interrupted = interrupted

    def run(self) -> Summary:
        """Do it; returns when everybody is gone or was given up, or soon after an interruption.

        Whoever has been stopped by then is killed and waited for first: nobody would ever continue him.
        """
        deaths = DeathWatch(self._world.table.identify)
        try:
            return self._run(deaths)
        finally:
            deaths.close()

    def _run(self, deaths: DeathWatch) -> Summary:
        state, judging = State(), True
        receipts: list[Receipt] = []
        first: tuple[Launch, ...] = ()
        while True:
            done = play(self._world, self._charter, state, judging=judging)
            first = first or done.sight.launches
            if self._keep_receipts:
                record_actions(self._recorder, done.outcomes, self._world.wall())
            receipts += [self._closed(done, *each) for each in done.closed]
            self._progress(done)
            state = done.state
            judging = judging and _unsure(state.memory, self._charter)
            if not judging and not state.docket.cases:
                return Summary(first, tuple(receipts))
            if self._interrupted() and not state.docket.forcing:
                receipts += [self._closed(done, *each) for each in state.docket.abandoned("interrupted")]
                return Summary(first, tuple(receipts), interrupted=True)
            self._wait(deaths, done)

    def _closed(self, done: Round, case: Case, dossier: Dossier) -> Receipt:
        snapshot = done.sight.snapshot
        states = hanging(self._world.table, snapshot, case)
        at = self._world.wall()
        result = receipt(case, dossier, by=self._recorder.by, at=at, now=snapshot.at, states=states)
        if self._keep_receipts:
            self._recorder.record("receipt", at, receipt=result.record())
        return result

    def _wait(self, deaths: DeathWatch, done: Round) -> None:
        """Wait until all who have to go have gone, or the next look is due."""
        deaths.follow(done.state.docket.living)
        now = done.sight.snapshot.at
        left = min(max(0.0, (done.due if done.due is not None else now) - now), LONGEST_WAIT)
        wait_for_all(deaths, left)


def wait_for_all(deaths: DeathWatch, seconds: float) -> None:
    """Wait until all of the watched have ended or the time is over; with nobody to watch, the time."""
    deadline = time.monotonic() + seconds
    somebody = bool(deaths.watched)
    while (left := deadline - time.monotonic()) > 0:
        deaths.ended(left)
        if somebody and not deaths.watched:
            return
