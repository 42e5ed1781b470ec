"""The automaton that ends a tree: asked, then frozen, then forced; gone, or given up. Pure.

A case walks through its phases over rounds, never in a blocking wait. In each phase every
member gets the signal of that phase once, whenever it is found:

    ASKING    SIGTERM + SIGCONT to everyone; until all are gone or the grace is over
    FREEZING  SIGSTOP to everyone, look again, until a look finds nobody new
    FORCING   SIGKILL to everyone; until all are gone or patience is over
    CLOSED    who is left is named: DENIED (the system forbids it) or GAVE_UP (deaf to SIGKILL)

Two tables say so, PHASES and SENDS; a test proves that they are total.
"""

from __future__ import annotations

from enum import Enum

from guardian.actions import How, Outcome, Reason, Send, Sent
from guardian.procs.model import ProcId
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

PATIENCE = 10.0  # seconds after the first SIGKILL before who is left is named and left
FREEZE_LOOKS = 20  # looks that may find newcomers before forcing starts all the same
RELOOK = 0.02  # seconds between looks while forcing, for newcomers and for deaths nobody told of


class Phase(Enum):
    """Where a case is."""

    ASKING = "asking"
    FREEZING = "freezing"
    FORCING = "forcing"
    CLOSED = "closed"


class Stage(Enum):
    """How far one member has come. The first four are alive."""

    NEW = "new"
    ASKED = "asked"
    FROZEN = "frozen"
    FORCED = "forced"
    GONE = "gone"
    DENIED = "denied"
    GAVE_UP = "gave up"


class Sign(Enum):
    """What a look tells about a case, the first that is true."""

    EMPTY = "nobody is left"
    TIME_OVER = "the phase has had its time"
    SETTLED = "nobody new was found"
    WAITING = "none of these"


LIVING = (Stage.NEW, Stage.ASKED, Stage.FROZEN, Stage.FORCED)
ENDINGS = (Stage.GONE, Stage.DENIED, Stage.GAVE_UP)

PHASES: dict[tuple[Phase, Sign], Phase] = {
    (Phase.ASKING, Sign.EMPTY): Phase.CLOSED,
    (Phase.ASKING, Sign.TIME_OVER): Phase.FREEZING,
    (Phase.ASKING, Sign.SETTLED): Phase.ASKING,
    (Phase.ASKING, Sign.WAITING): Phase.ASKING,
    (Phase.FREEZING, Sign.EMPTY): Phase.CLOSED,
    (Phase.FREEZING, Sign.TIME_OVER): Phase.FORCING,
    (Phase.FREEZING, Sign.SETTLED): Phase.FORCING,
    (Phase.FREEZING, Sign.WAITING): Phase.FREEZING,
    (Phase.FORCING, Sign.EMPTY): Phase.CLOSED,
    (Phase.FORCING, Sign.TIME_OVER): Phase.CLOSED,
    (Phase.FORCING, Sign.SETTLED): Phase.FORCING,
    (Phase.FORCING, Sign.WAITING): Phase.FORCING,
    (Phase.CLOSED, Sign.EMPTY): Phase.CLOSED,
    (Phase.CLOSED, Sign.TIME_OVER): Phase.CLOSED,
    (Phase.CLOSED, Sign.SETTLED): Phase.CLOSED,
    (Phase.CLOSED, Sign.WAITING): Phase.CLOSED,
}

SENDS: dict[tuple[Phase, Stage], How | None] = {
    (Phase.ASKING, Stage.NEW): How.ASK,
    (Phase.ASKING, Stage.ASKED): None,
    (Phase.ASKING, Stage.FROZEN): None,
    (Phase.ASKING, Stage.FORCED): None,
    (Phase.FREEZING, Stage.NEW): How.FREEZE,
    (Phase.FREEZING, Stage.ASKED): How.FREEZE,
    (Phase.FREEZING, Stage.FROZEN): None,
    (Phase.FREEZING, Stage.FORCED): None,
    (Phase.FORCING, Stage.NEW): How.FORCE,
    (Phase.FORCING, Stage.ASKED): How.FORCE,
    (Phase.FORCING, Stage.FROZEN): How.FORCE,
    (Phase.FORCING, Stage.FORCED): None,
    (Phase.CLOSED, Stage.NEW): None,
    (Phase.CLOSED, Stage.ASKED): None,
    (Phase.CLOSED, Stage.FROZEN): None,
    (Phase.CLOSED, Stage.FORCED): None,
}

_AFTER = {How.ASK: Stage.ASKED, How.FREEZE: Stage.FROZEN, How.FORCE: Stage.FORCED}


class Target(Value):
    """One member of a case: how far it has come, what was sent to it when, and its end."""

    who: ProcId
    stage: Stage = Stage.NEW
    sent: tuple[tuple[How, float], ...] = ()
    ended: float | None = None
    note: str = ""  # the system's words when it forbade a signal


class Case(Value):
    """One intervention: a tree that has to go, and why."""

    id: str
    reason: Reason
    opened: float  # seconds on the caller's clock, as every `now` here
    grace: float
    phase: Phase = Phase.ASKING
    since: float = 0.0  # when the phase began
    looks: int = 0  # looks in this phase
    targets: Mapping[ProcId, Target] = {}

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.phase is Phase.CLOSED

    @property
    def living(self) -> tuple[Target, ...]:
        """Those who still have to go."""
        return tuple(t for t in self.targets.values() if t.stage in LIVING)

    @property
    def survivors(self) -> tuple[Target, ...]:
        """Those whom it could not end."""
        return tuple(t for t in self.targets.values() if t.stage in (Stage.DENIED, Stage.GAVE_UP))


