"""The open cases and what is known about each; pure.

(docket, snapshot, outcomes) → (docket, sends, closed)
"""

from __future__ import annotations

from guardian.actions import Outcome, Send
from guardian.kill.escalate import Case, Phase, given_up, step
from guardian.kill.reach import led_groups, reach
from guardian.policy.launch import Launch
from guardian.procs.model import TICKS, Proc, ProcId, Snapshot
from guardian.procs.rates import cpu_total
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping


class Dossier(Value):
    """What a receipt will tell about the tree of a case, gathered while it still lives."""

    root: Proc
    seen: Mapping[ProcId, Proc] = {}  # every member, as it was last seen
    groups: frozenset[int] = frozenset()  # sessions and process groups that members led at the last look
    born: float = 0.0  # when the case was opened, in ticks of the clock of start times
    exact: bool = False  # whether `peak` counts shared pages once
    peak: int = 0  # bytes, the most that the tree was seen with
    cpu: float = 0.0  # seconds, the most that the tree was seen to have used


class Docket(Value):
    """All open cases, by their id."""

    cases: Mapping[str, Case] = {}
    dossiers: Mapping[str, Dossier] = {}

    @property
    def condemned(self) -> frozenset[ProcId]:
        """The roots of the trees that are being ended."""
        return frozenset(dossier.root.id for dossier in self.dossiers.values())

    @property
    def living(self) -> frozenset[ProcId]:
        """Everybody who still has to go."""
        return frozenset(target.who for case in self.cases.values() for target in case.living)

    @property
    def forcing(self) -> bool:
        """Whether somebody has been stopped or killed and is not gone yet: no moment to leave."""
        return any(case.phase is not Phase.ASKING for case in self.cases.values())

    def abandoned(self, why: str) -> tuple[tuple[Case, Dossier], ...]:
        """Return the open cases as they are when nobody goes on with them."""
        return tuple((given_up(case, why), self.dossiers[name]) for name, case in self.cases.items())

    def opened(self, case: Case, launch: Launch, snapshot: Snapshot) -> Docket:
        """Return the docket with one more case on a tree."""
        seen = {proc.id: proc for proc in launch.members}
        dossier = Dossier(
            root=launch.root,
            seen=seen,
            groups=led_groups(seen.values()),
            born=snapshot.taken * TICKS,
            exact=launch.looked_at,
            peak=launch.pss,
            cpu=cpu_total(launch.members),
        )
        return Docket({**self.cases, case.id: case}, {**self.dossiers, case.id: dossier})


class Progress(Value):
    """What one round did to the docket."""

    docket: Docket
    sends: tuple[Send, ...] = ()
    closed: tuple[tuple[Case, Dossier], ...] = ()
    due: float | None = None


def advance(
    docket: Docket,
    snapshot: Snapshot,
    outcomes: Iterable[Outcome],
    *,
    spared: Container[int],
    session: int,
) -> Progress:
    """Take every open case one step further; `session` is guardian's own, whose members are not stopped."""
    outcomes = tuple(outcomes)
    cases: dict[str, Case] = {}
    dossiers: dict[str, Dossier] = {}
    sends: list[Send] = []
    closed: list[tuple[Case, Dossier]] = []
    due: list[float] = []
    for name, case in docket.cases.items():
        alive, dossier = _looked_up(docket.dossiers[name], snapshot, spared)
        own = frozenset(who for who, proc in alive.items() if proc.session == session)
        turn = step(case, alive.keys(), outcomes, snapshot.at, keep_running=own)
        if turn.case.closed:
            closed.append((turn.case, dossier))
            continue
        cases[name], dossiers[name] = turn.case, dossier
        sends += turn.sends
        due += [turn.due] if turn.due is not None else []
    return Progress(Docket(cases, dossiers), tuple(sends), tuple(closed), min(due, default=None))


def _looked_up(
    dossier: Dossier, snapshot: Snapshot, spared: Container[int]
) -> tuple[dict[ProcId, Proc], Dossier]:
    """Find who of a tree lives now, and note what is new about it."""
    alive = reach(snapshot, dossier.seen, dossier.groups, spared, since=dossier.born)
    everybody = {**dossier.seen, **alive}
    resident = sum(proc.rss for proc in alive.values())
    return alive, dossier.replace(
        seen=everybody,
        groups=led_groups_of(everybody, alive),
        peak=dossier.peak if dossier.exact else max(dossier.peak, resident),
        cpu=max(dossier.cpu, cpu_total(alive.values())),
    )


def led_groups_of(everybody: Mapping[ProcId, Proc], alive: Mapping[ProcId, Proc]) -> frozenset[int]:
    """Return the groups that a member, dead or alive, led and that still have a living member."""
    held = {group for proc in alive.values() for group in (proc.pgrp, proc.session)}
    return led_groups(everybody.values()) & held
