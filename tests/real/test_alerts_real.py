"""What guardian tells and where: alerts, the log, the journal; and that it goes on when nobody listens."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from ground import PATIENCE, Ground
from victims import DEAF, SLEEPER

# Keeps what an alert gets: its standard input and the two variables.
KEEP = """#!/bin/sh
{ cat; echo; echo "$GUARDIAN_RECEIPT_ID"; echo "$GUARDIAN_RECEIPT_TEXT"; } > "$0.got.new"
mv "$0.got.new" "$0.got"
"""


def alert_command(ground: Ground, text: str = KEEP) -> Path:
    """Write the program that is to be called; return its path."""
    path = ground.work / "alert"
    path.write_text(text)
    path.chmod(0o700)
    return path


@pytest.mark.parametrize("words", [("cleanup",), ("monitor", "--once"), ("monitor",)], ids=" ".join)
def test_an_alert_gets_the_receipt(ground: Ground, words: tuple[str, ...]) -> None:
    """The alert command is called for an intervention, with the receipt as JSON and in words (P8)."""
    alert = alert_command(ground)
    ground.rule("[alerts]", f'command = ["{alert}"]', timeout='"1ms"', grace='"5s"')
    victim = ground.python(SLEEPER)
    if words == ("monitor",):
        monitor = ground.monitor("--interval", "1s")
        monitor.wait_for("ended")
        assert monitor.end(signal.SIGTERM) == 0, "and it waits for the alert"
    else:
        assert ground.guardian(*words).code == 0
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    document, name, text = Path(f"{alert}.got").read_text().splitlines()
    (receipt,) = ground.receipts()
    assert json.loads(document) == receipt
    assert name == receipt["id"]
    assert f"pid {victim.pid}, rule victim" in text


@pytest.mark.parametrize(
    ("script", "told"),
    [("#!/bin/sh\nexit 7\n", "ended with 7"), ("#!/nowhere/at/all\n", "No such file or directory")],
)
def test_an_alert_that_fails_is_told(ground: Ground, script: str, told: str) -> None:
    """What goes wrong with an alert is one line on stderr; the intervention is done all the same (P8)."""
    alert = alert_command(ground, script)
    ground.rule("[alerts]", f'command = ["{alert}"]', timeout='"1ms"', grace='"5s"')
    victim = ground.python(SLEEPER)
    done = ground.guardian("cleanup")
    assert done.code == 0, done
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert done.err.startswith(f"guardian: the alert {alert} ")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_dry_run_alerts_nobody(ground: Ground) -> None:
    """A plan is no intervention: nobody is called for it."""
    alert = alert_command(ground)
    ground.rule("[alerts]", f'command = ["{alert}"]', timeout='"1ms"')
    victim = ground.python(SLEEPER)
    for words in (("cleanup",), ("monitor", "--once")):
        assert ground.guardian(*words, "--dry-run").code == 0
    assert victim.poll() is None
    assert not Path(f"{alert}.got").exists()


def test_the_log_can_be_json(ground: Ground) -> None:
    """With `--log-json` every line on stderr and in the file is a JSON document with level and words."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    victim = ground.python(SLEEPER, "\x1b[2J\n")
    monitor = ground.monitor("--interval", "1s", "--log-json")
    monitor.wait_for("1 process got SIGTERM")
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert monitor.end(signal.SIGTERM) == 0
    filed = (ground.house.state / "logs" / "monitor.log").read_text().splitlines(keepends=True)
    assert filed == monitor.lines
    records = [json.loads(line)["record"] for line in monitor.lines]
    assert [record["level"]["name"] for record in records] == ["INFO", "WARNING", "INFO", "INFO"]
    assert [f"pid {victim.pid}" in record["message"] for record in records] == [False, True, True, False]


def test_what_it_keeps_is_private(ground: Ground) -> None:
    """Journal and log are 0600 in folders of 0700, whatever the umask (P9)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    ground.house.state.rmdir()
    ground.python(SLEEPER)
    assert ground.guardian("monitor", "--once", before=("sh", "-c", 'umask 0; exec "$@"', "sh")).code == 0
    kept = {path.name: path.stat().st_mode & 0o777 for path in ground.house.state.rglob("*")}
    assert kept == {"journal.jsonl": 0o600, "logs": 0o700, "monitor.log": 0o600}
    assert ground.house.state.stat().st_mode & 0o777 == 0o700


def blocked(ground: Ground) -> dict[str, str]:
    """Return a state folder that nobody can make, not even root: it lies below a file."""
    (ground.house.root / "file").touch()
    return {"GUARDIAN_STATE_DIR": str(ground.house.root / "file" / "state")}


def test_cleanup_goes_on_without_its_journal(ground: Ground) -> None:
    """Where nothing can be kept the guard says so once, does its work, and exits with 0 (P10)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    victims = [ground.python(SLEEPER), ground.python(DEAF)]
    done = ground.guardian("cleanup", env=ground.environment(**blocked(ground)))
    assert done.code == 0, done
    assert done.err.startswith("guardian: cannot write the journal ")
    assert done.err.endswith("Not a directory; going on without it\n")
    assert done.err.count("\n") == 1
    assert [each.wait(PATIENCE) for each in victims] == [-signal.SIGTERM, -signal.SIGKILL]


def test_the_monitor_goes_on_without_journal_and_log(ground: Ground) -> None:
    """A monitor that can keep nothing says so once for each file, and guards (P10)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    monitor = ground.monitor("--interval", "1s", env=blocked(ground))
    for _ in range(2):
        assert ground.bait().wait(PATIENCE) == -signal.SIGTERM
        monitor.wait_for("ended")
    assert monitor.end(signal.SIGTERM) == 0
    assert len([line for line in monitor.lines if "cannot write the journal" in line]) == 1
    assert len([line for line in monitor.lines if "cannot write the log" in line]) == 1


def test_a_full_disk_stops_nobody(ground: Ground, needs_root: None) -> None:
    """On a full disk the monitor complains once, in one line, and guards; so does a cleanup (P10)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    state = ground.house.state
    fill = (
        f'mount -t tmpfs -o size=64k none {state} && ! head -c 1M /dev/zero 2>&- >{state}/fill && exec "$@"'
    )
    full = ("unshare", "--mount", "sh", "-c", fill, "sh")
    victim = ground.python(SLEEPER)
    done = ground.guardian("cleanup", before=full)
    assert (done.code, done.err.count("\n")) == (0, 1), done
    assert "No space left on device; going on without it" in done.err
    assert victim.wait(PATIENCE) == -signal.SIGTERM

    monitor = ground.monitor("--interval", "1s", before=full)
    for _ in range(2):
        assert ground.bait().wait(PATIENCE) == -signal.SIGTERM
        monitor.wait_for("1 process got SIGTERM")
    assert monitor.end(signal.SIGTERM) == 0
    assert "Traceback" not in "".join(monitor.lines)
    assert len([line for line in monitor.lines if "No space left" in line]) == 2, "log and journal"


def test_a_monitor_outlives_who_reads_its_log(ground: Ground) -> None:
    """`guardian monitor 2>&1 | head -1`: the guard goes on, and its file has what nobody reads (P10)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    monitor = ground.monitor("--interval", "1s", env=blocked(ground))
    assert monitor.process.stderr is not None
    monitor.process.stderr.close()
    for _ in range(2):
        assert ground.bait().wait(PATIENCE) == -signal.SIGTERM
    monitor.process.send_signal(signal.SIGTERM)
    assert monitor.process.wait(PATIENCE) == 0


def test_a_cleanup_outlives_who_reads_its_complaints(ground: Ground) -> None:
    """That nobody can be told of a missing journal leaves nobody half ended (P1, P10)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    deaf = ground.python(DEAF)
    reading, writing = os.pipe()
    os.close(reading)
    done = ground.guardian("cleanup", stderr=writing, env=ground.environment(**blocked(ground)))
    os.close(writing)
    assert done.code == 0, done
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
