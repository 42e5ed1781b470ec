"""`guardian up` in the foreground: what it shows, how it ends, and as the first process of a container."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from litter import MARK, start_of
from project import GUARDIAN, PATIENCE, ROOT, Project, python, service
from waiting import wait_until

SLEEP = {"command": "sleep 90"}
DEAF = "import signal,time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(90)"
TALK = "import time; print('hello \\x1b[2J', flush=True); time.sleep(90)"
FLOOD = "import time,sys\nfor i in range(200000): print('x' * 100)\nprint('done', flush=True); time.sleep(90)"
PAINT = re.compile(r"\x1b\[[0-9;]*m")


def lines_until(child: subprocess.Popen[str], words: str) -> list[str]:
    """Return what it prints until a line with these words."""
    assert child.stdout is not None
    seen = []
    for line in child.stdout:
        seen.append(line)
        if words in line:
            return seen
    raise AssertionError(f"it ended and never said {words!r}: {seen}")


def on_terminal(project: Project, *words: str) -> Any:
    """Start guardian on a terminal of its own."""
    return pexpect.spawn(
        GUARDIAN[0],
        [*GUARDIAN[1:], *words],
        cwd=str(project.root),
        env={
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            "TERM": "xterm",
            "PYTHONPATH": str(ROOT),
            "GUARDIAN_CONFIG": str(project.config),
            MARK: project.litter.mark,
        },
        dimensions=(50, 200),
        timeout=PATIENCE,
        encoding="utf-8",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(project: Project, number: int) -> None:
    """^C, SIGTERM and SIGHUP to whoever started the daemon end it and every service (P1)."""
    project.write(service("a", **python(TALK)), service("b", **SLEEP))
    front = project.start("up")
    seen = lines_until(front, "a | hello")
    assert seen[-1].endswith("a | hello \\x1b[2J\n")
    pids = [each["pid"] for each in project.wait_for().values()]
    front.send_signal(number)
    out, err = front.communicate(timeout=PATIENCE)
    assert front.returncode == 0, (out, err)
    assert "5/5 cleans up" in err
    assert [start_of(pid) for pid in pids] == [None, None]
    assert (project.keeper(), project.brain()) == (0, 0)


def test_a_second_interruption_takes_the_grace_away(project: Project) -> None:
    """On a terminal ^C tells the phases; a second one forces those who are deaf (P3)."""
    project.write(service("deaf", **python(DEAF), stop_timeout="80s"))
    terminal = on_terminal(project, "up")
    try:
        terminal.expect(r"\x1b\[36mdeaf \| \x1b\[0mdeaf")
        pid = project.wait_for()["deaf"]["pid"]
        terminal.sendintr()
        terminal.expect("3/5 waits for what has not stopped")
        terminal.sendintr()
        terminal.expect("4/5 forces what would not stop: deaf")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0
    assert start_of(pid) is None


def test_who_did_not_start_the_daemon_does_not_end_it(project: Project) -> None:
    """`up` beside a daemon takes over what guardian.toml says now, and ^C only detaches."""
    project.up(service("a", **SLEEP))
    project.write(service("a", **SLEEP), service("new", **python(TALK)))
    front = project.start("up")
    seen = lines_until(front, "| hello")
    assert "runs already" in seen[0]
    front.send_signal(signal.SIGINT)
    _, err = front.communicate(timeout=PATIENCE)
    assert (front.returncode, err.count("\n")) == (0, 1)
    assert "detached; the daemon goes on" in err
    assert {each["state"] for each in project.stands().values()} == {"ready"}


def test_a_killed_brain_does_not_end_the_show(project: Project) -> None:
    """The foreground stays attached over the death of a brain, and ends with the daemon (P6)."""
    project.write(service("a", **SLEEP), service("late", **python(TALK), autostart=False))
    front = project.start("up")
    lines_until(front, "ready")
    brain = project.brain()
    project.kill(brain)
    wait_until(lambda: project.brain() not in (0, brain), PATIENCE, what="the next brain")
    assert project.guardian("ps", "start", "late").code == 0
    lines_until(front, "late | hello")
    assert project.down().code == 0
    _, err = front.communicate(timeout=PATIENCE)
    assert (front.returncode, err) == (0, "guardian: the daemon has ended\n")


def test_a_reader_who_stands_still_harms_nobody(project: Project) -> None:
    """While nobody reads what `up` prints services run and print on, and SIGTERM still ends it (P7)."""
    project.write(service("flood", **python(FLOOD)))
    front = project.start("up")
    wait_until(lambda: b"done" in project.printed("flood")[-100:], PATIENCE, what="the last line in the log")
    assert project.guardian("ps", "list").code == 0
    front.send_signal(signal.SIGTERM)
    wait_until(lambda: not project.brain(), PATIENCE, what="end of the brain")
    front.communicate(timeout=PATIENCE)
    assert front.returncode == 0


def test_a_reader_who_goes_harms_nobody(project: Project) -> None:
    """When the pipe to the foreground is closed services go on, and SIGTERM still ends them (P6)."""
    project.write(
        service("a", **python("import time\nwhile True: print('tick', flush=True); time.sleep(0.05)"))
    )
    front = project.start("up")
    lines_until(front, "tick")
    assert front.stdout is not None
    front.stdout.close()
    pid = project.wait_for()["a"]["pid"]
    before = len(project.printed("a"))
    wait_until(lambda: len(project.printed("a")) > before + 100, PATIENCE, what="more lines")
    assert front.poll() is None
    front.send_signal(signal.SIGTERM)
    assert front.wait(PATIENCE) == 0
    assert start_of(pid) is None


def test_waiting_until_all_are_ready(project: Project) -> None:
    """`up --wait` is 0 when everything that starts by itself is ready, 1 with the reason when one cannot."""
    project.write(service("a", **SLEEP), service("manual", **SLEEP, autostart=False))
    answer = project.guardian("up", "--wait")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "ready: a")
    assert {n: each["state"] for n, each in project.stands().items()} == {"a": "ready", "manual": "stopped"}
    project.write(service("a", **SLEEP), service("b", command="/nonexistent"))
    answer = project.guardian("up", "--wait")
    assert answer.code == 1
    assert answer.err.startswith("guardian: b is fatal: cannot be executed")


def test_only_what_was_named(project: Project) -> None:
    """`up NAME` starts it and what it depends on, and nothing else."""
    project.write(service("a", **SLEEP, depends_on=["b"]), service("b", **SLEEP), service("c", **SLEEP))
    assert project.guardian("up", "--wait", "a").code == 0
    states = {name: each["state"] for name, each in project.stands().items()}
    assert states == {"a": "ready", "b": "ready", "c": "stopped"}
    answer = project.guardian("up", "--detach", "aa")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


def test_reload_says_what_it_will_do(project: Project) -> None:
    """`reload --dry-run` tells the changes and makes none."""
    project.up(service("a", **SLEEP))
    before = project.wait_for()
    project.write(service("a", command="sleep 91"), service("b", **SLEEP))
    said = project.guardian("reload", "--dry-run")
    assert said.code == 0
    assert "sleep 91" in said.out
    assert project.stands()["a"]["pid"] == before["a"]["pid"]
    assert project.guardian("reload").out == said.out
    assert project.wait_for("ready", "a", "b")["a"]["pid"] != before["a"]["pid"]


@pytest.mark.usefixtures("needs_root")
def test_as_the_first_process_of_a_container(project: Project) -> None:
    """As process 1 `up` reaps whoever is left to it, and SIGTERM ends everything (P1)."""
    project.write(service("a", **python(TALK)))
    front = project.start("up", before=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"))
    lines_until(front, "a | hello")
    (init,) = children(front.pid)
    orphan = "import os,sys; os.fork() or (os.setsid(), os.fork() or os._exit(0), os._exit(0))"
    enter = ("nsenter", f"--target={init}", "--pid", "--mount")
    for _ in range(5):
        subprocess.run([*enter, sys.executable, "-S", "-E", "-c", orphan], check=True, timeout=PATIENCE)
    wait_until(lambda: not zombies(init), PATIENCE, what="no zombies of process 1")
    os.kill(init, signal.SIGTERM)  # as a container's runtime does; a child of our own child, not yet reaped
    out, err = front.communicate(timeout=PATIENCE)
    assert front.returncode == 0, (out, err)
    assert "5/5 cleans up" in err


def children(pid: int) -> list[int]:
    """Return the pids of its children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zombies(pid: int) -> list[int]:
    """Return its children that have ended and were not reaped."""
    return [each for each in children(pid) if " Z " in Path(f"/proc/{each}/stat").read_text()[:60]]
