from __future__ import annotations

import json

import pytest
from making import MB, bun, rule

from guardian.actions import Kind, Reason
from guardian.cli.cleanup import show_plan, tell
from guardian.effects.receipts import Fate, Receipt
from guardian.guard.cleanup import Plan, Summary
from guardian.guard.round import Charter
from guardian.policy.launch import Launch
from guardian.policy.mind import Breach

RULE = rule(max_cpu=80.0, cpu_window=60.0, timeout=300.0)
OLD = Launch(RULE, bun(42, start=0, cpu=10.0), (bun(42, start=0), bun(43, ppid=42)), 400.0)
YOUNG = Launch(RULE, bun(50), (bun(50),), 5.0)
RECEIPT = Receipt(
    id="r7k2",
    at=0.0,
    by="cleanup",
    rule="bun",
    kind="timeout",
    measured=400.0,
    limit=300.0,
    reason="age 6m40s, timeout is 5m",
    pid=42,
    start=0,
    command="bun test",
    took=5.2,
    peak_memory=100 * MB,
    peak_exact=True,
    cpu=10.0,
    members=(Fate(42, 0, "bun test", "gone", (("SIGTERM", 0.0),), 0.1),),
)
STUCK = RECEIPT.replace(members=(Fate(42, 0, "bun test", "gave up", note="state D, uninterruptible sleep"),))


def planned(*launches: Launch) -> Plan:
    reason = Reason("bun", Kind.AGE, 400.0, 300.0)
    return Plan((OLD, YOUNG), tuple(Breach(each, reason) for each in launches), {})


def told(
    capsys: pytest.CaptureFixture[str], *receipts: Receipt, launches: tuple[Launch, ...] = (OLD, YOUNG)
) -> list[str]:
    tell(Summary(launches, receipts), Charter((RULE,)))
    return capsys.readouterr().out.splitlines()


def test_a_plan_is_a_table_and_a_promise(capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run names who would go, and why, and says that nobody was signalled."""
    assert show_plan(planned(OLD), as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "PID  RULE  PROCS  COMMAND   WHY",
        " 42  bun       2  bun test  age 6m40s, timeout is 5m",
        "",
        "1 tree would be ended; nothing was signalled",
    ]


def test_a_plan_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as JSON, numbers as numbers."""
    assert show_plan(planned(OLD), as_json=True) == 0
    (entry,) = json.loads(capsys.readouterr().out)["would_end"]
    why = "age 6m40s, timeout is 5m"
    assert entry == {"pid": 42, "rule": "bun", "processes": 2, "command": "bun test", "why": why}


@pytest.mark.parametrize(
    ("as_json", "said"), [(False, "nothing to end: 2 launches"), (True, '{"would_end": []}')]
)
def test_a_plan_to_do_nothing(capsys: pytest.CaptureFixture[str], as_json: bool, said: str) -> None:
    """Where nobody breaks a rule the plan says so."""
    assert show_plan(planned(), as_json=as_json) == 0
    assert capsys.readouterr().out.startswith(said)


def test_who_went_and_where_to_read_more(capsys: pytest.CaptureFixture[str]) -> None:
    """Each intervention is one line with its receipt's id; the last line counts and points to `why` (P8)."""
    first, last = told(capsys, RECEIPT)
    assert first.startswith(
        'r7k2  ended "bun test" (pid 42, rule bun): age 6m40s, timeout is 5m; 1 process got SIGTERM'
    )
    assert last == "1 tree ended; tell me more: guardian why r7k2"


def test_who_would_not_go_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A survivor is named with its state, and its tree is not counted as ended (P1)."""
    first, last = told(capsys, STUCK)
    assert first.startswith('r7k2  could not end all of "bun test"')
    assert first.endswith("still there: 42 (state D, uninterruptible sleep)")
    assert last.startswith("0 trees ended")


def test_nothing_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody had to go, that is said, with how many were looked at."""
    assert told(capsys) == ["nothing to end: 2 launches within the limits"]


def test_what_one_look_cannot_judge_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A launch that is old and busy is no breach yet, and cleanup says who could judge it (P11)."""
    busy = OLD.replace(members=(bun(42, start=0, cpu=390.0),))
    *_, line = told(capsys, launches=(busy, YOUNG))
    assert line.startswith("not judged: 42 bun test has used 98 % CPU on average; ")
    assert line.endswith("guardian monitor")
    assert not any("not judged" in each for each in told(capsys, RECEIPT, launches=(busy,))), "it is gone"
