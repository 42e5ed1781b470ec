"""The zoo: runaways of every kind under guardian, each on a stage of its own, honest ones around it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.real.zoo import matrix
from tests.real.zoo.behaviour import EXIT, LEADER_CODE, LIMIT, Behaviour, cases, everything, load
from tests.real.zoo.runner import AMPLE, USERS, Pace, Result, Unplayable, play, run_case
from tests.real.zoo.wrappers import ASK, GUARDIANS, Wrapper

JOBS = 3 * (os.cpu_count() or 1)  # a case mostly waits for its limit
SELF = USERS[os.geteuid() != 0]


class Case(NamedTuple):
    """One behaviour, how it comes to its end, under which containment, as whom."""

    name: str
    mode: str
    containment: str
    user: str

    def play(self) -> Result:
        """Play it."""
        return play(load(self.name), GUARDIANS[self.containment], as_user=self.user, mode=self.mode)


class Asked(NamedTuple):
    """One behaviour under a wrapper that only asks its leader to end."""

    name: str

    def play(self) -> Result:
        """Play it, and look soon after the wrapper has gone; once more when it was not ready."""
        quick = run_case(load(self.name), ASK, as_user=SELF, pace=Pace(limit=0.7, settle=0.3))
        return quick if quick.acted else run_case(load(self.name), ASK, as_user=SELF, pace=AMPLE)


Games = dict[Case | Asked, Future[Result]]
RUNAWAYS = [one.name for one in everything() if not one.honest]


def every(*containments: str, users: tuple[str, ...] = USERS) -> list[object]:
    """Return all cases as parameters with readable names."""
    return [
        pytest.param(Case(one.name, mode, way, user), id=f"{one.name}-{mode}-{way}-{user}")
        for way in containments
        for user in users
        for one, mode in cases()
    ]


@pytest.fixture(scope="module")
def games(request: pytest.FixtureRequest) -> Iterator[Games]:
    """Play all cases that were selected, several at once; each test waits for its own."""
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    selected = dict.fromkeys(found["case"] for found in params if isinstance(found.get("case"), Case | Asked))
    with ThreadPoolExecutor(JOBS) as pool:
        yield {case: pool.submit(case.play) for case in selected}
        pool.shutdown(cancel_futures=True)


def result_of(case: Case | Asked, games: Games) -> Result:
    """Wait for a case; skip with its reason what this machine cannot play."""
    try:
        return games[case].result()
    except Unplayable as reason:
        pytest.skip(str(reason))


def expected_code(one: Behaviour, mode: str) -> int:
    """Return what guardian has to exit with: the leader's own code, or what its limit says."""
    return LEADER_CODE if mode == EXIT else one.limit_code


@pytest.mark.parametrize("case", every("cgroup", "subreaper"))
def test_nobody_escapes_and_nobody_else_is_harmed(case: Case, games: Games) -> None:
    """Nothing outlives the run, however it ends, and no bystander hears a signal (P1, P2, P3, P6)."""
    one, result = load(case.name), result_of(case, games)
    assert result.acted, result
    assert (result.survivors, result.harmed) == ((), ()), result
    if one.attacks:
        assert result.exit_code is not None, result
    else:
        assert (result.at_exit, result.exit_code) == (0, expected_code(one, case.mode)), result


CANNOT_HOLD_TREE = {
    "leavers.bare_daemon",
    "disguises.no_environment",
    "disguises.foreign_mark",
    "disguises.memory_program",
    "disguises.undumpable",  # root could read its mark
}
"""What gets away from `tree`: no parent, session, group or mark leads to it any more."""

MAY_OUTRUN_TREE = {
    "forkers.fork_chain",
    "forkers.session_chain",
    "forkers.deaf_chain",
    "forkers.exec_chain",
    "forkers.walkers",
    "forkers.respawner_pair",
    "programs.busy_loop",
}
"""What is never the same process for long: whether a look catches it is chance."""


