from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from making import GUARDIAN, INIT, MB, SHELL, Hands, Recording, bun, rule, world_of

from guardian.actions import How
from guardian.guard.cleanup import Cleanup, plan
from guardian.guard.round import Charter, State, play
from guardian.procs.fake import FakeTable
from guardian.procs.match import Selector
from guardian.procs.model import Proc


def table(*procs: Proc) -> FakeTable:
    return FakeTable(INIT, SHELL, GUARDIAN, *procs)


def play_until_quiet(fake: FakeTable, hands: Hands, charter: Charter, *, rounds: int = 60) -> State:
    """Play rounds whenever one is due, for at most `rounds`."""
    state, world = State(), world_of(fake, hands)
    for _ in range(rounds):
        done = play(world, charter, state)
        state = done.state
        if done.due is None and not state.docket.cases:
            break
        fake.clock = max(fake.clock + 0.001, done.due or 0.0)
    return state


def test_five_launches_three_allowed_two_go() -> None:
    """Two trees of five are asked, end, and the rest is let alone (P3, P4)."""
    fake = table(*(bun(10 + n, start=90_000 + n) for n in range(5)))
    hands = Hands(fake)
    play_until_quiet(fake, hands, Charter((rule(max_concurrent=3),)))
    assert hands.said == [(10, "ASK"), (11, "ASK")]
    assert {pid for pid in fake.procs if 10 <= pid < 20} == {12, 13, 14}


def test_who_ignores_sigterm_is_killed_after_the_grace_and_not_before() -> None:
    """SIGKILL comes when the grace is over (P3)."""
    fake = table(bun(10, start=60_000))
    hands = Hands(fake, deaf=[10])
    play_until_quiet(fake, hands, Charter((rule(timeout=300, grace=5.0),)))
    assert hands.said == [(10, "ASK"), (10, "FREEZE"), (10, "FORCE")]
    asked, _, forced = (at for at, _ in hands.sent)
    assert forced - asked >= 5.0


def test_the_whole_tree_goes_also_what_the_leader_leaves_behind() -> None:
    """The leader exits on SIGTERM, its deaf child in another session is ended all the same (P1)."""
    fake = table(bun(10, start=60_000), Proc(11, 60_001, "deaf", "S", 10, session=11, pgrp=11))
    hands = Hands(fake, deaf=[11])
    play_until_quiet(fake, hands, Charter((rule(timeout=300, grace=5.0),)))
    assert 10 not in fake.procs
    assert 11 not in fake.procs


def test_other_users_processes_are_let_alone() -> None:
    """The same command line under another user is none of ours (P2)."""
    fake = table(bun(10, start=60_000, uid=33))
    hands = Hands(fake)
    play_until_quiet(fake, hands, Charter((rule(timeout=300),)))
    assert hands.sent == []


def test_the_protected_are_let_alone() -> None:
    """A protected process is never signalled, whatever it breaks (P2)."""
    fake = table(bun(10, start=60_000))
    hands = Hands(fake)
    charter = Charter((rule(timeout=300),), protected=(Selector(command=("*bun test*",)),))
    play_until_quiet(fake, hands, charter)
    assert hands.sent == []


def test_who_cannot_be_ended_is_tried_once() -> None:
    """A tree that the system does not let us end is named, and not attacked again every round (P1)."""
    fake = table(bun(10, start=60_000))
    hands = Hands(fake, denied=[10])
    state = play_until_quiet(fake, hands, Charter((rule(timeout=300),)), rounds=30)
    assert hands.said == [(10, "ASK")]
    assert {who.pid for who in state.resigned} == {10}


def test_a_target_that_becomes_another_process_is_dropped() -> None:
    """The pid of a target that ended belongs to a stranger now: no further signal (P2)."""
    fake = table(bun(10, start=60_000))
    hands = Hands(fake, deaf=[10])
    world, charter = world_of(fake, hands), Charter((rule(timeout=300, grace=5.0),))
    first = play(world, charter, State())
    fake.put(Proc(10, 100_500, "postgres", "S", 800, session=800, uid=1000))
    fake.clock += 6
    second = play(world, charter, first.state)
    assert hands.said == [(10, "ASK")]
    assert [case.survivors for case, _ in second.closed] == [()]


def test_memory_is_looked_at_closely_only_for_those_who_look_too_large() -> None:
    """The costly look at PSS is for suspects (P12)."""
    asked: list[frozenset[int]] = []

    class Watched(FakeTable):
        def closer(self, snapshot, wants):  # type: ignore[no-untyped-def]
            asked.append(wants.pss)
            return super().closer(snapshot, wants)

    fake = Watched(INIT, SHELL, GUARDIAN, bun(10, rss=900 * MB, pss=1 * MB), bun(11, rss=1 * MB))
    play(world_of(fake, Hands(fake)), Charter((rule(max_memory=100 * MB),)), State())
    assert [sorted(each) for each in asked if each] == [[10]]


def test_a_round_is_one_look() -> None:
    """All processes are read once a round, whatever it leads to (P12)."""
    fake = table(*(bun(10 + n, start=60_000, rss=900 * MB) for n in range(5)))
    play(world_of(fake, Hands(fake)), Charter((rule(timeout=300, max_memory=MB, max_concurrent=1),)), State())
    assert fake.looks == 1


