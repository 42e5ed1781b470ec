"""The real bun under `guardian run`: what its own timeout cannot stop, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pexpect
from house import House
from litter import MARK, Litter

LOOPS = 'import { test } from "bun:test";\ntest("loops", () => { while (true) {} }, 1e9);\n'
LEAKS = """
import { test } from "bun:test";
test("leaks", async () => {
  const kept: Buffer[] = [];
  while (kept.length < 100) { kept.push(Buffer.alloc(20 << 20, 1)); await Bun.sleep(5); }
  await Bun.sleep(30_000);
}, 1e9);
"""
SERVES = """
import { test, expect } from "bun:test";
test("serves", () => {
  for (let n = 0; n < 3; n++) Bun.spawn(["sleep", "50"], { stdio: ["ignore", "ignore", "ignore"] }).unref();
  Bun.spawn(["setsid", "sleep", "50"], { stdio: ["ignore", "ignore", "ignore"] }).unref();
  expect(1).toBe(1);
});
"""
FAILS = 'import { test, expect } from "bun:test";\ntest("fails", () => { expect(1).toBe(2); });\n'


def run_test(
    house: House, litter: Litter, code: str, *options: str, bun: str
) -> tuple[int, str, subprocess.Popen[str]]:
    """Run `bun test` on one file; return exit code, both outputs, and the run."""
    folder = house.root / "project"
    folder.mkdir(exist_ok=True)
    (folder / "one.test.ts").write_text(code)
    words = [sys.executable, "-m", "guardian", "run", *options, "--", bun, "test"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = litter.start(
        *words, cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=subprocess.STDOUT, env=environment
    )
    out, _ = run.communicate(timeout=60)
    return run.returncode, out, run


def test_a_test_that_loops_is_ended(needs_bun: str, house: House, litter: Litter) -> None:
    """A loop that bun's own timeout cannot stop is stopped, and nothing is left (P1)."""
    code, out, _ = run_test(house, litter, LOOPS, "--timeout", "2s", bun=needs_bun)
    assert (code, litter.alive()) == (124, set())
    assert "timeout 2s" in out


def test_a_test_that_leaks_is_ended(needs_bun: str, house: House, litter: Litter) -> None:
    """A leak is ended at its limit, long before the machine feels it (P4)."""
    code, out, _ = run_test(house, litter, LEAKS, "--memory", "400MB", bun=needs_bun)
    assert (code, litter.alive()) == (122, set())
    assert "limit 400MB" in out


def test_servers_of_a_green_test_are_gone(needs_bun: str, house: House, litter: Litter) -> None:
    """What a green test spawned does not outlive it, and is named (P1)."""
    code, out, _ = run_test(house, litter, SERVES, bun=needs_bun)
    assert (code, litter.alive()) == (0, set())
    assert "left 4 processes (sleep" in out


def test_a_red_test_stays_red(needs_bun: str, house: House, litter: Litter) -> None:
    """The exit code of bun comes through, and guardian is silent."""
    code, out, _ = run_test(house, litter, FAILS, bun=needs_bun)
    assert code == 1
    assert "guardian" not in out.replace(str(house.root), "")


def test_colours_come_through(needs_bun: str, house: House, litter: Litter) -> None:
    """On a terminal bun colours its output as without guardian."""
    folder = house.root / "project"
    folder.mkdir()
    (folder / "one.test.ts").write_text(FAILS)

    def seen(*before: str) -> str:
        command = [*before, needs_bun, "test"]
        environment = {**os.environ, MARK: litter.mark, "TERM": "xterm-256color", "PYTHONPATH": os.getcwd()}
        child = pexpect.spawn(
            command[0], command[1:], cwd=str(folder), env=environment, encoding="utf-8", timeout=30
        )
        litter.remember(child.pid)
        text = child.read()
        child.close()
        assert child.exitstatus == 1
        return str(text)

    bare, guarded = seen(), seen(sys.executable, "-m", "guardian", "run", "--")
    assert "\x1b[31m" in guarded
    assert guarded.count("\x1b[") == bare.count("\x1b[")
