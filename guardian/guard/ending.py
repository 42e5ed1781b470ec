"""Ending a tree: the automaton of `kill.escalate` over the members that a containment finds."""

from __future__ import annotations

import signal

from guardian.actions import How, Outcome, Sent
from guardian.kill.escalate import open_case, step
from guardian.kill.signals import SIGNALS, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.actions import Reason, Send
    from guardian.contain.contract import Containment
    from guardian.kill.escalate import Case
    from guardian.procs.model import Proc, ProcId


class Ending:
    """One tree that has to go. `turn` is called until `closed`, at its due times and at deaths."""

    def __init__(
        self, containment: Containment, reason: Reason, *, now: float, grace: float, ask: int = signal.SIGTERM
    ) -> None:
        self._containment = containment
        self._signals = {**SIGNALS, How.ASK: (signal.Signals(ask), signal.SIGCONT)}
        self.case: Case = open_case("run", reason, now=now, grace=grace)
        self.members: dict[ProcId, Proc] = {}  # everybody who ever was found
        self._outcomes: list[Outcome] = []

    def force(self, now: float) -> None:
        """Ask no longer: the next turn freezes and kills."""
        if not self.case.closed:
            self.case = self.case.replace(grace=now - self.case.since)

    def turn(self, now: float) -> float | None:
        """Look, decide, signal; return when to look again at the latest, None when it is over."""
        found = {proc.id: proc for proc in self._containment.members()}
        self.members |= found
        turn = step(self.case, found.keys(), self._outcomes, now)
        self.case = turn.case
        self._outcomes = self._carry_out(turn.sends, found)
        return turn.due

    def _carry_out(self, sends: tuple[Send, ...], found: dict[ProcId, Proc]) -> list[Outcome]:
        """Send; what the kernel can do to all at once is done at once."""
        at_once = self._at_once({each.how for each in sends}, found)
        return [
            Outcome(each, Sent.DONE)
            if each.target in at_once
            else Outcome(each, *send(each.target, self._signals[each.how], self._containment.identify))
            for each in sends
        ]

    def _at_once(self, hows: set[How], found: dict[ProcId, Proc]) -> frozenset[ProcId]:
        if How.FORCE in hows:
            return self._containment.kill()
        if How.FREEZE in hows:
            self._containment.brake(found.values())
            return self._containment.freeze()
        return frozenset()
