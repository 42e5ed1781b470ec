"""Whom guardian never signals: a table, and the plain rule as an oracle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardian.kill.spare import Self, spared
from guardian.procs.match import Selector
from guardian.procs.model import Proc, Snapshot

SNAPSHOT = Snapshot(
    [
        Proc(1, 0, "init", "S", 0),
        Proc(2, 0, "kthreadd", "S", 0, kernel=True),
        Proc(10, 10, "bun", "S", 1, command=("bun", "agent.ts")),  # the agent that calls guardian
        Proc(11, 11, "sh", "S", 10, command=("sh", "-c", "guardian cleanup")),
        Proc(12, 12, "guardian", "R", 11),
        Proc(13, 13, "bun", "R", 10, command=("bun", "test")),  # its sibling
        Proc(14, 14, "curl", "R", 12),  # its child
        Proc(20, 20, "sshd", "S", 1, command=("sshd: root@pts/0",)),
        Proc(21, 21, "sshd", "Z", 20),
        Proc(30, 30, "guardian", "S", 1),  # the monitor
    ],
    taken=1.0,
)


def test_who_is_spared() -> None:
    """Pid 1, the kernel, guardians, their caller above them and the protected are; nobody else (P2)."""
    me = Self(12, 0, guardians=frozenset({30}))
    assert spared(SNAPSHOT, me, [Selector(("sshd",))]) == {
        1: "pid 1",
        2: "a kernel thread",
        10: "an ancestor of guardian",
        11: "an ancestor of guardian",
        12: "guardian",
        20: "protected",
        30: "guardian",
    }


def test_ancestors_have_to_be_older() -> None:
    """Whoever has the pid of a dead parent now is no ancestor: it is not spared for that (P1)."""
    seen = Snapshot([Proc(11, 99, "bun", "R", 1), Proc(12, 12, "guardian", "R", 11)], taken=1.0)
    assert 11 not in spared(seen, Self(12, 0))


def test_guardian_is_spared_unseen() -> None:
    """Also when a look does not hold guardian, or nobody at all, it and pid 1 are spared (P2)."""
    assert spared(Snapshot([], taken=1.0), Self(12, 0)) == {1: "pid 1", 12: "guardian"}


PROCS = st.lists(
    st.builds(
        Proc,
        pid=st.integers(2, 30),
        start=st.integers(0, 5),
        name=st.sampled_from(["bun", "node", "sshd"]),
        state=st.sampled_from("RSZ"),
        ppid=st.integers(0, 30),
        threads=st.integers(1, 2),
        kernel=st.booleans(),
        command=st.sampled_from([(), ("bun", "test"), ("node",), ("sshd", "-D")]),
    ),
    max_size=12,
)
SELECTORS = st.lists(
    st.builds(
        Selector,
        names=st.sampled_from([(), ("bun",), ("ssh*", "node")]),
        command=st.sampled_from([(), ("*test*",), ("",)]),
    ),
    max_size=3,
)


@given(PROCS, SELECTORS)
def test_everybody_protected_is_spared(procs: list[Proc], selectors: list[Selector]) -> None:
    """Spared as protected is exactly who one of the selectors selects (P2)."""
    seen = Snapshot(procs, taken=1.0)
    found = {pid for pid, reason in spared(seen, Self(1000, 0), selectors).items() if reason == "protected"}
    assert found == {proc.pid for proc in seen if any(each.selects(proc) for each in selectors)}
