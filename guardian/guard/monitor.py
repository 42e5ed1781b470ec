"""The guard that goes on: round after round, at the rhythm that the machine asks for."""

from __future__ import annotations

from guardian.errors import SeeError
from guardian.guard.ledger import hanging, receipt, record_actions
from guardian.guard.round import Charter, Round, State, play
from guardian.policy.rhythm import Headroom, machine_due, next_look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from guardian.effects.journal import Recorder
    from guardian.effects.receipts import Receipt
    from guardian.guard.world import World
    from guardian.procs.model import ProcId

    class Voice(Protocol):
        """Who is told what the monitor does: a log, alerts."""

        def opened(self, done: Round) -> None:
            """Cases were opened in this round."""

        def closed(self, receipt: Receipt) -> None:
            """A case is over."""


class Monitor:
    """Plays rounds; knows neither clock nor loop. `beat` says when it wants the next one."""

    def __init__(
        self,
        world: World,
        charter: Charter,
        recorder: Recorder,
        voice: Voice,
        *,
        interval: float,
        keep_receipts: bool = True,
    ) -> None:
        self._keep_receipts = keep_receipts  # not of a dry run
        self.charter = charter
        self.interval = interval
        self._world = world
        self._recorder = recorder
        self._voice = voice
        self._state = State()
        self._headroom: Headroom | None = None

    @property
    def living(self) -> frozenset[ProcId]:
        """Everybody who has to go and is still there."""
        return self._state.docket.living

    @property
    def busy(self) -> bool:
        """Whether an intervention is under way."""
        return bool(self._state.docket.cases)

    @property
    def forcing(self) -> bool:
        """Whether somebody has been stopped or killed and is not gone yet: no moment to leave."""
        return self._state.docket.forcing

    def beat(self, *, judging: bool = True) -> float:
        """Play one round; return the seconds until the next. SeeError when nothing could be seen."""
        done = play(self._world, self.charter, self._state, judging=judging)
        self._state = done.state
        if done.breaches:
            self._voice.opened(done)
        if self._keep_receipts:
            record_actions(self._recorder, done.outcomes, self._world.wall())
        for number in range(len(done.closed)):
            self._close(done, number)
        now = done.sight.snapshot.at
        return next_look(now, self.interval, done.due, self._machine_due(now)) - now

    def _close(self, done: Round, number: int) -> None:
        case, dossier = done.closed[number]
        snapshot, at = done.sight.snapshot, self._world.wall()
        states = hanging(self._world.table, snapshot, case)
        result = receipt(case, dossier, by=self._recorder.by, at=at, now=snapshot.at, states=states)
        if self._keep_receipts:
            self._recorder.record("receipt", at, receipt=result.record())
        self._voice.closed(result)

    def _machine_due(self, now: float) -> float | None:
        """Return when the machine's shrinking memory wants another look."""
        try:
            machine = self._world.machine()
        except SeeError:
            return None  # the processes were seen, so the round counts; only this wish is missing
        before, self._headroom = (
            self._headroom,
            Headroom(now, machine.memory_available, machine.memory_total),
        )
        return machine_due(before, self._headroom)
