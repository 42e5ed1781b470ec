"""The scripts that other tools call, run as those tools run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from house import House
from litter import Litter, start_of
from waiting import wait_until

ROOT = Path(__file__).parents[2]
HOOKS = ["pre-commit", "before-command"]

Done: TypeAlias = tuple[int, str, str]  # exit code, stdout, stderr
Shell: TypeAlias = Callable[..., Done]


@pytest.fixture
def shell(house: House, litter: Litter) -> Shell:
    """Return a call that runs a script to its end, where `guardian` is not on PATH."""

    def run(path: str | Path, *args: str) -> Done:
        environment = {**os.environ, "PATH": f"{house.root}/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        child = litter.start(
            str(path), *args, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err

    return run


@pytest.fixture
def guardian(house: House) -> str:
    """Put this guardian on the PATH of `shell`; return its path."""
    command = house.root / "bin" / "guardian"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m guardian "$@"\n')
    command.chmod(0o755)
    return str(command)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_stops_nobody_where_guardian_is_missing(hook: str, shell: Shell) -> None:
    """Without guardian on PATH a hook is silent and lets its caller go on."""
    assert shell(ROOT / "hooks" / hook) == (0, "", "")


@pytest.mark.usefixtures("guardian")
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_tells_of_a_wrong_configuration_and_stops_nobody(
    hook: str, house: House, shell: Shell
) -> None:
    """What is wrong with guardian.toml is told in one line, and the caller goes on (P10)."""
    house.write_config("[rules.bun]\nnames = 3\n")
    code, out, err = shell(ROOT / "hooks" / hook)
    assert (code, out) == (0, "")
    assert len(err.splitlines()) == 1
    assert "guardian.toml" in err


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_ends_a_runaway(hook: str, house: House, litter: Litter, shell: Shell, guardian: str) -> None:
    """A hook ends what breaks a rule, and prints nothing that its caller could trip over."""
    name = house.root / "runaway"  # only this one has that name
    name.symlink_to("/bin/sleep")
    victim = litter.start(str(name), "60", start_new_session=True)
    house.write_config(f'[rules.it]\nnames = ["runaway"]\ncommand = ["{name}*"]\ntimeout = "10ms"\n')
    wait_until(lambda: shell(guardian, "status", "--check")[0] == 3, what="the breach")
    assert shell(ROOT / "hooks" / hook)[:2] == (0, "")
    assert start_of(victim.pid) is None


def test_a_watched_step_keeps_its_exit_code_and_leaves_no_monitor(
    house: House, shell: Shell, guardian: str
) -> None:
    """`ci/monitor-step` ends with the step's own exit code, and its monitor ends with it (P1)."""
    house.write_config('[rules.it]\nnames = ["nobody-has-this-name"]\n')
    seen = house.root / "monitor"
    # The step waits until the monitor tells its pid, so that there is one to end.
    step = f"until {guardian} status | grep -o 'pid [0-9]*' >{seen}; do :; done; echo a step; exit 7"
    code, out, err = shell(ROOT / "ci" / "monitor-step", "sh", "-c", step)
    assert (code, out) == (7, "a step\n"), err
    assert start_of(int(seen.read_text().split()[1])) is None


def test_a_step_runs_unwatched_where_guardian_is_missing(shell: Shell) -> None:
    """Without guardian a step runs all the same, and that it is not watched is told (P11)."""
    code, out, err = shell(ROOT / "ci" / "monitor-step", "echo", "a step")
    assert (code, out) == (0, "a step\n")
    assert "unwatched" in err


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="needs the .venv that ci/test makes")
def test_the_demo_ends_its_runaway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: Shell) -> None:
    """`ci/try` shows a real bun that loops, ends it, says why, and leaves nothing behind (P8)."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code, out, err = shell(ROOT / "ci" / "try")
    assert code == 0, err
    assert "timeout is 3s" in out
    assert "SIGTERM at" in out
    assert list(tmp_path.iterdir()) == []
