"""Snapshots: one moment, questions about it, and a closer view of some."""

from __future__ import annotations

import pickle

import pytest

from guardian.procs.model import Proc, ProcId, Snapshot, Wants


def proc(pid: int, ppid: int = 1, *, start: int = 100, state: str = "S", **more: int) -> Proc:
    return Proc(pid, start, "x", state, ppid, **more)


@pytest.mark.parametrize(
    ("state", "threads", "gone"),
    [
        *((state, 1, False) for state in "RSDTtI"),
        ("Z", 1, True),
        ("Z", 0, True),
        ("Z", 2, False),
        ("X", 1, True),
        ("X", 5, True),
        ("x", 1, True),
    ],
)
def test_who_is_gone(state: str, threads: int, gone: bool) -> None:
    """Gone is who has no thread that runs: a dead leader of living threads is not (P1)."""
    assert proc(5, state=state, threads=threads).gone is gone


def test_an_identity_is_pid_and_start() -> None:
    """Two processes are one only by pid *and* start; an identity is a key and survives pickling (P2)."""
    assert proc(5).id == ProcId(5, 100)
    assert proc(5).id != ProcId(5, 101)
    assert proc(5).id != ProcId(6, 100)
    assert ProcId(5, 100) != (5, 100)
    assert {ProcId(5, 100): 1}[pickle.loads(pickle.dumps(ProcId(5, 100)))] == 1
    assert repr(ProcId(5, 100)) == "5@100"


def test_a_snapshot_answers_for_the_same_process_only() -> None:
    """Asking for a process that has another start finds nobody (P2)."""
    seen = Snapshot([proc(5)], taken=2.0)
    assert seen.get(ProcId(5, 100)) is seen.procs[5]
    assert seen.get(ProcId(5, 99)) is None
    assert seen.get(ProcId(6, 100)) is None


@pytest.mark.parametrize(("taken", "age"), [(3.5, 2.5), (1.0, 0.0), (0.5, 0.0)])
def test_an_age_is_never_negative(taken: float, age: float) -> None:
    """Who began while the look went on has the age 0."""
    assert Snapshot([], taken=taken).age(proc(5)) == age


def test_a_closer_view_leaves_the_first_as_it_was() -> None:
    """A snapshot does not change: what is seen more closely is another one of the same moment."""
    first = Snapshot([proc(5), proc(6, 5)], taken=2.0, at=1.0, suspended=0.5)
    second = first.with_procs([proc(6, 5).replace(pss=7)])
    assert (first.procs[6].pss, second.procs[6].pss) == (-1, 7)
    assert (second.taken, second.at, second.suspended) == (2.0, 1.0, 0.5)
    assert list(second.procs) == [5, 6]
    assert second.children[5] == [second.procs[6]]
    assert first.children[5] == [first.procs[6]]


def test_wants_say_whether_there_are_any() -> None:
    """Asking for nothing is false, so that nobody looks for nothing."""
    assert not Wants()
    assert Wants(io=frozenset({1}))


def test_a_snapshot_is_a_status_line() -> None:
    """Its repr says how many and when."""
    assert repr(Snapshot([proc(5)], taken=2.0)) == "<Snapshot of 1 processes at 2.00>"
    assert len(Snapshot([proc(5), proc(6)], taken=0)) == 2
