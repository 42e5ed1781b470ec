"""Tell a person that guardian intervened: a command of theirs, a note on the desktop."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.effects.receipts import Receipt
    from guardian.effects.sections import Alerts

PATIENCE = 10.0  # seconds that an alert may take
TITLE = "guardian"


def desktop_command(text: str, platform: str = sys.platform) -> tuple[str, ...] | None:
    """Return the command that shows a note on this desktop; None where there is none."""
    if platform == "darwin":
        return ("osascript", "-e", f"display notification {json.dumps(text)} with title {json.dumps(TITLE)}")
    if shutil.which("notify-send"):
        return ("notify-send", "--app-name=guardian", "--", TITLE, text)
    return None


def alert(alerts: Alerts, receipt: Receipt, text: str, complain: Callable[[str], None]) -> None:
    """Run the alerts for one intervention, one after the other; what goes wrong is told, never raised.

    The command gets the receipt as JSON on its standard input, and GUARDIAN_RECEIPT_ID and
    GUARDIAN_RECEIPT_TEXT in its environment.
    """
    commands: list[tuple[str, ...]] = [alerts.command] if alerts.command else []
    if alerts.desktop:
        note = desktop_command(text)
        if note is None:
            complain("cannot show a desktop note: there is no notify-send here")
        else:
            commands.append(note)
    for command in commands:
        _run(command, receipt, text, complain)


def _run(command: tuple[str, ...], receipt: Receipt, text: str, complain: Callable[[str], None]) -> None:
    environment = {**os.environ, "GUARDIAN_RECEIPT_ID": receipt.id, "GUARDIAN_RECEIPT_TEXT": text}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(receipt.record()).encode("ascii"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        complain(f"the alert {command[0]} failed: {error}")
        return
    if done.returncode != 0:
        complain(f"the alert {command[0]} ended with {done.returncode}")
