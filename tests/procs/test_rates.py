"""CPU of a tree between two looks: the sums telescope, and no honest program is charged twice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.procs.model import Proc, ProcId
from guardian.procs.rates import cpu_between, cpu_total

Members = dict[ProcId, Proc]
SINCE = 1000.0  # ticks


def members(*rows: tuple[int, int, float, float]) -> Members:
    """Return members by rows of pid, start, cpu, reaped."""
    procs = [Proc(pid, start, "x", "R", 1, cpu=cpu, reaped=reaped) for pid, start, cpu, reaped in rows]
    return {proc.id: proc for proc in procs}


@pytest.mark.parametrize(
    ("before", "after", "used"),
    [
        (members(), members(), 0.0),
        (members((1, 5, 2.0, 0.0)), members((1, 5, 3.5, 0.0)), 1.5),
        # a child died within, and was waited for: 4.0 by then, 1.0 of it in the window
        (members((1, 5, 0.0, 0.0), (2, 6, 3.0, 0.0)), members((1, 5, 0.0, 4.0)), 1.0),
        # one that began and died in the window
        (members((1, 5, 0.0, 0.0)), members((1, 5, 0.0, 2.5)), 2.5),
        # a grandchild through its parent, which died too
        (members((1, 5, 0, 0), (2, 6, 1.0, 0), (3, 7, 2.0, 0)), members((1, 5, 0, 3.25)), 0.25),
        # a newcomer counts from its start; in the tick of the look too, which cuts its start
        (members((1, 5, 0, 0)), members((1, 5, 0, 0), (2, 1500, 0.75, 0.5)), 1.25),
        (members((1, 5, 0, 0)), members((1, 5, 0, 0), (2, 1000, 0.75, 0.0)), 0.75),
        # one that was only adopted brings its past along: it does not count
        (members((1, 5, 0, 0)), members((1, 5, 0, 0), (2, 999, 100.0, 50.0)), 0.0),
        (members((1, 5, 0, 0)), members((1, 5, 1.5, 0), (2, 999, 100.0, 50.0)), 1.5),
        # a member died and somebody outside waited for it: what the living used stands
        (members((1, 5, 0, 0), (2, 6, 90.0, 0)), members((1, 5, 0.5, 0)), 0.5),
        # all are gone
        (members((1, 5, 9.0, 0)), members(), 0.0),
        # the pid is another process's by now
        (members((1, 5, 9.0, 0)), members((1, 1400, 0.25, 0)), 0.25),
    ],
)
def test_cpu_between_two_looks(before: Members, after: Members, used: float) -> None:
    """The CPU of a tree is that of the living and of those who died inside it, and of nobody else (P4)."""
    assert cpu_between(before, after, since=SINCE) == pytest.approx(used)


def test_the_tick_of_the_look_is_new() -> None:
    """A start is cut to a whole tick: who began in the tick of the look, after it, is a newcomer (P4)."""
    newcomer = members((2, 1000, 0.5, 0.0))
    assert cpu_between({}, newcomer, since=1000.7) == pytest.approx(0.5)


ROWS = st.dictionaries(
    st.tuples(st.integers(2, 9), st.integers(0, 2000)),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
    max_size=8,
).map(lambda rows: members(*((*who, *cpu) for who, cpu in rows.items())))


@given(ROWS, ROWS, st.floats(0, 3000))
def test_cpu_is_never_negative(before: Members, after: Members, since: float) -> None:
    """No tree gives CPU back, whatever two looks show."""
    assert cpu_between(before, after, since=since) >= 0


@given(ROWS, st.floats(0, 3000))
def test_standing_still_costs_nothing(seen: Members, since: float) -> None:
    """Two equal looks are no CPU."""
    assert cpu_between(seen, seen, since=since) == 0


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Members], list[float], float]:
    """Draw looks at a tree whose members work, fork, and die waited for inside it; and what they used.

    CPU comes in eighths of a second, which add up without rounding.
    """
    root = ProcId(1, 0)
    living: dict[ProcId, list[float]] = {root: [0.0, 0.0]}
    parents: dict[ProcId, ProcId] = {}
    looks, taken, total = [], [], 0.0
    for look in range(draw(st.integers(2, 5))):
        now = 100 * (look + 1)
        for number in range(draw(st.integers(0, 6))):
            who = draw(st.sampled_from(sorted(living, key=lambda each: each.pid)))
            event = draw(st.sampled_from(("work", "fork", "die")))
            if event == "fork":
                child = ProcId(now * 10 + number, now - 50)
                living[child], parents[child] = [0.0, 0.0], who
            elif event == "die" and who != root:
                own, reaped = living.pop(who)
                living[parents[who]][1] += own + reaped
                for orphan in [each for each, above in parents.items() if above == who]:
                    parents[orphan] = parents[who]  # adopted inside the tree
            else:
                used = draw(st.integers(0, 400)) / 8
                living[who][0] += used
                total += used
        looks.append(members(*((who.pid, who.start, own, reaped) for who, (own, reaped) in living.items())))
        taken.append(float(now))
    before_first = cpu_total(looks[0].values())
    return looks, taken, total - before_first


@given(histories())
def test_the_sums_telescope(history: tuple[list[Members], list[float], float]) -> None:
    """As long as the dead are waited for inside the tree, what the windows add up to is exact (P4)."""
    looks, taken, used = history
    windows = zip(pairwise(looks), taken[:-1], strict=True)
    assert sum(cpu_between(before, after, since=at) for (before, after), at in windows) == used
