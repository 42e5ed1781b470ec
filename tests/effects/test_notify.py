from __future__ import annotations

import json
import sys
from pathlib import Path

from making import receipt

from guardian.effects.notify import alert, desktop_command
from guardian.effects.sections import Alerts

SAVE = "import os,sys; open(sys.argv[1],'w').write(os.environ['GUARDIAN_RECEIPT_TEXT']+'|'+sys.stdin.read())"


def test_an_alert_gets_the_receipt(tmp_path: Path) -> None:
    """The command has the receipt on its input and the line in its environment (P8)."""
    told: list[str] = []
    out = tmp_path / "out"
    alert(Alerts(command=(sys.executable, "-c", SAVE, str(out))), receipt(), "one line", told.append)
    text, _, record = out.read_text().partition("|")
    assert text == "one line"
    assert json.loads(record)["id"] == "r7k2"
    assert told == []


def test_an_alert_that_fails_is_told_and_nothing_else_happens() -> None:
    """A wrong alert never stops the guard (P10)."""
    told: list[str] = []
    alert(Alerts(command=("/no/such/program",)), receipt(), "x", told.append)
    alert(Alerts(command=(sys.executable, "-c", "raise SystemExit(3)")), receipt(), "x", told.append)
    assert "No such file" in told[0]
    assert told[1].endswith("ended with 3")


def test_a_note_on_a_mac_cannot_be_turned_into_script() -> None:
    """Text that a process chose is quoted where another language reads it."""
    command = desktop_command('say "hi" & quit', platform="darwin")
    assert command is not None
    assert '\\"hi\\"' in command[2]