class Turn(Value):
    """What one step returns: the case as it is now, what to send, when to look again at the latest."""

    case: Case
    sends: tuple[Send, ...]
    due: float | None


def open_case(name: str, reason: Reason, *, now: float, grace: float, force: bool = False) -> Case:
    """Return a fresh case; `force` begins at freezing, without asking."""
    return Case(name, reason, now, grace, Phase.FREEZING if force else Phase.ASKING, now)


def step(
    case: Case,
    alive: Set[ProcId],
    outcomes: Iterable[Outcome],
    now: float,
    *,
    keep_running: Set[ProcId] = frozenset(),
) -> Turn:
    """Take one step: `alive` are all living members that this look found, newcomers included.

    `keep_running` are never stopped, only killed: processes of guardian's own session, where a
    stopped group that loses its leader gets SIGHUP (setpgid(2), orphaned groups).
    """
    targets = _with_outcomes(dict(case.targets), case.id, outcomes, now)
    newcomers = _with_the_living(targets, alive, now)
    case = case.replace(targets=targets, looks=case.looks + 1)
    case = _walked(case, newcomers=newcomers, now=now)
    sends = _orders(case, keep_running)
    moved = {send.target: _moved(case.targets[send.target], send.how, now) for send in sends}
    if case.phase is Phase.FREEZING:
        left = [t for t in case.living if t.who in keep_running]
        moved |= {target.who: target.replace(stage=Stage.FROZEN) for target in left}
    return Turn(case.replace(targets={**case.targets, **moved}), sends, _due(case, now))


def _orders(case: Case, keep_running: Set[ProcId]) -> tuple[Send, ...]:
    """Return the signal that each living member gets in this phase and has not had."""
    hows = [(stage, SENDS[case.phase, stage]) for stage in LIVING]
    wanted = [
        (target.who, how)
        for stage, how in hows
        if how is not None
        for target in case.targets.values()
        if target.stage is stage
    ]
    return tuple(
        Send(who, how, case.id, case.reason)
        for who, how in wanted
        if not (how is How.FREEZE and who in keep_running)
    )


def _moved(target: Target, how: How, now: float) -> Target:
    """Return a member after a signal was sent to it."""
    return Target(target.who, _AFTER[how], (*target.sent, (how, now)), target.ended, target.note)


def _with_outcomes(
    targets: dict[ProcId, Target], case: str, outcomes: Iterable[Outcome], now: float
) -> dict[ProcId, Target]:
    """Mark whom a signal did not find, or was not allowed to reach."""
    for outcome in outcomes:
        if outcome.result is Sent.DONE:
            continue
        who = outcome.action.target
        target = targets.get(who)
        if target is None or outcome.action.case != case or target.stage not in LIVING:
            continue
        if outcome.result is Sent.GONE:
            targets[who] = target.replace(stage=Stage.GONE, ended=now)
        elif outcome.result in (Sent.DENIED, Sent.UNSENT):
            targets[who] = target.replace(stage=Stage.DENIED, note=outcome.note)
        elif outcome.result is Sent.FAILED:
            targets[who] = _taken_back(target)
    return targets


def _taken_back(target: Target) -> Target:
    """Return a member as it was before its last signal, which never reached it."""
    sent = target.sent[:-1]
    return target.replace(stage=_AFTER[sent[-1][0]] if sent else Stage.NEW, sent=sent)


def _with_the_living(targets: dict[ProcId, Target], alive: Set[ProcId], now: float) -> bool:
    """Mark the dead, take in the newcomers; say whether there were any."""
    for who, target in targets.items():
        if target.stage in LIVING and who not in alive:
            targets[who] = Target(who, Stage.GONE, target.sent, now, target.note)
    newcomers = [who for who in alive if who not in targets]
    targets.update({who: Target(who) for who in newcomers})
    return bool(newcomers)


def _sign(case: Case, *, newcomers: bool, now: float) -> Sign:
    """Say what this look means for the case."""
    if not case.living:
        return Sign.EMPTY
    over = {
        Phase.ASKING: now - case.since >= case.grace,
        Phase.FREEZING: case.looks > FREEZE_LOOKS,
        Phase.FORCING: now - case.since >= PATIENCE,
        Phase.CLOSED: False,
    }
    if over[case.phase]:
        return Sign.TIME_OVER
    return Sign.WAITING if newcomers else Sign.SETTLED


def _walked(case: Case, *, newcomers: bool, now: float) -> Case:
    """Return the case in the phase that follows from this look."""
    following = PHASES[case.phase, _sign(case, newcomers=newcomers, now=now)]
    if following is case.phase:
        return case
    if following is Phase.CLOSED:
        return given_up(case).replace(since=now, looks=0)
    return case.replace(phase=following, since=now, looks=0)


def given_up(case: Case, note: str = "") -> Case:
    """Return the case closed; who still lives is named as a survivor, with `note`."""
    left = {t.who: t.replace(stage=Stage.GAVE_UP, note=note) for t in case.living}
    return case.replace(phase=Phase.CLOSED, targets={**case.targets, **left})


def _due(case: Case, now: float) -> float | None:
    """Return when the next look is due even if no event comes."""
    if case.phase is Phase.ASKING:
        return case.since + case.grace
    if case.phase is Phase.FREEZING:
        return now
    return now + RELOOK if case.phase is Phase.FORCING else None