def test_all_ends_every_match() -> None:
    """With `everything` a launch within its limits goes too."""
    fake = table(bun(10), bun(11))
    hands = Hands(fake)
    play_until_quiet(fake, hands, Charter((rule(),), everything=True))
    assert hands.said == [(10, "ASK"), (11, "ASK")]


def test_only_one_rule_is_judged_and_the_others_keep_what_is_theirs() -> None:
    """A process that an earlier rule claims is not handed to a later one by asking for that only."""
    fake = table(bun(10, start=60_000))
    hands = Hands(fake)
    play_until_quiet(fake, hands, Charter((rule("first"), rule("second", timeout=300)), only="second"))
    assert hands.sent == []


def test_a_plan_touches_nothing_and_says_the_same() -> None:
    """A dry run names those whom the real one ends (P8)."""
    fake = table(*(bun(10 + n, start=90_000 + n) for n in range(5)))
    hands = Hands(fake)
    found = plan(world_of(fake, hands), Charter((rule(max_concurrent=3),)), wait=lambda _: None)
    assert [breach.launch.root.pid for breach in found.breaches] == [10, 11]
    assert hands.sent == []


def test_a_plan_confirms_memory_as_a_cleanup_does() -> None:
    """The plan looks as often as the deed would (P4)."""
    fake = table(bun(10, rss=900 * MB, pss=800 * MB))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        fake.clock += seconds

    found = plan(world_of(fake, Hands(fake)), Charter((rule(max_memory=100 * MB),)), wait=wait)
    assert len(found.breaches) == 1
    assert len(waits) == 1


tables = st.lists(
    st.builds(
        bun,
        pid=st.integers(2, 40),
        start=st.integers(0, 100_000),
        ppid=st.integers(0, 60),
        name=st.sampled_from(["bun", "sh", "node"]),
        state=st.sampled_from("RSTDZ"),
        pgrp=st.integers(0, 40),
        session=st.sampled_from([800, 900, 5, 10]),
        uid=st.sampled_from([1000, 1000, 0]),
        kernel=st.booleans(),
        rss=st.integers(0, 2000 * MB),
        pss=st.integers(0, 2000 * MB),
        command=st.sampled_from([("bun", "test"), ("bun", "keep"), ()]),
    ),
    max_size=25,
)


@given(
    procs=tables,
    concurrent=st.integers(0, 3),
    timeout=st.sampled_from([0.0, 10.0, 500.0]),
    memory=st.sampled_from([0, 100 * MB]),
    force=st.booleans(),
    everything=st.booleans(),
    deaf=st.sets(st.integers(2, 40)),
    denied=st.sets(st.integers(2, 40)),
    guardian_parent=st.integers(2, 40),
)
def test_for_every_table_the_spared_live_and_kill_waits_for_the_grace(  # noqa: PLR0913 - a table of everything
    *,
    procs: list[Proc],
    concurrent: int,
    timeout: float,
    memory: int,
    force: bool,
    everything: bool,
    deaf: set[int],
    denied: set[int],
    guardian_parent: int,
) -> None:
    """For every table: nobody spared is signalled, one signal a round, KILL after the grace only (P2, P3)."""
    fake = FakeTable(INIT, *procs, GUARDIAN.replace(ppid=guardian_parent, start=99_999))
    hands = Hands(fake, deaf=deaf, denied=denied)
    strict = rule(max_concurrent=concurrent, timeout=timeout, max_memory=memory, grace=5.0)
    keep = Selector(command=("bun keep",))
    charter = Charter((strict,), protected=(keep,), everything=everything, force=force)
    world, state = world_of(fake, hands), State()
    opened: dict[str, float] = {}
    for _ in range(12):
        done = play(world, charter, state)
        state = done.state
        opened |= {case.id: case.opened for case in state.docket.cases.values()}
        targets = [outcome.action.target for outcome in done.outcomes]
        assert len(set(targets)) == len(targets)
        assert not {who.pid for who in targets} & set(done.sight.spared)
        fake.clock = max(fake.clock + 0.01, min(done.due or fake.clock + 1, fake.clock + 3))
    for at, action in hands.sent:
        assert action.target.pid not in (1, 900)
        if action.how is not How.ASK and not force:
            assert at - opened[action.case] >= 5.0


@given(procs=tables)
def test_without_limits_nothing_is_ever_done(procs: list[Proc]) -> None:
    """For every table: a rule whose limits are all none leads to no action (P4)."""
    fake = FakeTable(INIT, GUARDIAN, *procs)
    hands = Hands(fake)
    done = play(world_of(fake, hands), Charter((rule(),)), State())
    assert hands.sent == []
    assert done.breaches == ()


def test_a_cleanup_runs_to_its_end_and_leaves_a_receipt() -> None:
    """Every intervention leaves a receipt with the rule, the signals and the end of each (P8)."""
    fake = table(bun(10, start=60_000, rss=64 * MB, cpu=2.0), bun(11, ppid=10, start=60_001, rss=64 * MB))
    recording = Recording()
    cleanup = Cleanup(world_of(fake, Hands(fake)), Charter((rule(timeout=300),)), recording)  # type: ignore[arg-type]
    done = cleanup.run()
    (receipt,) = done.receipts
    assert (receipt.pid, receipt.rule, receipt.kind) == (10, "bun", "timeout")
    assert receipt.peak_memory == 128 * MB
    assert {member.fate for member in receipt.members} == {"gone"}
    assert [event for event, _ in recording.events] == ["signal", "signal", "receipt"]
