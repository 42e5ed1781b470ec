"""`guardian ps` on real services: asking, waiting, looking, and logs that are followed over everything."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from litter import start_of
from project import PATIENCE, Project, python, service
from waiting import wait_until

SLEEP = {"command": "sleep 90"}
DEAF = "import signal,time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(90)"
# Counts, a line for each SIGUSR1, from where the last generation stopped.
TALKER = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: print(f"{os.getpid()} told", flush=True))
print(f"{os.getpid()} up", flush=True)
end = time.monotonic() + 90
while time.monotonic() < end: time.sleep(1)
"""


def told(project: Project, *words: str) -> Any:
    """Run a command with --json; return what it says."""
    answer = project.guardian(*words, "--json")
    assert answer.code == 0, answer
    return json.loads(answer.out)


def next_line(child: subprocess.Popen[str], words: str) -> str:
    """Return the next line with these words; one that ends without it fails the test."""
    assert child.stdout is not None
    for line in child.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended and never said {words!r}")


def nobody_left_of_the_daemon(project: Project) -> bool:
    """Kill keeper and brain, and whether that was all: each of them replaces the other if it can."""
    found = [pid for pid in (project.brain(), project.keeper()) if pid]
    project.kill(*found)
    return not found


def test_a_stop_returns_when_the_tree_is_gone(project: Project) -> None:
    """`ps stop` returns when nobody of the tree is left, `ps start` when it is ready again (P1)."""
    project.up(service("a", **python("import os,time; os.fork(); print('up', flush=True); time.sleep(90)")))
    project.wait_for()
    wait_until(lambda: len(project.members()) == 2, PATIENCE, what="both of the tree")
    members = project.members()
    answer = project.guardian("ps", "stop", "a")
    assert (answer.code, answer.out) == (0, "a: stopped (ps stop)\n")
    assert {start_of(pid) for pid in members} == {None}
    (started,) = told(project, "ps", "start", "a")
    assert started["state"] == "ready"
    assert start_of(started["pid"]) == started["start"]
    (again,) = told(project, "ps", "restart", "a")
    assert again["pid"] != started["pid"]
    assert start_of(started["pid"]) is None


def test_what_could_not_be_is_exit_1_and_its_reason(project: Project) -> None:
    """A start that fails, or is not ready in time, is exit 1 with the reason in one line (P10)."""
    project.up(
        service("broken", command="/nonexistent/program", autostart=False),
        service(
            "slow", "[services.slow.ready]", 'type = "output"', 'pattern = "never"', **SLEEP, autostart=False
        ),
        service("deaf", **python(DEAF), stop_timeout="60s"),
    )
    answer = project.guardian("ps", "start", "broken")
    assert (answer.code, answer.out) == (1, "")
    assert re.fullmatch(r"guardian: broken is fatal: cannot be executed: .*\n", answer.err)
    answer = project.guardian("ps", "start", "slow", "--timeout", "500ms")
    assert answer.code == 1
    assert re.fullmatch(r"guardian: not within 500ms: slow is running: .*\n", answer.err)
    assert project.guardian("ps", "start", "slow", "--no-wait").code == 0
    assert "deaf" in next_line(project.start("ps", "logs", "-f", "deaf"), "deaf")
    answer = project.guardian("ps", "stop", "deaf", "--timeout", "300ms")
    assert answer.code == 1
    assert "not within 300ms: deaf is stopping" in answer.err
    assert project.guardian("ps", "stop", "deaf", "--force").code == 0


def test_names_groups_and_globs(project: Project) -> None:
    """A name, a group or a glob means the same everywhere; an unknown one names the nearest (P10)."""
    project.up(
        service("web-1", **SLEEP, group="web"),
        service("web-2", **SLEEP, group="web"),
        service("db", **SLEEP),
    )
    assert [each["name"] for each in told(project, "ps", "stop", "web")] == ["web-1", "web-2"]
    assert [each["name"] for each in told(project, "ps", "start", "*-2", "db")] == ["web-2", "db"]
    for words in (
        ("stop", "wbe-1"),
        ("status", "wbe-1"),
        ("logs", "wbe-1"),
        ("list", "wbe-1"),
        ("signal", "1", "wbe-1"),
    ):
        answer = project.guardian("ps", *words)
        assert (answer.code, answer.out) == (2, ""), answer
        assert answer.err == "guardian: no service or group is called wbe-1; did you mean web-1?\n"
    answer = project.guardian("ps", "remove", "db")
    assert answer.code == 2
    assert "db is configured in guardian.toml" in answer.err


