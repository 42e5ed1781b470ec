"""`guardian run` from launch to end: exit codes, the end of the tree, the death of either guardian."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from house import House
from litter import Litter
from waiting import wait_until

SPAWNS = "setsid sleep 50 & sleep 50 & "  # one in a session of its own


def guardian(litter: Litter, *words: str, **options: object) -> subprocess.Popen[str]:
    """Start `guardian run` with these words, its stdout and stderr piped."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
    return litter.start(sys.executable, "-m", "guardian", "run", *words, **options)


def finish(run: subprocess.Popen[str], *, within: float = 30.0) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr."""
    out, err = run.communicate(timeout=within)
    return run.returncode, out, err


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["no-such-command-anywhere"], 127),
        (["/no/such/file"], 127),
        (["/etc/passwd"], 126),
        (["/"], 126),
        ([""], 127),
    ],
)
def test_the_exit_code_is_the_commands_own(
    command: list[str], code: int, house: House, litter: Litter
) -> None:
    """The exit code is the command's, 128+N for a signal, 126 and 127 as in a shell."""
    assert finish(guardian(litter, "--", *command))[0] == code


def test_a_timeout_ends_the_whole_tree(house: House, litter: Litter) -> None:
    """At the timeout everybody goes, other sessions included; 124, and one line that says why (P1)."""
    run = guardian(litter, "--timeout", "300ms", "--", "sh", "-c", SPAWNS + "wait")
    code, out, err = finish(run)
    assert (code, out, litter.alive()) == (124, "", set())
    assert re.fullmatch(r'guardian: ended "sh -c .*timeout.*300ms.*\n', err)


def test_who_is_deaf_to_the_question_is_forced(house: House, litter: Litter) -> None:
    """Who ignores SIGTERM gets the grace, then SIGKILL (P3)."""
    deaf = "trap '' TERM; " + SPAWNS + "while :; do sleep 1; done"
    run = guardian(litter, "--timeout", "300ms", "--grace", "300ms", "--", "sh", "-c", deaf)
    code, _, err = finish(run)
    assert (code, litter.alive()) == (124, set())
    assert "SIGKILL" in err


def test_what_a_green_command_left_is_ended(house: House, litter: Litter) -> None:
    """A normal exit leaves nobody behind either; the code stays the command's (P1)."""
    code, out, err = finish(guardian(litter, "--", "sh", "-c", SPAWNS + "echo done; exit 3"))
    assert (code, out, litter.alive()) == (3, "done\n", set())
    assert err.count("sleep ") == 4
    assert "2 processes got SIGTERM" in err


def test_keep_background_leaves_it(house: House, litter: Litter) -> None:
    """With --keep-background what outlives a normal exit goes on."""
    code, _, err = finish(
        guardian(litter, "--keep-background", "--", "sh", "-c", "sleep 50 >/dev/null 2>&1 & exit 3")
    )
    assert (code, err) == (3, "")
    assert len(litter.alive()) == 1


@pytest.mark.parametrize("victim", ["front", "sentinel"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_tree_ends_with_either_guardian(
    victim: str, number: signal.Signals, house: House, litter: Litter
) -> None:
    """SIGKILL to one of the two guardian processes ends the tree within a second (P6)."""
    run = guardian(litter, "--", "sh", "-c", SPAWNS + "echo $PPID; trap '' TERM; while :; do sleep 1; done")
    assert run.stdout is not None
    sentinel = int(run.stdout.readline())
    os.kill(run.pid if victim == "front" else sentinel, number)
    wait_until(lambda: not litter.alive(), 1.0 if not os.environ.get("CI") else 3.0, what="an empty tree")


def test_a_sentinel_that_is_stopped_again_and_again_is_replaced(house: House, litter: Litter) -> None:
    """A command that stops its guard does not get rid of it (P6)."""
    run = guardian(litter, "--", "sh", "-c", "while kill -STOP $PPID; do :; done; sleep 50")
    code, _, _ = finish(run)
    assert (code, litter.alive()) == (125, set())


def test_the_sentinel_is_continued(house: House, litter: Litter) -> None:
    """One SIGSTOP to the sentinel changes nothing: the front continues it."""
    run = guardian(litter, "--timeout", "500ms", "--", "sh", "-c", "kill -STOP $PPID; sleep 50")
    assert finish(run)[0] == 124
