from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from making import GUARDIAN, INIT, SHELL, bun

from guardian.kill.reach import led_groups, reach
from guardian.procs.model import Proc, Snapshot


def pids(
    snapshot: Snapshot, *known: Proc, groups: frozenset[int] = frozenset(), since: float = 96_000
) -> set[int]:
    found = reach(snapshot, [proc.id for proc in known], groups, {1, 900, 800}, since=since)
    return {who.pid for who in found}


def look(*procs: Proc) -> Snapshot:
    return Snapshot([INIT, SHELL, GUARDIAN, *procs], taken=1000.0)


def test_descendants_belong() -> None:
    """Whoever a member started belongs to the tree (P1)."""
    root = bun(10)
    assert pids(look(root, bun(11, ppid=10, start=95_001)), root) == {10, 11}


def test_a_known_child_whose_parent_died_belongs() -> None:
    """Who was seen once is not lost when its link breaks (P1)."""
    child = bun(11, ppid=1, start=95_001)
    assert pids(look(child), bun(10), child) == {11}


def test_a_newcomer_in_a_group_that_a_member_led_belongs() -> None:
    """A child forked and orphaned between two looks is known by its group (P1)."""
    root = bun(10, pgrp=10)
    newborn = bun(50, ppid=1, start=97_000, pgrp=10)
    assert pids(look(newborn), root, groups=led_groups([root])) == {50}


def test_a_pipeline_neighbour_does_not_belong() -> None:
    """Of `bun test | tee log`, tee is in bun's group and none of its tree (P2)."""
    root = bun(10, pgrp=10)
    tee = Proc(11, 95_001, "tee", "S", 800, pgrp=10, session=800)
    assert pids(look(root, tee), root, groups=led_groups([root])) == {10}


def test_a_reused_pid_does_not_belong() -> None:
    """Another process with a member's pid is a stranger, and so are its children (P2)."""
    stranger = Proc(10, 99_000, "postgres", "S", 800, session=800)
    assert pids(look(stranger, Proc(11, 99_500, "postgres", "S", 10)), bun(10)) == set()


def test_the_spared_and_theirs_do_not_belong() -> None:
    """Nobody spared is reached, whatever the links say (P2)."""
    root = bun(10)
    inside = GUARDIAN.replace(ppid=10, start=96_000)
    assert pids(Snapshot([INIT, root, inside, bun(12, ppid=900, start=97_000)], taken=1000.0), root) == {10}


def test_the_dead_do_not_belong() -> None:
    """A zombie has nothing left to end."""
    root = bun(10)
    assert pids(look(root.replace(state="Z")), root) == set()


def test_only_led_groups_count() -> None:
    """A group that no member leads belongs to somebody else, too (P2)."""
    assert led_groups([bun(10, pgrp=800, session=800), bun(11, pgrp=11)]) == {11}


procs = st.lists(
    st.builds(
        Proc,
        pid=st.integers(2, 30),
        start=st.integers(0, 50),
        name=st.just("x"),
        state=st.sampled_from("RSZ"),
        ppid=st.integers(0, 30),
        pgrp=st.integers(0, 30),
        session=st.integers(0, 30),
    ),
    max_size=30,
)


@given(
    procs=procs,
    known=procs,
    groups=st.frozensets(st.integers(2, 30)),
    spared=st.frozensets(st.integers(2, 30)),
)
def test_for_every_table_nobody_spared_and_nobody_dead_is_reached(
    procs: list[Proc], known: list[Proc], groups: frozenset[int], spared: frozenset[int]
) -> None:
    """Whatever the links say, loops and all: no spared process is a member (P2)."""
    found = reach(Snapshot(procs, taken=1.0), [p.id for p in known], groups, spared, since=25)
    assert not {who.pid for who in found} & spared
    assert not any(proc.gone for proc in found.values())
