from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import House

from guardian.cli import here
from guardian.cli.log_lines import Lines, harmless
from guardian.cli.ps_ask import signal_name
from guardian.cli.ps_list import is_quick, reason
from guardian.cli.ps_logs import LAST, Wish
from guardian.cli.why_service import is_failure
from guardian.daemon.places import Project
from guardian.errors import UsageError
from guardian.output.reading import LogLine

FOREIGN = """
import typer, guardian.cli.ps
app = typer.Typer()
app.add_typer(guardian.cli.ps.app, name="services")

@app.command()
def other() -> None:
    print("mine")

app()
"""
LIGHT = {
    *("typer", "click", "rich", "asyncio", "msgspec", "loguru", "psutil", "tomllib", "tomlkit"),
    *("httpx", "watchfiles", "apscheduler", "subprocess", "typing", "dataclasses", "threading", "logging"),
}


@pytest.mark.parametrize(
    ("word", "name"),
    [("HUP", "SIGHUP"), ("sighup", "SIGHUP"), ("1", "SIGHUP"), ("usr1", "SIGUSR1"), ("SIGTERM", "SIGTERM")],
)
def test_a_signal_has_many_spellings(word: str, name: str) -> None:
    """A signal is said as a name, with or without SIG, in any case, or as a number."""
    assert signal_name(word) == name


@pytest.mark.parametrize("word", ["HPU", "", "0", "999", "-9", "\x1b[2J", "SIG", "_DFL"])
def test_no_signal(word: str) -> None:
    """What is no signal is refused in one line, without what would steer a terminal (P10)."""
    with pytest.raises(UsageError, match="there is no signal") as found:
        signal_name(word)
    assert str(found.value).isprintable()


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        (Wish(), LAST),
        (Wish(since="1m"), None),
        (Wish(lines="all"), None),
        (Wish(lines="0"), 0),
        (Wish(lines="7", since="1m"), 7),
    ],
)
def test_how_many_lines(wish: Wish, count: int | None) -> None:
    """Without a number the last ones are shown, and with --since all of them."""
    assert wish.count == count


@pytest.mark.parametrize("lines", ["-1", "x", "1.5", "9" * 30, "²"])
def test_no_number_of_lines(lines: str) -> None:
    """What is no number of lines is refused, and said (P10)."""
    with pytest.raises(UsageError, match="-n: found"):
        _ = Wish(lines=lines).count


def test_no_pattern_and_no_stream() -> None:
    """A regular expression with a fault, and a stream that does not exist, are refused in a line (P10)."""
    with pytest.raises(UsageError, match=r"--grep: .* is no regular expression"):
        _ = Wish(grep="(").pattern
    with pytest.raises(UsageError, match="--stream: found 'in', expected out or err"):
        Wish(stream="in").check_stream()
    with pytest.raises(UsageError, match="--since: found 'yesterday'"):
        _ = Wish(since="yesterday").moment


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï", "plain ünï"),
        ("a\tb", "a       b"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("windows\r", "windows"),
        ("\x1b[2Jgone\x07", r"\x1b[2Jgone\x07"),
        ("over\rwritten", r"over\rwritten"),
        ("\x9b2J", r"\x9b2J"),
    ],
)
def test_output_cannot_steer_a_terminal(text: str, shown: str) -> None:
    """Colours are left out, tabs are blanks, everything else that is no visible character is escaped."""
    assert harmless(text) == shown


def test_lines_stand_behind_their_names() -> None:
    """In a pipe lines of several services are aligned, and without colours."""
    lines = Lines(["db", "worker"])
    assert lines.line(LogLine("db", "stdout", 0.0, "error", "ERROR x")) == "db     | ERROR x"
    assert lines.event("worker", 0.0, "gone\n") == r"worker | -- gone\n"
    alone = Lines(["db"], prefixes=False)
    assert alone.line(LogLine("db", "stdout", 0.0, "info", "x")) == "x"


@pytest.mark.parametrize(
    ("words", "quick"),
    [([], True), (["--json"], True), (["a", "--json", "b*"], True), (["--help"], False), (["-h"], False)],
)
def test_what_the_light_path_takes(words: list[str], quick: bool) -> None:
    """Names and --json need no argument parser; everything else goes to Typer."""
    assert is_quick(words) is quick


def test_why_a_service_waits() -> None:
    """What a service waits for, and when it is tried again, is said beside its cause."""
    base = {"state": "backoff", "why": "exited with code 3", "waits_for": [], "due": 2.0}
    assert reason(base) == "exited with code 3; starts again in 2.0s"
    assert reason(base | {"waits_for": ["db", "mq"]}) == "waits for db, mq"


@pytest.mark.parametrize(
    ("after", "cause", "failed"),
    [("stopping", "exited", True), ("stopping", "asked", False), ("backoff", "exited", False)],
)
def test_which_event_is_a_failure(after: str, cause: str, failed: bool) -> None:
    """A service has failed where it began to end though nobody had asked for that."""
    assert is_failure({"topic": "state", "after": after, "cause": cause}) is failed


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"trees": []}', '{"trees": {"a:1": {"leader": 3}}}']
)
def test_a_spoilt_state_file_is_no_failure(tmp_path: Path, text: str) -> None:
    """Whoever only asks what still runs is told nothing by a file that cannot be read (P10)."""
    project = Project(str(tmp_path))
    os.mkdir(project.folder)
    Path(project.below("state.json")).write_text(text)
    assert here.remains(project) == []


def test_what_still_runs_is_known_by_pid_and_start(tmp_path: Path) -> None:
    """A pid that belongs to another process by now is no service of ours (P2)."""
    project = Project(str(tmp_path))
    os.mkdir(project.folder)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start = int(fields[19])
    trees = {
        "a:1": {"name": "a", "leader": [os.getpid(), start], "mark": [0, 1]},
        "b:1": {"name": "b", "leader": [os.getpid(), start - 1], "mark": [0, 1]},
        "c:1": {"name": "c", "leader": None, "mark": [0, 1]},
    }
    Path(project.below("state.json")).write_text(json.dumps({"trees": trees}))
    assert here.remains(project) == [("a", os.getpid())]


def foreign(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of somebody else that has mounted the app."""
    return subprocess.run(
        [sys.executable, "-c", FOREIGN, *words],
        cwd=house.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_another_program_mounts_it(house: House) -> None:
    """In a foreign Typer app an error is one line and guardian's exit code too, and never a traceback."""
    house.write_config('[services.a]\ncommand = "sleep 60"\n')
    assert foreign(house, "other").stdout == "mine\n"
    told = foreign(house, "services", "list")
    assert (told.returncode, told.stdout) == (1, "")
    assert re.fullmatch(
        r"guardian: no daemon runs for .*; start it with: guardian up --detach\n", told.stderr
    )
    told = foreign(house, "services", "stop", "a", "--timeout", "soon")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "--timeout: found 'soon'" in told.stderr
    assert foreign(house, "services", "logs", "b").returncode == 2


def test_the_light_path_imports_nothing_heavy(house: House) -> None:
    """`guardian ps list` asks without Typer, Rich, asyncio or msgspec (P12)."""
    house.write_config('[services.a]\ncommand = "sleep 60"\n')
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "guardian", "ps", "list", "--json", "a"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "guardian.daemon.client" in imported
    assert imported & LIGHT == set()
