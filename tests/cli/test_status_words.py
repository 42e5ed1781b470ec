from __future__ import annotations

import json

import pytest

from guardian.cli.status import as_record, is_quick, render, summary
from guardian.guard.lock import Holder
from guardian.guard.status import Row, Standing
from guardian.procs.machine import Machine

MB = 1 << 20
MACHINE = Machine(16 << 30, 8 << 30, 0, 0, (0.5, 1.0, 1.5), 4, 2.25)
ROW = Row(
    pid=42,
    rule="bun",
    command="bun test",
    age=312.0,
    cpu=99.6,
    memory=300 * MB,
    exact=True,
    processes=3,
    orphan=False,
    foreground=False,
    limit="1GB 5m",
    verdict="age 5m12s, timeout is 5m",
    breach=True,
)


def standing(*rows: Row, monitor: Holder | None = None, machine: Machine = MACHINE) -> Standing:
    return Standing(rows, (("bun", len(rows), 3), ("node", 0, 0)), machine, monitor)


def cells(row: Row, capsys: pytest.CaptureFixture[str]) -> str:
    render(standing(row))
    return capsys.readouterr().out.splitlines()[1]


def test_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A launch is one line: who, how old, what it uses, what it may, and the verdict."""
    line = " 42  bun   5m12s  100%  300 MB      3  1GB 5m  bun test  age 5m12s, timeout is 5m"
    assert cells(ROW, capsys) == line


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"orphan": True}, "bun test (orphan)"),
        ({"foreground": True}, "bun test (foreground)"),
        ({"exact": False}, "≤300 MB"),
        ({"exact": False, "processes": 1}, " 300 MB"),
        ({"command": "x" * 60}, "x" * 47 + "…  "),
        ({"verdict": "ok", "breach": False}, "  ok"),
    ],
)
def test_marks_of_a_row(capsys: pytest.CaptureFixture[str], changes: dict[str, object], told: str) -> None:
    """What is no plain number says so: upper bounds, orphans, foreground, cut commands."""
    assert told in cells(ROW.replace(**changes), capsys)


def test_the_lines_below() -> None:
    """Rules with their counts, the machine, and the monitor are one line each."""
    assert summary(standing(ROW)) == [
        "launches: bun 1 of 3, node 0",
        "machine:  8.0 GB of 16.0 GB free, load 0.50 1.00 1.50 on 4 cores, memory pressure 2.2 %",
        "monitor:  not running (start it with: guardian monitor --detach)",
    ]


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (standing(monitor=Holder(77, 0.0)), "monitor:  running, pid 77"),
        (standing().replace(rules=()), "launches: no rules"),
        (
            standing(machine=MACHINE.replace(pressure=None, cores=1)),
            "machine:  8.0 GB of 16.0 GB free, load 0.50 1.00 1.50 on 1 core",
        ),
    ],
)
def test_the_lines_below_when_something_is_missing(now: Standing, line: str) -> None:
    """What a machine does not tell is left out; a monitor that runs is named."""
    assert line in summary(now)


def test_without_launches_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no launch is, only the lines below are printed."""
    render(standing())
    assert capsys.readouterr().out.splitlines() == summary(standing())


def test_the_record_is_json_in_plain_numbers() -> None:
    """`--json` holds bytes and seconds, never texts that have to be parsed again."""
    record = json.loads(json.dumps(as_record(standing(ROW, monitor=Holder(77, 1.5)))))
    assert record["launches"] == [ROW.asdict()]
    assert record["rules"][0] == {"name": "bun", "launches": 1, "max_concurrent": 3}
    assert record["machine"]["memory_available"] == 8 << 30
    assert record["monitor"] == {"pid": 77, "since": 1.5}
    assert record["breaches"] == 1


@pytest.mark.parametrize(
    ("words", "quick"),
    [
        ([], True),
        (["--json"], True),
        (["--check", "--json"], True),
        (["--json", "--json"], True),
        (["--watch"], False),
        (["--help"], False),
        (["--jsn"], False),
        (["--json", "x"], False),
    ],
)
def test_what_goes_without_typer(words: list[str], quick: bool) -> None:
    """Only words that need no explanation take the light path; all others reach Typer and its messages."""
    assert is_quick(words) is quick
