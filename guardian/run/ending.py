"""Ending a tree: the automaton of `kill.escalate` over the members that a containment finds."""

from __future__ import annotations

import signal
import time

from guardian.actions import How, Outcome, Sent
from guardian.kill.escalate import PATIENCE, Phase, open_case, step
from guardian.kill.signals import SIGNALS, send
from guardian.procs.linux import read_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.actions import Reason, Send
    from guardian.contain.contract import Containment
    from guardian.kill.escalate import Case
    from guardian.procs.model import Proc, ProcId

MOMENT = 0.0005  # seconds: whoever hides needs the processor too, to be caught or to die
FEW = 30  # members whose command lines are read before they are signalled: a millisecond
NAMED = 100  # members whose command lines are kept; a bomb has thousands of the same


class Ending:
    """One tree that has to go. `turn` is called until `closed`, at its due times and at deaths."""

    def __init__(
        self,
        containment: Containment,
        reason: Reason,
        *,
        name: str,
        now: float,
        grace: float,
        ask: int = signal.SIGTERM,
        shared_group: int = 0,
    ) -> None:
        self._containment = containment
        self._signals: dict[How, tuple[int, ...]] = {**SIGNALS, How.ASK: (ask, signal.SIGCONT)}
        self._shared_group = shared_group  # a process group with others in it, who must not be hung up on
        self.case: Case = open_case(name, reason, now=now, grace=grace)
        self.members: dict[ProcId, Proc] = {}  # everybody who ever was found
        self._outcomes: list[Outcome] = []
        self._hidden_since: float | None = None
        self._held = False  # whether everybody was frozen at once in this turn
        self._rest = now  # until when events need no look

    def force(self, now: float) -> None:
        """Ask no longer: the next turn freezes and kills."""
        if not self.case.closed:
            self.case = self.case.replace(grace=now - self.case.since)

    def turn(self, now: float) -> float | None:
        """Look, decide, signal; return when to look again at the latest, None when it is over.

        Called at every death, of which a crowd has hundreds: a look that takes long is followed by
        as long a rest, in which they can die.
        """
        if now < self._rest and self.case.phase is not Phase.FREEZING and not self._containment.empty():
            return self._rest
        due = self._take_turn(now)
        ended = time.monotonic()
        self._rest = ended + (ended - now)
        return due

    def _take_turn(self, now: float) -> float | None:
        found = {proc.id: proc for proc in self._containment.members()}
        if not found and self._somebody_hides(now):
            return now + MOMENT  # look again, before it is called the end
        self._hidden_since = None
        due = self._step(found, now)
        if self._held:  # the kernel holds everybody: another look would find nobody new
            due = self._step(found, now)
        return due

    def _step(self, found: dict[ProcId, Proc], now: float) -> float | None:
        newcomers = [who for who in found if who not in self.members]
        turn = step(self.case, found.keys(), self._outcomes, now, keep_running=self._not_to_stop(found))
        self.case = turn.case
        if len(newcomers) <= FEW:
            self._remember(found, newcomers)
        self._outcomes = self._carry_out(turn.sends, found)
        if len(newcomers) > FEW:
            self._remember(found, newcomers)
        return turn.due

    def _remember(self, found: dict[ProcId, Proc], newcomers: list[ProcId]) -> None:
        """Keep who everybody was, for the receipt; the signals to many do not wait for it."""
        for who in newcomers[: max(0, NAMED - len(self.members))]:
            found[who] = found[who].replace(command=read_command(f"/proc/{who.pid}"))
        self.members |= {who: found[who] for who in newcomers}

    def _somebody_hides(self, now: float) -> bool:
        """Whether somebody is left whom the look did not find: who forks and dies faster than one can read.

        Not for ever: a dead child that a foreign debugger holds can be reaped by nobody.
        """
        if self._containment.empty():
            return False
        self._hidden_since = now if self._hidden_since is None else self._hidden_since
        return now - self._hidden_since < PATIENCE

    def _not_to_stop(self, found: dict[ProcId, Proc]) -> frozenset[ProcId]:
        """Return those whom SIGSTOP would make dangerous to others.

        A process group that loses its last link to the session while a member is stopped gets
        SIGHUP and SIGCONT (setpgid(2)): a shell's pipeline, an agent that called us.
        """
        if not self._shared_group:
            return frozenset()
        return frozenset(who for who, proc in found.items() if proc.pgrp == self._shared_group)

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
        """Let the kernel do it to all at once where it can; return to whom it did."""
        self._held = False
        if How.FORCE in hows:
            return self._containment.kill(found.values())
        if How.FREEZE in hows:
            frozen = self._containment.freeze(found.values())
            self._held = frozen >= found.keys()
            self._containment.brake(proc for who, proc in found.items() if who not in frozen)
            return frozen
        return frozenset()
