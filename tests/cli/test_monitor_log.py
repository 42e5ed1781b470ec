from __future__ import annotations

import json
from collections.abc import Iterator
from logging import makeLogRecord
from pathlib import Path

import pytest
from loguru import logger
from making import bun, rule

from guardian.actions import Kind, Reason
from guardian.cli import monitor_log
from guardian.cli.monitor_log import LogFile, LogVoice, open_log
from guardian.effects.receipts import Fate, Receipt
from guardian.effects.sections import Alerts
from guardian.guard.round import Round, Sight, State
from guardian.policy.launch import Launch
from guardian.policy.mind import Breach
from guardian.procs.model import Snapshot

LAUNCH = Launch(rule(), bun(42, command=("/opt/bun", "test", "{x}\n<red>")), (bun(42),), 400.0)
BREACH = Breach(LAUNCH, Reason("bun", Kind.AGE, 400.0, 300.0))
RECEIPT = Receipt(
    id="r7k2",
    at=0.0,
    by="monitor",
    rule="bun",
    kind="timeout",
    measured=400.0,
    limit=300.0,
    reason="age 6m40s, timeout is 5m",
    pid=42,
    start=0,
    command="bun test {x}",
    took=5.2,
    peak_memory=0,
    peak_exact=True,
    cpu=10.0,
    members=(Fate(42, 0, "bun", "gone"),),
)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where the log is to be; loguru is as before afterwards."""
    yield tmp_path / "state" / "logs" / "monitor.log"
    logger.remove()


def opened() -> Round:
    return Round(State(), Sight(Snapshot((), taken=0.0), {}, (LAUNCH,), {}), (BREACH,))


@pytest.mark.parametrize(("dry_run", "verb"), [(False, "ending"), (True, "would end")])
def test_who_has_to_go_is_a_warning(path: Path, dry_run: bool, verb: str) -> None:
    """A breach is one line at WARNING, whatever the command holds; a dry run only would (P8)."""
    LogVoice(open_log(str(path), as_json=False, terminal=False), Alerts(), dry_run=dry_run).opened(opened())
    (line,) = path.read_text().splitlines()
    why = "(pid 42, rule bun, 1 process): age 6m40s, timeout is 5m"
    assert line.endswith(rf'WARNING {verb} "bun test {{x}}\n<red>" {why}')


@pytest.mark.parametrize(("fate", "level"), [("gone", "INFO   "), ("gave up", "ERROR  ")])
def test_the_end_of_it(path: Path, fate: str, level: str) -> None:
    """An intervention that leaves somebody is an error, one that does not is information (P8)."""
    voice = LogVoice(open_log(str(path), as_json=False, terminal=False), Alerts(), dry_run=False)
    voice.closed(RECEIPT.replace(members=(Fate(42, 0, "bun", fate),)))
    assert f" {level} r7k2 " in path.read_text()


def test_a_dry_run_ends_nothing(path: Path) -> None:
    """What was not ended has no end to be told of, and alerts nobody."""
    log = open_log(str(path), as_json=False, terminal=False)
    LogVoice(log, Alerts(command=("/nowhere",)), dry_run=True).closed(RECEIPT)
    assert path.read_text() == ""


def test_json_is_a_document_a_line(path: Path) -> None:
    """As JSON every record is one line, with its level and its words."""
    log = open_log(str(path), as_json=True, terminal=False)
    LogVoice(log, Alerts(), dry_run=False).closed(RECEIPT)
    (line,) = path.read_text().splitlines()
    record = json.loads(line)["record"]
    assert record["level"]["name"] == "INFO"
    assert record["message"].startswith('r7k2 ended "bun test {x}"')


def test_it_is_rotated_and_private(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log grows no further than its limit, keeps some older files, and all of them are private (P9)."""
    monkeypatch.setattr(monitor_log, "ROTATION", 500)
    log = open_log(str(path), as_json=False, terminal=False)
    for number in range(100):
        log.info("line {}", number)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["monitor.log", *(f"monitor.log.{n}" for n in (1, 2, 3))]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert all(0 < file.stat().st_size <= 500 for file in files)
    assert "line 99\n" in files[0].read_text()


def test_a_link_in_its_place_is_not_followed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where somebody put a link, nothing is written through it; the guard says so and goes on (P9)."""
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    open_log(str(path), as_json=False, terminal=True).info("hello")
    assert not (tmp_path / "elsewhere").exists()
    complaint, hello = capsys.readouterr().err.splitlines()
    assert f"cannot write the log {path}" in complaint
    assert "hello" in hello


def test_a_full_disk_is_told_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that find no room are lost; that is said once, in one line (P10)."""
    log = LogFile(str(path))
    log.stream.close()
    log.stream = open("/dev/full", "w")  # noqa: SIM115 - the log closes it
    for _ in range(3):
        log.handle(makeLogRecord({"msg": "hello\n"}))
    log.close()
    told = f"guardian: cannot write the log {path}: No space left on device; going on without it\n"
    assert capsys.readouterr().err == told
