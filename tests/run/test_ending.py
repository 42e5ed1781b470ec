"""Ending a tree, turn by turn, on a containment that is made up."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from guardian.actions import Kind, Reason, Sent
from guardian.kill.escalate import Phase
from guardian.procs.model import Proc, ProcId
from guardian.run import ending as module
from guardian.run.ending import CROWD, Ending

GRACE = 5.0
FIRST = 900_000_000  # above every pid that there can be: nobody could be hit


def procs(*numbers: int) -> list[Proc]:
    """Return made-up processes."""
    return [Proc(FIRST + n, n, "made-up", "S", 1) for n in numbers]


@dataclass
class Pen:
    """A containment whose members are what a test says; with `kernel` it can kill all at once."""

    living: list[Proc] = field(default_factory=list)
    kernel: bool = False
    looks: int = 0
    braked: list[Proc] = field(default_factory=list)
    killed: list[Proc] = field(default_factory=list)
    sent: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def members(self) -> list[Proc]:
        self.looks += 1
        return list(self.living)

    def empty(self) -> bool:
        return not self.living

    def identify(self, pid: int) -> ProcId | None:
        return next((proc.id for proc in self.living if proc.pid == pid), None)

    def holds(self, targets: Iterable[ProcId]) -> frozenset[ProcId]:
        return frozenset(targets)

    def brake(self, members: Iterable[Proc]) -> None:
        self.braked += members

    def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        return frozenset(proc.id for proc in members) if self.kernel else frozenset()

    def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        found = list(members)
        self.killed += found if self.kernel else []
        return self.at_once(found)


@pytest.fixture
def pen(monkeypatch: pytest.MonkeyPatch) -> Pen:
    """A containment; what would be sent to its members is noted."""
    made = Pen(procs(1, 2))

    def note(
        targets: Iterable[ProcId], signals: tuple[int, ...], *_: object
    ) -> dict[ProcId, tuple[Sent, str]]:
        made.sent += [(who.pid - FIRST, signals) for who in targets]
        return dict.fromkeys(targets, (Sent.DONE, ""))

    monkeypatch.setattr(module, "send_to_all", note)
    return made


def ending(pen: Pen, *, grace: float = GRACE, seen: Iterable[Proc] = ()) -> Ending:
    """Return the end of that tree, which begins at 0."""
    reason = Reason("run", Kind.AGE)
    return Ending(pen, reason, name="test", now=0.0, grace=grace, seen=seen)  # type: ignore[arg-type]


ASK = (signal.SIGTERM, signal.SIGCONT)


def test_who_was_just_seen_is_not_looked_at_again(pen: Pen) -> None:
    """The look that decided about a tree serves its first turn: everybody is asked without another (P12)."""
    ending(pen, seen=procs(1, 2)).turn(0.0)
    assert pen.looks == 0
    assert pen.sent == [(1, ASK), (2, ASK)]


def test_who_is_killed_at_once_is_not_stopped_before(pen: Pen) -> None:
    """Where nobody can be forked past the kill all die in the turn that ends the grace, unstopped (P1)."""
    pen.kernel = True
    case = ending(pen)
    case.turn(0.0)
    case._rest = 0.0
    case.turn(GRACE)
    assert case.case.phase is Phase.FORCING
    assert [proc.id for proc in pen.killed] == [proc.id for proc in pen.living]
    assert pen.sent == [(1, ASK), (2, ASK)]
    assert pen.braked == []


def test_who_left_is_stopped_and_killed_on_its_own(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that the kernel would not kill with the others is braked, stopped, killed (P1)."""
    first, second = procs(1, 2)
    monkeypatch.setattr(pen, "at_once", lambda members: frozenset({first.id}))
    monkeypatch.setattr(pen, "kill", lambda members: frozenset({first.id}))
    case = ending(pen, grace=0.0)
    case.turn(0.0)
    case._rest = 0.0
    case.turn(0.0)
    assert pen.braked == [second]
    assert pen.sent == [(2, (signal.SIGSTOP,)), (2, (signal.SIGKILL,))]


def test_a_crowd_that_is_asked_is_left_alone_for_a_while(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deaths of a crowd cause no look while looking would only delay them; ^C does, at once (P12)."""
    clock = iter((1.0, 2.0, 3.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    pen.living = procs(*range(CROWD + 1))
    case = ending(pen)
    case.turn(0.0)  # takes a second
    assert case.crowded
    assert case.turn(3.5) == 4.0
    assert pen.looks == 1
    case.force(3.5)
    case.turn(3.5)
    assert pen.looks == 2
    assert case.case.phase is not Phase.ASKING


def test_a_grace_can_be_cut_but_not_prolonged(pen: Pen) -> None:
    """Who is left has no more time than the shorter of two graces (P6)."""
    case = ending(pen, seen=procs(1, 2))
    case.turn(0.0)
    case.hasten(2 * GRACE)
    assert case.case.grace == GRACE
    case.hasten(0.4)
    case.hasten(0.5)
    case._rest = 0.0
    assert case.turn(0.3) == 0.4
