from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.actions import How, Kind, Outcome, Reason, Send, Sent
from guardian.kill.escalate import (
    FREEZE_LOOKS,
    LIVING,
    PATIENCE,
    PHASES,
    SENDS,
    Case,
    Phase,
    Sign,
    Stage,
    Turn,
    open_case,
    step,
)
from guardian.procs.model import ProcId

WHY = Reason("bun", Kind.AGE, 400, 300)
A, B, C = ProcId(10, 1), ProcId(11, 2), ProcId(12, 3)


def case(*, grace: float = 5.0, force: bool = False) -> Case:
    return open_case("r7k2", WHY, now=100.0, grace=grace, force=force)


def said(turn: Turn) -> list[tuple[int, How]]:
    return sorted(((send.target.pid, send.how) for send in turn.sends), key=str)


def test_the_table_of_phases_is_total() -> None:
    """Every phase knows what follows from every sign."""
    assert set(PHASES) == {(phase, sign) for phase in Phase for sign in Sign}


def test_the_table_of_signals_is_total() -> None:
    """Every phase knows what a living member gets at every stage."""
    assert set(SENDS) == {(phase, stage) for phase in Phase for stage in LIVING}


def test_everyone_is_asked_first() -> None:
    """The whole tree gets SIGTERM at once, and nobody anything harder (P3)."""
    assert said(step(case(), {A, B}, (), 100.0)) == [(10, How.ASK), (11, How.ASK)]


def test_nobody_is_asked_twice() -> None:
    """A second look in the grace signals only who is new (P3)."""
    first = step(case(), {A}, (), 100.0)
    assert said(step(first.case, {A, B}, (), 101.0)) == [(11, How.ASK)]


def test_the_grace_is_for_everyone_also_when_the_leader_is_gone() -> None:
    """A child outlives its leader by the rest of the grace before anything harder comes (P3)."""
    first = step(case(), {A, B}, (), 100.0)
    second = step(first.case, {B}, (), 100.1)
    assert second.sends == ()
    assert second.due == 105.0
    assert second.case.targets[A].stage is Stage.GONE
    assert said(step(second.case, {B}, (), 105.0)) == [(11, How.FREEZE)]


def test_frozen_first_then_killed() -> None:
    """After the grace everyone is stopped, and killed only when a look finds nobody new (P1, P3)."""
    first = step(case(), {A}, (), 100.0)
    frozen = step(first.case, {A}, (), 105.0)
    assert said(frozen) == [(10, How.FREEZE)]
    newcomer = step(frozen.case, {A, B}, (), 105.0)
    assert said(newcomer) == [(11, How.FREEZE)]
    assert said(step(newcomer.case, {A, B}, (), 105.0)) == [(10, How.FORCE), (11, How.FORCE)]


def test_a_tree_that_forks_faster_than_one_can_look_is_killed_all_the_same() -> None:
    """Freezing is bounded: a bomb is not chased for ever (P1)."""
    turn = step(case(force=True), {A}, (), 100.0)
    everybody = {A}
    for number in range(FREEZE_LOOKS + 1):
        everybody.add(ProcId(1000 + number, 1))
        turn = step(turn.case, everybody, (), 100.0)
    assert turn.case.phase is Phase.FORCING
    assert {how for _, how in said(turn)} == {How.FORCE}


def test_force_asks_nobody() -> None:
    """With --force the first signal is the stop, the second the kill."""
    first = step(case(force=True), {A}, (), 100.0)
    assert said(first) == [(10, How.FREEZE)]
    assert said(step(first.case, {A}, (), 100.0)) == [(10, How.FORCE)]


def test_members_of_guardians_own_session_are_not_stopped() -> None:
    """Who shares guardian's session goes from asked to killed without SIGSTOP (P2)."""
    first = step(case(force=True), {A, B}, (), 100.0, keep_running={A})
    assert said(first) == [(11, How.FREEZE)]
    second = step(first.case, {A, B}, (), 100.0, keep_running={A})
    assert said(second) == [(10, How.FORCE), (11, How.FORCE)]


