"""Ending a tree: the automaton of `kill.escalate` over the members that a containment finds."""

from __future__ import annotations

import signal
import time

from guardian.actions import How, Outcome, Sent
from guardian.kill.escalate import PATIENCE, Phase, open_case, step
from guardian.kill.signals import SIGNALS, send_to_all
from guardian.procs.linux import read_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.actions import Reason, Send
    from guardian.contain.contract import Containment
    from guardian.kill.escalate import Case
    from guardian.procs.model import Proc, ProcId

MOMENT = 0.0005  # seconds: whoever hides needs the processor too, to be caught or to die
FEW = 30  # members whose command lines are read before they are signalled: a millisecond
LONG_REST = 3  # times as long as a look took: they die sooner when nobody counts them
CROWD = 50  # members; of more many die in the same moment
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
        seen: Iterable[Proc] = (),
    ) -> None:
        self._containment = containment
        self._signals: dict[How, tuple[int, ...]] = {**SIGNALS, How.ASK: (ask, signal.SIGCONT)}
        self._shared_group = shared_group  # a process group with others in it, who must not be hung up on
        self.case: Case = open_case(name, reason, now=now, grace=grace)
        self.members: dict[ProcId, Proc] = {}  # everybody who ever was found
        self._outcomes: list[Outcome] = []
        self._hidden_since: float | None = None
        self._all_killed = False  # whether the kernel has ended everybody at once
        self._found = 0  # members at the last look
        self._rest = now  # until when events need no look
        self._seen = list(seen)  # the members at a look just before, which the first turn need not repeat

    def force(self, now: float) -> None:
        """Ask no longer: the next turn freezes and kills."""
        if not self.case.closed:
            self.case = self.case.replace(grace=now - self.case.since)
            self._rest = now

    def hasten(self, by: float) -> None:
        """Let the grace be over at this moment, if it would be later."""
        if self.case.phase is Phase.ASKING and self.case.since + self.case.grace > by:
            self.case = self.case.replace(grace=by - self.case.since)
            self._rest = min(self._rest, by)

    def turn(self, now: float) -> float | None:
        """Look, decide, signal; return when to look again at the latest, None when it is over.

        Called at every death, of which a crowd has hundreds: a look that takes long is followed by
        as long a rest, in which they can die; by a longer one where nothing depends on being quick.
        """
        if now < self._rest and self.case.phase is not Phase.FREEZING and not self._containment.empty():
            return self._rest
        due = self._take_turn(now)
        ended = time.monotonic()
        asking = self.case.phase is Phase.ASKING
        rest = (LONG_REST if asking or self._all_killed else 1) * (ended - now)
        self._rest = min(ended + rest, self.case.since + self.case.grace if asking else ended + rest)
        return due

    @property
    def crowded(self) -> bool:
        """Whether so many were found at the last look that their deaths are better taken in together."""
        return self._found > CROWD

    def _take_turn(self, now: float) -> float | None:
        found = {proc.id: proc for proc in self._seen or self._containment.members()}
        self._seen, self._found = [], len(found)
        if not found and self._somebody_hides(now):
            return now + MOMENT  # look again, before it is called the end
        self._hidden_since = None
        at_once = self._ended_at_once(found, now)
        due = self._step(found, at_once, now)
        if self.case.phase is Phase.FREEZING and at_once >= found.keys():
            due = self._step(found, at_once, now)  # nobody has to be stopped, so nobody else to be found
        return due

    def _ended_at_once(self, found: dict[ProcId, Proc], now: float) -> frozenset[ProcId]:
        """Return those who need not be stopped before they are killed; nobody as long as they are asked."""
        case = self.case
        if case.phase is Phase.FORCING or (case.phase is Phase.ASKING and now - case.since < case.grace):
            return frozenset()
        return self._containment.at_once(found.values())

    def _step(self, found: dict[ProcId, Proc], at_once: frozenset[ProcId], now: float) -> float | None:
        newcomers = [who for who in found if who not in self.members]
        spared = at_once | self._not_to_stop(found)
        turn = step(self.case, found.keys(), self._outcomes, now, keep_running=spared)
        self.case = turn.case
        if len(newcomers) <= FEW:
            self._remember(found, newcomers)
        self._outcomes = self._carry_out(turn.sends, found, at_once)
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

    def _carry_out(
        self, sends: tuple[Send, ...], found: dict[ProcId, Proc], at_once: frozenset[ProcId]
    ) -> list[Outcome]:
        """Send; who can be killed by the kernel at once is."""
        outcomes: list[Outcome] = []
        owner = self._containment
        for how in {each.how for each in sends}:
            if how is How.FREEZE:
                owner.brake(proc for who, proc in found.items() if who not in at_once)
            killed = owner.kill(found.values()) if how is How.FORCE else frozenset()
            self._all_killed = killed >= found.keys()
            ours = [each for each in sends if each.how is how]
            rest = [each.target for each in ours if each.target not in killed]
            said = dict.fromkeys(killed, (Sent.DONE, ""))
            said |= send_to_all(rest, self._signals[how], owner.identify, owner.holds)
            outcomes += [Outcome(each, *said[each.target]) for each in ours]
        return outcomes
