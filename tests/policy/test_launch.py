from __future__ import annotations

import pytest
from making import GUARDIAN, INIT, ME, SHELL, bun, rule

from guardian.kill.spare import spared
from guardian.policy.launch import Launch, launches, matching, may_judge
from guardian.policy.limits import Rule
from guardian.procs.match import Selector
from guardian.procs.model import Proc, Snapshot

BUN = rule()


def find(
    *procs: Proc, rules: tuple[Rule, ...] = (BUN,), protected: tuple[Selector, ...] = ()
) -> tuple[Launch, ...]:
    snapshot = Snapshot([INIT, SHELL, GUARDIAN, *procs], taken=1000.0)
    return launches(snapshot, matching(snapshot, rules), spared(snapshot, ME, protected))


def pids(found: tuple[Launch, ...]) -> list[list[int]]:
    return [[proc.pid for proc in launch.members] for launch in found]


def test_a_tree_counts_once() -> None:
    """A bun that starts buns is one launch with all of them as members (P4)."""
    found = find(bun(10), bun(11, ppid=10, start=95_001), bun(12, ppid=11, start=95_002))
    assert pids(found) == [[10, 11, 12]]


def test_members_need_not_match() -> None:
    """Whatever a launch started belongs to it, under any name (P4)."""
    found = find(bun(10), Proc(11, 95_001, "chrome", "S", 10))
    assert pids(found) == [[10, 11]]


def test_a_match_below_another_process_is_still_below() -> None:
    """Bun → sh → bun is one launch."""
    found = find(bun(10), Proc(11, 95_001, "sh", "S", 10), bun(12, ppid=11, start=95_002))
    assert pids(found) == [[10, 11, 12]]


def test_the_first_rule_that_matches_has_the_process() -> None:
    """A process is judged by one rule: the first in the file's order."""
    first, second = rule("first"), rule("second")
    found = find(bun(10), rules=(first, second))
    assert [launch.rule.name for launch in found] == ["first"]


def test_an_ancestor_of_guardian_is_no_launch_but_its_other_children_are() -> None:
    """An agent that runs under bun lives; the `bun test` it forgot still count (P2)."""
    agent = bun(700, start=50_000)
    guardian = GUARDIAN.replace(ppid=700)
    snapshot = Snapshot([INIT, SHELL, agent, guardian, bun(10, ppid=700), bun(11, ppid=700)], taken=1000.0)
    found = launches(snapshot, matching(snapshot, (BUN,)), spared(snapshot, ME, ()))
    assert pids(found) == [[10], [11]]


def test_the_protected_are_no_members_and_neither_is_what_they_started() -> None:
    """A protected process is left out of a tree together with its children (P2)."""
    protected = (Selector(names=("postgres",)),)
    found = find(
        bun(10),
        Proc(11, 95_001, "postgres", "S", 10),
        Proc(12, 95_002, "helper", "S", 11),
        protected=protected,
    )
    assert pids(found) == [[10]]


def test_kernel_threads_and_the_dead_never_match() -> None:
    """A kernel thread or a zombie called bun is no launch (P2)."""
    assert find(bun(10, kernel=True), bun(11, state="Z")) == ()


def test_a_zombie_leader_with_living_threads_is_a_launch() -> None:
    """State Z with threads that go on is alive (P1)."""
    assert pids(find(bun(10, state="Z", threads=3))) == [[10]]


@pytest.mark.parametrize(
    ("ppid", "session", "orphan"),
    [
        (800, 800, False),  # started by the shell
        (1, 800, True),  # adopted by init
        (2000, 800, True),  # adopted by a subreaper of another session
        (800, 10, False),  # a session of its own, its starter lives
        (3000, 800, False),  # its parent is not to be seen: that proves nothing
    ],
)
def test_orphans(ppid: int, session: int, orphan: bool) -> None:
    """An orphan is told by its session, not by parent 1 alone: subreapers adopt too."""
    subreaper = Proc(2000, 5, "systemd", "S", 1, session=2000)
    (found,) = find(subreaper, bun(10, ppid=ppid, session=session))
    assert found.orphan is orphan


def test_a_launch_below_an_orphaned_wrapper_is_an_orphan() -> None:
    """`timeout 60 bun test` whose caller died: the wrapper is the orphan, the launch counts as one."""
    wrapper = Proc(20, 94_000, "timeout", "S", 1, session=800)
    (found,) = find(wrapper, bun(10, ppid=20))
    assert found.orphan


def test_a_login_shell_makes_no_orphan() -> None:
    """A session leader below init is where a person is logged in."""
    (found,) = find(bun(10, ppid=800))
    assert not found.orphan


@pytest.mark.parametrize(
    ("users", "uid", "user", "expected"),
    [
        ((), 1000, "me", True),
        ((), 0, "root", False),
        ((), -1, "", False),
        (("*",), 0, "root", True),
        (("*",), -1, "", False),
        (("ci",), 33, "ci", True),
        (("33",), 33, "www", True),
        (("ci",), 1000, "me", False),
    ],
)
def test_whose_processes_a_rule_is_about(users: tuple[str, ...], uid: int, user: str, expected: bool) -> None:
    """One's own, unless the rule names users; a user that cannot be read is nobody's (P2)."""
    assert may_judge(rule(users=users), bun(10, uid=uid), uid=1000, user=user) is expected


def test_foreground_is_that_of_any_member() -> None:
    """`npm test` in front of a person has its bun in front of them too."""
    (found,) = find(bun(10), Proc(11, 95_001, "vim", "S", 10, pgrp=11, tty=34816, tpgid=11))
    assert found.foreground
    (found,) = find(bun(10, pgrp=10, tty=34816, tpgid=800))
    assert not found.foreground