def test_status_tells_everything(project: Project) -> None:
    """`ps status` tells state, cause, pid, limits and log files of one service."""
    project.up(service("a", **SLEEP, max_memory="64MB", depends_on=["b"]), service("b", **SLEEP))
    found = project.wait_for()
    said = project.guardian("ps", "status", "a").out
    for words in (
        "state       ready",
        f"pid         {found['a']['pid']}",
        "depends on  b",
        "max_memory 64MB",
    ):
        assert words in said, said
    assert str(project.folder / "logs" / "a.err.log") in said
    (record,) = told(project, "ps", "status", "a")
    assert record["limits"]["max_memory"] == 64 << 20


def test_stats_weigh_the_whole_tree(project: Project) -> None:
    """CPU, memory and processes are those of all that a service has started (P4)."""
    project.up(
        service("busy", command="sh -c 'while :; do :; done & wait'"),
        service("off", **SLEEP, autostart=False),
    )
    project.wait_for("ready", "busy")
    busy, off = told(project, "ps", "stats")
    assert busy["processes"] == 2
    assert busy["cpu"] > 5
    assert 50_000 < busy["memory"] < 50 << 20
    assert (off["cpu"], off["memory"], off["processes"]) == (None, None, 0)
    assert project.guardian("ps", "stats", "busy").out.splitlines()[1].split()[0] == "busy"


def test_a_signal_reaches_the_leader_alone(project: Project) -> None:
    """`ps signal` sends to main processes; who does not run is named, and the exit code is 1."""
    project.up(service("talker", **python(TALKER)), service("off", **SLEEP, autostart=False))
    follower = project.start("ps", "logs", "-f", "talker")
    pid = int(next_line(follower, "up").split()[0])
    answer = project.guardian("ps", "signal", "usr1", "talker")
    assert (answer.code, answer.out) == (0, f"talker: SIGUSR1 sent to pid {pid}\n")
    assert next_line(follower, "told") == f"{pid} told\n"
    answer = project.guardian("ps", "signal", "USR1", "talker", "off")
    assert (answer.code, answer.err) == (1, "guardian: off is stopped; there is nobody to signal\n")
    answer = project.guardian("ps", "signal", "URS1", "talker")
    assert (answer.code, answer.err) == (2, "guardian: there is no signal URS1; did you mean SIGUSR1?\n")


def test_logs_without_a_daemon(project: Project) -> None:
    """What services printed is read without the daemon; last lines, one stream, a pattern, JSON."""
    project.up(
        service("a", **python("import sys; print('one\\ntwo\\x1b[2J'); sys.exit(0)"), autorestart=False),
        service("b", **python("import sys; print('three', file=sys.stderr)"), autorestart=False),
    )
    project.wait_for("exited")
    assert project.down().code == 0
    assert project.guardian("ps", "logs", "a").out == "one\ntwo\\x1b[2J\n"
    assert project.guardian("ps", "logs", "a", "-n", "1").out == "two\\x1b[2J\n"
    assert sorted(project.guardian("ps", "logs").out.splitlines()) == [
        "a | one",
        "a | two\\x1b[2J",
        "b | three",
    ]
    assert project.guardian("ps", "logs", "--stream", "err").out == "b | three\n"
    assert project.guardian("ps", "logs", "--grep", "^th?[wr]").out.count("\n") == 2
    record = json.loads(project.guardian("ps", "logs", "b", "--json").out)
    assert (record["service"], record["stream"], record["level"], record["text"]) == (
        "b",
        "stderr",
        "error",
        "three",
    )
    assert project.guardian("ps", "logs", "--since", "0").out == ""


def test_following_gets_over_everything(project: Project) -> None:
    """`ps logs -f` goes on over a restart of the service, a killed brain, and the next daemon (P6, P7)."""
    project.up(service("talker", **python(TALKER)))
    follower = project.start("ps", "logs", "-f", "talker")
    first = next_line(follower, "up")
    assert project.guardian("ps", "restart", "talker").code == 0
    second = next_line(follower, "up")
    assert first != second
    brain = project.brain()
    project.kill(brain)
    wait_until(lambda: project.brain() not in (0, brain), PATIENCE, what="the next brain")
    assert project.guardian("ps", "signal", "USR1", "talker").code == 0
    assert next_line(follower, "told").split()[0] == second.split()[0]
    assert project.down().code == 0
    project.up()
    assert next_line(follower, "up") not in (first, second)
    follower.send_signal(signal.SIGINT)
    assert follower.communicate(timeout=PATIENCE) == ("", "")
    assert follower.returncode == 130


