"""`guardian status` and `guardian why` on real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from ground import PATIENCE, Ground
from victims import DEAF, SLEEPER
from waiting import wait_until

# Takes another name, and a title with escapes and a second line in it (prctl(2), PR_SET_NAME = 15).
HOSTILE = """
import ctypes, signal
ctypes.CDLL(None).prctl(15, b"a)\\x1b[2J\\nb")
print("up", flush=True)
signal.pause()
"""
HEAVY = {"typer", "click", "rich", "asyncio", "loguru", "apscheduler", "psutil", "msgspec", "tomllib"}


def test_json_tells_everything(ground: Ground) -> None:
    """`status --json` tells each launch with use, limit and verdict, rules, machine and monitor (P8)."""
    ground.rule(max_memory='"500MB"', timeout='"1h"', max_concurrent="7")
    victim = ground.python(SLEEPER)
    answer = ground.guardian("status", "--json")
    assert answer.code == 0, answer
    (launch,) = answer.json["launches"]
    assert launch.keys() == {
        *("pid", "rule", "command", "age", "cpu", "memory", "exact", "processes"),
        *("orphan", "foreground", "limit", "verdict", "breach"),
    }
    assert (launch["pid"], launch["rule"], launch["processes"]) == (victim.pid, "victim", 1)
    assert (launch["limit"], launch["verdict"], launch["breach"]) == ("500MB 1h", "ok", False)
    assert ground.tag in launch["command"]
    assert 1 << 20 < launch["memory"] < 200 << 20
    assert answer.json["rules"] == [{"name": "victim", "launches": 1, "max_concurrent": 7}]
    assert answer.json["machine"]["cores"] == os.cpu_count()
    assert 0 < answer.json["machine"]["memory_available"] <= answer.json["machine"]["memory_total"]
    assert answer.json["monitor"] is None
    assert answer.json["breaches"] == 0


def test_check_tells_by_its_exit_code(ground: Ground) -> None:
    """`status --check` exits 3 when a launch breaks a rule, 0 when none does; it signals nobody (P2)."""
    ground.rule(timeout='"1ms"')
    assert ground.guardian("status", "--check").code == 0
    victim = ground.python(SLEEPER)
    for words in (("status", "--check"), ("status", "--check", "--json"), ("status", "--json", "--check")):
        answer = ground.guardian(*words)
        assert answer.code == 3, answer
        assert "timeout is 1ms" in answer.out
    assert ground.guardian("status").code == 0
    assert victim.poll() is None
    assert not ground.records("signal")


def test_the_table_for_people(ground: Ground) -> None:
    """Each launch is a row; below it stand the rules, the machine, and whether a monitor runs."""
    ground.rule(max_memory='"1MB"', max_concurrent="2")
    victims = [ground.python(SLEEPER) for _ in range(2)]
    head, *rows, empty, launches, machine, monitor = ground.guardian("status").out.splitlines()
    assert head.split() == ["PID", "RULE", "AGE", "CPU", "MEMORY", "PROCS", "LIMIT", "COMMAND", "VERDICT"]
    assert [row.split()[:2] for row in rows] == [[str(each.pid), "victim"] for each in victims]
    assert all("max_memory is 1MB" in row for row in rows)
    assert (empty, launches) == ("", "launches: victim 2 of 2")
    assert re.fullmatch(r"machine:  .+ of .+ free, load .+ on \d+ cores?(, memory pressure .+ %)?", machine)
    assert monitor == "monitor:  not running (start it with: guardian monitor --detach)"


def test_it_tells_who_watches(ground: Ground) -> None:
    """While a monitor runs status names its pid, for people and programs."""
    ground.rule()
    monitor = ground.monitor("--interval", "1h")
    assert f"monitor:  running, pid {monitor.pid}" in ground.guardian("status").out
    found = ground.guardian("status", "--json").json["monitor"]
    assert found["pid"] == monitor.pid
    assert found["since"] > 1.7e9
    assert monitor.end(signal.SIGTERM) == 0


def test_what_processes_call_themselves_is_escaped(ground: Ground) -> None:
    """A name or an argument with escapes and newlines in it stays one line of visible characters (P8)."""
    ground.rule("[rules.named]", 'names = ["a)*"]', "timeout = '1ms'", timeout='"1ms"', grace='"5s"')
    victim = ground.python(HOSTILE, "\x1b]0;owned\x07", "line\nfeed", "caf\u00e9 \udcff\u202e")
    outputs = [
        ground.guardian("status"),
        ground.guardian("status", "--json"),
        ground.guardian("cleanup", "--dry-run"),
    ]
    outputs += [ground.guardian("cleanup"), ground.guardian("why"), ground.guardian("why", "--json")]
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    for answer in outputs:
        assert answer.code == 0, answer
        assert answer.err == ""
        assert all(line.isprintable() for line in answer.out.splitlines()), answer
    assert r"\x1b]0;owned\x07 line\nfeed café \udcff\u202e" in ground.guardian("why").out
    assert len(outputs[3].out.splitlines()) == 2
    journal = (ground.house.state / "journal.jsonl").read_bytes()
    assert journal.isascii()
    assert b"\x1b" not in journal


def test_watch_goes_on_until_it_is_interrupted(ground: Ground) -> None:
    """`status --watch --json` prints one document a line, again and again; ^C ends it with 130."""
    ground.rule()
    process = ground.litter.start(
        sys.executable,
        "-m",
        "guardian",
        "status",
        "--watch",
        "--json",
        cwd=ground.work,
        env=ground.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert all(json.loads(process.stdout.readline())["launches"] == [] for _ in range(2))
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert process.stderr.read() == ""


def test_why_finds_a_receipt(ground: Ground) -> None:
    """`why` tells the last intervention, or that of an id or of any member's pid (P8)."""
    ground.rule(timeout='"1ms"', grace='"1s"')
    none = ground.guardian("why")
    assert none.code == 1
    assert f"no intervention is in the journal {ground.house.state}/journal.jsonl" in none.err + none.out
    first = ground.python(f"import os\nif os.fork(): os.wait()\n{SLEEPER}")
    (child,) = ground.litter.alive() - {first.pid}
    assert ground.guardian("cleanup").code == 0
    second = ground.python(DEAF)
    assert ground.guardian("cleanup").code == 0
    older, newer = ground.receipts()
    assert (older["pid"], newer["pid"]) == (first.pid, second.pid)

    assert ground.guardian("why", "--json").json == newer
    for which in (older["id"], str(first.pid), str(child)):
        assert ground.guardian("why", which, "--json").json == older
    told = ground.guardian("why", str(second.pid)).out
    assert re.search(
        rf'{newer["id"]}: guardian cleanup ended ".*{ground.tag}" \(pid {second.pid}\) on ', told
    )
    assert "Why: rule victim: age" in told
    assert "1 process got SIGTERM, 1 SIGKILL" in told
    unknown = ground.guardian("why", "zzzz")
    assert unknown.code == 1
    assert "no intervention about zzzz" in unknown.err + unknown.out


def test_json_of_nothing_is_json(ground: Ground) -> None:
    """Where `why --json` knows of no intervention it prints null, and the exit code is 1."""
    answer = ground.guardian("why", "--json")
    assert (answer.code, answer.json) == (1, None)


@pytest.mark.parametrize("words", [("--json",), ("--check",), ()])
def test_it_imports_little(ground: Ground, words: tuple[str, ...]) -> None:
    """`status` stands in shell prompts: with its settings in the cache it loads no library at all (P12)."""
    ground.rule()

    def loaded() -> set[str]:
        answer = ground.guardian("status", *words, env=ground.environment(PYTHONPROFILEIMPORTTIME="1"))
        assert answer.code == 0, answer
        lines = answer.err.splitlines()
        return {
            line.rpartition("|")[2].strip().partition(".")[0]
            for line in lines
            if line.startswith("import time:")
        }

    assert "guardian" in loaded()
    wait_until(lambda: not loaded() & HEAVY, PATIENCE, what="a status from the cache")
