"""Who started whom: tables, and what holds for every snapshot, cyclic and hostile ones too."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.procs import tree
from guardian.procs.model import Proc, Snapshot


def snapshot(*procs: Proc) -> Snapshot:
    return Snapshot(procs, taken=1000.0)


def proc(pid: int, ppid: int = 1, *, start: int = 0, session: int = 0, **more: int) -> Proc:
    return Proc(pid, start or pid, "x", "S", ppid, session=session, **more)


PIDS = st.integers(0, 9)
ANY = st.lists(
    st.builds(
        Proc,
        pid=PIDS,
        start=st.integers(0, 6),
        name=st.just("x"),
        state=st.sampled_from("RSDTtZX"),
        ppid=PIDS,
        pgrp=PIDS,
        session=PIDS,
    ),
    min_size=1,
    max_size=12,
).map(lambda procs: snapshot(*procs))


@given(ANY)
def test_descendants_hold_for_every_snapshot(seen: Snapshot) -> None:
    """Whatever the parents say: no loop, no root, nobody twice, parents first, none younger (P2)."""
    for root in seen:
        below = tree.descendants(seen, root)
        place = {each.pid: number for number, each in enumerate(below)}
        assert root.pid not in place
        assert len(place) == len(below)
        for each in below:
            above = root if each.ppid == root.pid else seen.procs[each.ppid]
            assert above.start <= each.start
            assert above is root or place[above.pid] < place[each.pid]


@given(ANY)
def test_ancestors_hold_for_every_snapshot(seen: Snapshot) -> None:
    """Going up ends, meets nobody twice, never the process itself, and nobody younger than who is below."""
    for each in seen:
        chain = [each, *tree.ancestors(seen, each)]
        assert len({one.pid for one in chain}) == len(chain)
        assert all(above.start <= below.start for below, above in pairwise(chain))


@given(ANY)
def test_up_and_down_agree(seen: Snapshot) -> None:
    """Where starts differ, who is below somebody has that one above: a tree is one thing, either way seen."""
    starts = [each.start for each in seen]
    if len(set(starts)) < len(starts):
        return
    for root in seen:
        assert {each.pid for each in tree.descendants(seen, root)} == {
            each.pid for each in seen if root in tree.ancestors(seen, each)
        }


@given(ANY, st.frozensets(PIDS, max_size=4))
def test_nobody_is_found_behind_a_cut(seen: Snapshot, cut: frozenset[int]) -> None:
    """A pid in `stop_at` is left out, and who is only reached through it (P2)."""
    without = snapshot(*(each for each in seen if each.pid not in cut))
    for root in without:
        found = {each.pid for each in tree.descendants(seen, root, stop_at=cut)}
        assert found == {each.pid for each in tree.descendants(without, root)}


@pytest.mark.parametrize("circle", [(5, 6), (5, 6, 7), (5,)])
def test_a_circle_is_walked_once(circle: tuple[int, ...]) -> None:
    """Parents that go round, as rows read at different moments can say, end the walk, up and down (P2)."""
    above = dict(zip(circle, circle[1:] + circle[:1], strict=True))
    seen = snapshot(*(proc(pid, above[pid], start=9) for pid in circle), proc(20, 5))
    assert [each.pid for each in tree.ancestors(seen, seen.procs[20])] == list(circle)
    assert {each.pid for each in tree.descendants(seen, seen.procs[5])} == {*circle[1:], 20}


def test_a_tree_is_found_whole() -> None:
    """Children and theirs are found, siblings and strangers are not."""
    seen = snapshot(proc(1, 0), proc(10), proc(11, 10), proc(12, 11), proc(13, 10), proc(20), proc(21, 20))
    assert [each.pid for each in tree.descendants(seen, seen.procs[10])] == [11, 13, 12]
    assert [each.pid for each in tree.ancestors(seen, seen.procs[12])] == [11, 10, 1]


@pytest.mark.parametrize(
    ("child", "has"),
    [
        (proc(50, 10, start=99), False),  # the parent is younger: its pid is another's by now
        (proc(50, 10, start=100), True),  # the same tick: both may be
        (proc(50, 10, start=101), True),
        (proc(50, 49, start=101), False),  # nobody has the pid
        (proc(50, 50, start=101), False),  # itself
        (proc(50, 0, start=101), False),
    ],
)
def test_a_younger_parent_is_no_parent(child: Proc, has: bool) -> None:
    """A link counts only when the parent is the older of the two (P2)."""
    older = proc(10, start=100)
    seen = snapshot(older, child)
    assert (tree.parent(seen, child) is older) == has
    assert tree.descendants(seen, older) == ([child] if has else [])


def test_a_deep_chain_is_walked_in_linear_time() -> None:
    """A chain of 3,000 processes, each the child of the one before, is no trap (P12)."""
    seen = snapshot(*(proc(pid, pid - 1) for pid in range(2, 3002)))
    assert len(tree.ancestors(seen, seen.procs[3001])) == 2999
    assert len(tree.descendants(seen, seen.procs[2])) == 2999


INIT = proc(1, 0, session=1)
MANAGER = proc(100, 1, session=100)  # a subreaper: systemd --user
TERMINAL = proc(200, 100, session=100)
SHELL = proc(300, 200, session=300)
HARNESS = proc(400, 300, session=300)  # a subreaper within the session of the shell
CROWD = (INIT, MANAGER, TERMINAL, SHELL, HARNESS)


@pytest.mark.parametrize(
    ("who", "orphan"),
    [
        (proc(900, 300, session=300), False),
        (proc(900, 300, session=900), False),
        (proc(900, 1, session=300), True),
        (proc(900, 1, session=900), True),
        (proc(900, 100, session=300), True),
        (proc(900, 100, session=500), True),
        (proc(900, 400, session=300), False),
        (proc(900, 400, session=900), False),
        (proc(900, 400, session=100), False),
        (proc(900, 777, session=300), False),
        (proc(900, 0, session=300), False),
        (proc(900, 950, session=300), False),
    ],
    ids=[
        "a child of the shell",
        "setsid'd by a living parent",
        "init has it",
        "a daemon, its own session",
        "the user's manager has it, from the shell's session",
        "the same, and the leader of its session is dead",
        "a subreaper of its own session has it: cannot be told",
        "a session leader under a subreaper: cannot be told",
        "its parent left their session after it was started",
        "its parent is not to be seen (hidepid)",
        "its parent is in another PID namespace (docker exec)",
        "its parent is not there any more by the rows",
    ],
)
def test_who_is_an_orphan(who: Proc, orphan: bool) -> None:
    """An orphan is one whose starter is known to be gone; what cannot be told is none (P2)."""
    assert tree.is_orphan(snapshot(*CROWD, who), who) is orphan


def test_init_is_no_orphan() -> None:
    """The first process, and those that the kernel or another namespace started, are nobody's orphans."""
    assert not tree.is_orphan(snapshot(INIT), INIT)


def test_an_orphan_of_an_init_that_is_not_seen() -> None:
    """The parent 1 is enough, whether its row is there or not (hidepid)."""
    who = proc(900, 1)
    assert tree.is_orphan(snapshot(who), who)


@pytest.mark.parametrize(
    ("who", "foreground"),
    [
        (proc(5, tty=34816, pgrp=5, tpgid=5), True),
        (proc(5, tty=34816, pgrp=4, tpgid=4), True),  # a member of the foreground's group
        (proc(5, tty=34816, pgrp=5, tpgid=9), False),  # a job in the background
        (proc(5, tty=34816, pgrp=5, tpgid=-1), False),  # nobody has the foreground
        (proc(5, tty=0, pgrp=5, tpgid=5), False),
        (proc(5, tty=0, pgrp=5, tpgid=-1), False),
        (proc(5), False),
    ],
)
def test_who_is_in_the_foreground(who: Proc, foreground: bool) -> None:
    """In the foreground is who has a terminal and is of the group that it listens to."""
    assert tree.in_foreground(who) is foreground