def test_all_gone_closes_the_case() -> None:
    """A case is over when a look finds nobody, and says who ended when (P8)."""
    first = step(case(), {A}, (), 100.0)
    last = step(first.case, set(), (), 102.5)
    assert last.case.closed
    assert last.case.survivors == ()
    assert last.case.targets[A].ended == 102.5


def test_who_will_not_go_is_given_up_and_named() -> None:
    """A process that SIGKILL does not end is named after PATIENCE, never waited for without end (P1)."""
    turn = step(case(force=True), {A}, (), 100.0)
    turn = step(turn.case, {A}, (), 100.0)
    turn = step(turn.case, {A}, (), 100.0 + PATIENCE)
    assert turn.case.closed
    assert [(t.who, t.stage) for t in turn.case.survivors] == [(A, Stage.GAVE_UP)]


def test_who_may_not_be_signalled_is_named_with_the_systems_words() -> None:
    """A denied signal makes a named survivor, and the case goes on for the others (P1)."""
    first = step(case(), {A, B}, (), 100.0)
    no = Outcome(Send(A, How.ASK, "r7k2", WHY), Sent.DENIED, "Operation not permitted")
    last = step(first.case, {A}, (no,), 101.0)
    assert last.case.closed
    assert [(t.who, t.note) for t in last.case.survivors] == [(A, "Operation not permitted")]


def test_a_signal_that_failed_is_sent_again() -> None:
    """Guardian's own trouble (no descriptor left) makes nobody a survivor: the next look tries again (P1)."""
    first = step(case(), {A}, (), 100.0)
    failed = Outcome(first.sends[0], Sent.FAILED, "Too many open files")
    second = step(first.case, {A}, (failed,), 100.1)
    assert said(second) == [(10, How.ASK)]
    assert second.case.targets[A].sent == ((How.ASK, 100.1),)


def test_another_cases_outcome_changes_nothing() -> None:
    """An outcome counts for the case whose action it answers."""
    first = step(case(), {A}, (), 100.0)
    other = Outcome(Send(A, How.ASK, "zzzz", WHY), Sent.DENIED)
    assert step(first.case, {A}, (other,), 100.1).case.targets[A].stage is Stage.ASKED


def test_a_pid_that_is_somebody_else_by_now_is_dropped() -> None:
    """A target whose pid another process has is gone; the other one is no target (P2)."""
    first = step(case(), {A}, (), 100.0)
    outcome = Outcome(first.sends[0], Sent.GONE)
    turn = step(first.case, set(), (outcome,), 106.0)
    assert turn.sends == ()
    assert turn.case.closed


looks = st.lists(
    st.tuples(st.sets(st.sampled_from([A, B, C, ProcId(13, 9)])), st.floats(0, 4)), min_size=1, max_size=25
)


@given(looks=looks, grace=st.floats(0, 10), force=st.booleans())
def test_whatever_happens_no_kill_before_the_grace_and_never_two_signals_in_a_step(
    looks: list[tuple[set[ProcId], float]], grace: float, force: bool
) -> None:
    """For every course of events: KILL never before the grace is over, one signal a step and process (P3)."""
    now = 100.0
    current = open_case("r7k2", WHY, now=now, grace=grace, force=force)
    sent: dict[ProcId, list[How]] = {}
    for alive, wait in looks:
        turn = step(current, alive, (), now)
        current = turn.case
        assert len({send.target for send in turn.sends}) == len(turn.sends)
        for send in turn.sends:
            assert send.target in alive
            assert send.how not in sent.get(send.target, [])
            sent.setdefault(send.target, []).append(send.how)
            if send.how is not How.ASK and not force:
                assert now - 100.0 >= grace
        assert (turn.due is None) == current.closed
        now += wait
    for hows in sent.values():
        assert hows == sorted(hows, key=lambda how: how.value)


@pytest.mark.parametrize("force", [False, True])
def test_every_case_ends(force: bool) -> None:
    """Looked at again whenever it is due, a case of the undying closes in bounded time (P1)."""
    turn = step(case(force=force), {A}, (), 100.0)
    for _ in range(2000):
        if turn.case.closed:
            break
        assert turn.due is not None
        turn = step(turn.case, {A}, (), turn.due)
    assert turn.case.closed
    assert [how for how, _ in turn.case.targets[A].sent][-1] is How.FORCE