@pytest.mark.parametrize("case", every("tree", users=("ordinary",)))
def test_tree_loses_only_whom_it_says_that_it_loses(case: Case, games: Games) -> None:
    """`tree` cannot hold daemons without a mark, may be outrun by chains, and harms nobody (P1, P2, P11)."""
    result = result_of(case, games)
    assert result.acted, result
    assert result.harmed == (), result
    if case.name in CANNOT_HOLD_TREE:
        assert result.survivors or gets_away_at_last(case), "tree can hold it: say so"
    elif case.name not in MAY_OUTRUN_TREE:
        assert result.survivors == (), result


def gets_away_at_last(case: Case) -> bool:
    """Whether it gets away at another try: one look in the moment of its birth is enough to catch it."""
    return any(case.play().survivors for _ in range(5))


@pytest.mark.parametrize("case", [pytest.param(Asked(n), id=n) for n in RUNAWAYS])
def test_every_runaway_runs_away(case: Asked, games: Games) -> None:
    """A behaviour that a mere SIGTERM ends would prove nothing about a wrapper."""
    result = result_of(case, games)
    assert result.acted, result
    assert result.survivors, result


def test_zoo_notices_harm_done_to_bystanders() -> None:
    """A signal to the wrapper's group is a signal to its neighbours, and the stage says so."""
    careless = Wrapper("careless", ("sh", "-c", "kill -USR1 0; exit 3"))
    result = run_case(load("honest.ends_at_once"), careless, as_user=SELF)
    assert {"agent got SIGUSR1"} < set(result.harmed), result
    assert not result.clean


def test_zoo_notices_a_wrapper_that_hangs() -> None:
    """A wrapper that never comes back has no exit code, and that is no success."""
    hanging = Wrapper("hanging", ("sh", "-c", "kill -STOP $$"))
    result = run_case(load("honest.ends_at_once"), hanging, as_user=SELF, pace=Pace(patience=0.5))
    assert (result.exit_code, result.clean) == (None, False)


def test_stage_without_a_namespace_sees_and_ends_everyone() -> None:
    """Where namespaces are not allowed, orphans come back to the stage, and nobody is left behind."""
    one = load("leavers.bare_daemon")
    result = run_case(one, ASK, as_user=SELF, pace=Pace(limit=0.7, settle=0.3), alone=False)
    assert len(result.survivors) == 1, result
    pid = int(result.survivors[0].partition("(")[2].partition(",")[0])
    assert not is_sleeping(pid)


def is_sleeping(pid: int) -> bool:
    """Whether that pid is the victim's last program."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() == b"cron\x0020\x00"
    except FileNotFoundError:
        return False


def test_matrix_counts_failures() -> None:
    """A case fails by survivors, by harm or by hanging; one that could not be played does not count."""
    one = load("leavers.double_fork")
    won = Result((), at_exit=0, harmed=(), seconds=1.3, exit_code=124, acted=True, said="")
    lost = Result(("sleep (9, S)",), at_exit=1, harmed=(), seconds=1.3, exit_code=124, acted=True, said="")
    outcomes: dict[matrix.Case, matrix.Outcome] = {
        (one, LIMIT, ASK): won,
        (one, EXIT, ASK): lost,
        (one, LIMIT, GUARDIANS["tree"]): won,
        (one, EXIT, GUARDIANS["tree"]): won,
        (one, LIMIT, GUARDIANS["cgroup"]): Unplayable("not here"),
        (one, EXIT, GUARDIANS["cgroup"]): Unplayable("not here"),
    }
    assert matrix.table(outcomes, [ASK, GUARDIANS["tree"], GUARDIANS["cgroup"]]).splitlines()[2:] == [
        "| double fork | · / 1 | · | – |",
        "| **failed** | **1 of 2** | **0 of 2** | – |",
    ]


def test_zoo_is_large_enough() -> None:
    """At least thirty-six runaways, and every one of them says what it does."""
    assert len(RUNAWAYS) >= 36
    assert len({one.what for one in everything()}) == len(everything())
