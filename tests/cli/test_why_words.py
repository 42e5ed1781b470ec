from __future__ import annotations

from pathlib import Path

import pytest
from house import House

from guardian.cli.why import concerns, receipts, tell
from guardian.effects.journal import Journal
from guardian.effects.receipts import Fate, Receipt

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
    start=1000,
    command="bun test",
    took=5.2,
    peak_memory=100 << 20,
    peak_exact=True,
    cpu=398.0,
    members=(Fate(42, 1000, "bun test", "gone", (("SIGTERM", 0.0),), 0.1), Fate(43, 1001, "sh", "gone")),
)


@pytest.mark.parametrize(
    ("which", "found"),
    [("", True), ("r7k2", True), ("42", True), ("43", True), ("44", False), ("r7k", False), ("-42", False)],
)
def test_what_asks_for_a_receipt(which: str, found: bool) -> None:
    """A receipt is asked for by its id, or by the pid of any member; nothing asks for the last."""
    assert concerns(RECEIPT, which) is found


def test_the_newest_comes_first_and_other_records_are_passed_over(tmp_path: Path) -> None:
    """Signals, torn lines and receipts of another make are no receipts (P8)."""
    journal = Journal(str(tmp_path))
    for record in (
        {"event": "receipt", "receipt": RECEIPT.record()},
        {"event": "signal", "target": 42},
        {"event": "receipt", "receipt": {"id": "half"}},
        {"event": "receipt", "receipt": "no table"},
        {"event": "receipt", "receipt": RECEIPT.replace(id="new1").record() | {"from_the_future": 1}},
    ):
        journal.write(record)
    with open(journal.path, "ab") as file:
        file.write(b'{"event": "rec')
    assert [each.id for each in receipts(journal)] == ["new1", "r7k2"]
    assert list(receipts(journal))[1] == RECEIPT


@pytest.mark.parametrize(("which", "about"), [("", ""), ("77", " about 77"), ("\x1b[2J", r" about \x1b[2J")])
def test_nothing_found_is_said(
    house: House, capsys: pytest.CaptureFixture[str], which: str, about: str
) -> None:
    """Where there is no such intervention one line says so, and the exit code is 1 (P10)."""
    assert tell(which, as_json=False) == 1
    assert (
        capsys.readouterr().out == f"no intervention{about} is in the journal {house.state}/journal.jsonl\n"
    )
