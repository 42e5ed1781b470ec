"""When the machine has room for one more launch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.policy.admission import CALM, LOOK, NEVER, Conditions, Pace, Verdict, judge
from guardian.procs.machine import Machine

GB = 1 << 30
ASKED = Conditions(min_free_memory=GB, max_load=2.0, max_pressure=20.0, settle=2.0)


def machine(free: float = 8 * GB, load: float = 0.5, pressure: float | None = 0.0) -> Machine:
    """Return a machine of 16 GB and 4 cores; `load` is per core."""
    return Machine(16 * GB, int(free), 0, 0, (4 * load, 0.0, 0.0), 4, pressure)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (machine(), ""),
        (machine(free=GB), ""),
        (machine(free=GB - 1), "1.0 GB of memory free, min_free_memory is 1.0 GB"),
        (machine(free=GB / 4), "256 MB of memory free, min_free_memory is 1.0 GB"),
        (machine(load=2.0), ""),
        (machine(load=2.5), "load 2.50 per core, max_load is 2.00"),
        (machine(pressure=20.0), ""),
        (machine(pressure=20.5), "memory pressure 20.5 %, max_pressure is 20.0 %"),
    ],
)
def test_each_condition_by_itself(state: Machine, reason: str) -> None:
    """A launch comes in as long as the machine offers what was asked, to the last byte (P10)."""
    pace, verdict = judge(state, ASKED, Pace(), 100.0)
    assert verdict == (Verdict(False, reason, LOOK) if reason else Verdict(True))
    assert pace == (Pace(short=100.0) if reason else Pace(admitted=100.0))


def test_what_is_not_asked_is_not_judged() -> None:
    """0 means that the condition does not matter."""
    _, verdict = judge(machine(free=0, load=99, pressure=99), Conditions(), Pace(), 1.0)
    assert verdict.admitted
    assert not Conditions()
    assert all(Conditions(**{name: 1}) for name in ("min_free_memory", "max_load", "max_pressure"))


def test_a_kernel_without_pressure_is_told() -> None:
    """What cannot be judged here is said, and the rest is judged (P11)."""
    _, verdict = judge(machine(pressure=None), ASKED, Pace(), 1.0)
    assert verdict == Verdict(True, "this kernel tells no memory pressure: max_pressure was not judged")
    _, verdict = judge(machine(free=0, pressure=None), ASKED, Pace(), 1.0)
    assert not verdict.admitted


def test_more_memory_than_there_is_is_hopeless() -> None:
    """Nobody waits for what can never be (P10)."""
    _, verdict = judge(machine(), Conditions(min_free_memory=17 * GB), Pace(), 1.0)
    assert verdict.hopeless
    assert verdict.reason == "min_free_memory is 17.0 GB, all of this machine is 16.0 GB"


def test_after_a_shortage_one_launch_an_interval() -> None:
    """One at a time, so that the effect of each shows before the next; then at will again."""
    pace, _ = judge(machine(free=0), ASKED, Pace(), 100.0)
    told = []
    for tenth in range(1, 130):
        now = 100.0 + tenth / 10
        pace, verdict = judge(machine(), ASKED, pace, now)
        told.append((now, verdict))
    let_in = [round(now, 1) for now, verdict in told if verdict.admitted]
    squeezed = [at for at in let_in if at < 110.0]
    assert squeezed == [100.1, 102.1, 104.1, 106.1, 108.1]
    assert let_in[5:8] == [110.0, 110.1, 110.2]
    refused = next(verdict for _, verdict in told if not verdict.admitted)
    assert refused.reason == "one launch every 2s after a shortage"
    assert refused.again == pytest.approx(1.9)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (machine(free=1.1 * GB), "1.1 GB of memory free, min_free_memory is 1.2 GB after a shortage"),
        (machine(load=1.9), "load 1.90 per core, max_load is 1.80 after a shortage"),
        (machine(pressure=11.0), "memory pressure 11.0 %, max_pressure is 10.0 % after a shortage"),
    ],
)
def test_after_a_shortage_more_is_asked(state: Machine, words: str) -> None:
    """What is met only just opens the gate not at once but in the end: no flutter, no lock-in."""
    assert judge(state, ASKED, Pace(), 100.0)[1].admitted
    pace, verdict = judge(state, ASKED, Pace(short=99.0), 100.0)
    assert (verdict.admitted, verdict.reason) == (False, words)
    assert pace.short == 99.0
    assert judge(state, ASKED, pace, 99.0 + CALM * ASKED.settle)[1].admitted


def test_times_from_before_a_reboot_are_forgotten() -> None:
    """The clock starts again with the machine; a folder in /tmp may be older."""
    pace, verdict = judge(machine(), ASKED, Pace(short=9_000.0, admitted=9_000.0), 10.0)
    assert verdict.admitted
    assert pace == Pace(NEVER, 10.0)


steps = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.integers(0, 3 * GB), st.floats(0.0, 4.0), st.floats(0.0, 40.0)),
    max_size=40,
)


@given(steps)
def test_no_history_lets_one_in_on_a_machine_that_is_short(
    history: list[tuple[float, int, float, float]],
) -> None:
    """Whatever came before: never against a condition, and never two within an interval after a shortage."""
    pace, now, short, last = Pace(), 0.0, NEVER, NEVER
    for pause, free, load, pressure in history:
        now += pause
        state = machine(free, load, pressure)
        lacks = free < ASKED.min_free_memory or load > ASKED.max_load or pressure > ASKED.max_pressure
        pace, verdict = judge(state, ASKED, pace, now)
        if verdict.admitted:
            assert not lacks
            assert now - last >= ASKED.settle or now - short >= CALM * ASKED.settle
            last = now
        else:
            assert verdict.reason
            assert 0 < verdict.again <= max(LOOK, ASKED.settle)
        short = now if lacks else short