def test_a_reader_that_goes_is_no_failure(project: Project) -> None:
    """When whoever reads the logs has gone, following ends without a word."""
    project.up(
        service(
            "chatty", command="sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; sleep 0.02; done'"
        )
    )
    follower = project.start("ps", "logs", "-f", "chatty")
    assert next_line(follower, "1")
    assert follower.stdout is not None
    assert follower.stderr is not None
    follower.stdout.close()
    assert follower.wait(PATIENCE) == 141
    assert follower.stderr.read() == ""


def test_events_tell_what_happens(project: Project) -> None:
    """`guardian events` has a line for each step of a life, and ends with the daemon."""
    project.up(service("a", **SLEEP), service("b", **SLEEP))
    project.wait_for()
    watcher = project.start("events", "--json", "b")
    next_line(watcher, "listening")
    assert project.guardian("ps", "restart", "a", "b").code == 0
    steps = [json.loads(next_line(watcher, '"state"')) for _ in range(5)]
    assert {each["service"] for each in steps} == {"b"}
    assert [each["after"] for each in steps] == ["stopping", "stopped", "starting", "running", "ready"]
    assert project.down().code == 0
    out, err = watcher.communicate(timeout=PATIENCE)
    assert json.loads(out.splitlines()[-1])["after"] == "stopped"
    assert (watcher.returncode, err) == (0, "guardian: the daemon has ended\n")


def test_why_a_service_crashed(project: Project) -> None:
    """`guardian why NAME` tells the last failure, its last words and what followed (P8)."""
    project.up(
        service("a", **python("import sys; print('no disk', file=sys.stderr); sys.exit(3)"), max_restarts=1)
    )
    project.wait_for("fatal")
    said = project.guardian("why", "a").out
    assert re.search(r"^a is fatal since .*: restarted too often: 1 times", said)
    assert re.search(r"^It failed last at .*: exited with code 3\.$", said, re.MULTILINE)
    assert said.count("\n  no disk\n") == 1  # what the generation before had to say is another story
    record = told(project, "why", "a")
    assert (record["failure"]["cause"], record["output"][-1]["text"]) == ("exited", "no disk")
    assert project.guardian("why", "zzz").code == 1


def test_without_a_daemon_it_says_what_still_runs(project: Project) -> None:
    """After keeper and brain were killed the list says who still runs, and `down` ends them (P1, P10)."""
    project.up(service("a", **SLEEP))
    pid = project.wait_for()["a"]["pid"]
    wait_until(lambda: nobody_left_of_the_daemon(project), PATIENCE, what="the end of keeper and brain")
    for words in (("ps", "list"), ("ps", "stop", "a"), ("events",), ("reload",)):
        answer = project.guardian(*words)
        assert answer.code == 1
        assert (
            f"start it with: guardian up --detach; it takes over what still runs: a (pid {pid})" in answer.err
        )
    assert start_of(pid) is not None
    answer = project.down()
    assert answer.code == 0, answer
    assert start_of(pid) is None
    assert project.guardian("ps", "list").err.count("\n") == 1
    assert project.down().out.endswith("and none of its services\n")


def test_a_daemon_of_another_version(project: Project, tmp_path: Path) -> None:
    """A daemon that speaks otherwise is named with its version, in one line (P10)."""
    project.up(service("a", **SLEEP))
    (tmp_path / "sitecustomize.py").write_text("import guardian.daemon.client as c\nc.PROTOCOL = 99\n")
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"
    answer = project.guardian(
        "ps", "list", env={**os.environ, "PYTHONPATH": path, "GUARDIAN_CONFIG": str(project.config)}
    )
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), answer
    assert "speak protocol 99" in answer.err


@pytest.mark.parametrize(
    "words", [("up",), ("ps", "list"), ("down",), ("reload",), ("ps", "logs"), ("events",)]
)
def test_where_no_project_is(project: Project, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Without a guardian.toml a command says so in one line, exit 2 (P10)."""
    environment = {k: v for k, v in os.environ.items() if k != "GUARDIAN_CONFIG"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    answer = project.guardian(*words, env=environment, cwd=tmp_path)
    assert answer.code == 2, answer
    assert answer.err.count("\n") == 1
