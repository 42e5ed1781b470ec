"""How real trees are ended: politely first, all of them, and nobody by mistake."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from subprocess import PIPE

import pytest
from ground import GUARDIAN, PATIENCE, Ground, signals_of
from victims import DEAF, LOOP, SLEEPER
from waiting import wait_until

POLITE = """
import { writeSync } from "node:fs";
process.on("SIGTERM", () => process.exit(7));
setInterval(() => {}, 1e6);
writeSync(1, "up\\n");
"""
DEAF_BUN = POLITE.replace("process.exit(7)", "{}")
QUIET = POLITE.replace('process.on("SIGTERM", () => process.exit(7));', "")


def test_the_deaf_are_killed_after_the_grace_and_not_before(ground: Ground, needs_bun: str) -> None:
    """A bun that ignores SIGTERM is asked at once, has the whole grace, and is killed then (P1, P3, P8)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    deaf = ground.bun(needs_bun, ground.script(DEAF_BUN, ending=".ts"))
    assert ground.guardian("cleanup").code == 0
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
    (receipt,) = ground.receipts()
    got = signals_of(receipt, deaf.pid)
    assert got["SIGTERM"] < 0.5
    assert got["SIGKILL"] >= 2.0
    assert receipt["took"] >= 2.0


def test_who_goes_when_asked_is_not_killed(ground: Ground, needs_bun: str) -> None:
    """A bun that ends on SIGTERM keeps its exit code, and nobody waits for the rest of the grace (P3)."""
    ground.rule(timeout='"1ms"', grace='"50s"')
    polite = ground.bun(needs_bun, ground.script(POLITE, ending=".ts"))
    assert ground.guardian("cleanup").code == 0
    assert polite.wait(PATIENCE) == 7
    (receipt,) = ground.receipts()
    assert signals_of(receipt, polite.pid).keys() == {"SIGTERM"}
    assert receipt["took"] < 50


def test_the_stopped_are_asked_too(ground: Ground, needs_bun: str) -> None:
    """SIGCONT comes with SIGTERM, so that a stopped bun can act on it and need not be killed (P1, P3)."""
    ground.rule(timeout='"1ms"', grace='"50s"')
    stopped = ground.bun(needs_bun, ground.script(QUIET, ending=".ts"))
    stopped.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
    assert ground.guardian("cleanup").code == 0
    assert stopped.wait(PATIENCE) == -signal.SIGTERM
    assert signals_of(*ground.receipts(), stopped.pid).keys() == {"SIGTERM"}


# A leader that goes when asked; a child that then works for a second; another that is deaf.
FAMILY = """
import os, signal, sys, time
def work(*_):
    time.sleep(1)
    open(sys.argv[2], "w").write("done")
    os._exit(0)
ready, go = os.pipe()
for number, answer in enumerate((work, signal.SIG_IGN)):
    if os.fork() == 0:
        os.setsid()
        signal.alarm(60)
        signal.signal(signal.SIGTERM, answer)
        os.write(go, b".")
        while True: signal.pause()
while len(os.read(ready, 1)) and number:
    number -= 1
print("up", flush=True)
while True: signal.pause()
"""


def test_a_child_has_the_whole_grace_when_its_leader_is_gone(ground: Ground) -> None:
    """That the leader ends at once cuts nobody's grace short, and lets nobody off (P1, P3)."""
    ground.rule(timeout='"1ms"', grace='"4s"')
    done = ground.work / "done"
    leader = ground.python(FAMILY, str(done))
    assert ground.guardian("cleanup").code == 0
    assert leader.wait(PATIENCE) == -signal.SIGTERM
    assert done.read_text() == "done"
    assert not ground.litter.alive()
    (receipt,) = ground.receipts()
    killed = [dict(each["signals"]).get("SIGKILL") for each in receipt["members"]]
    (at,) = [each for each in killed if each is not None]
    assert at >= 4.0


# Its starter is gone. A deaf child in a session of its own, one that daemonises when it is asked to go.
ORPHAN = """
import os, signal, sys
if os.fork():
    os._exit(0)
ready, go = os.pipe()
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(60)
    os.write(go, b".")
    while True: signal.pause()
def fork_away(*_):
    if os.fork() == 0:
        if os.fork() == 0:
            deaf()
    os._exit(0)
for answer in (signal.SIG_IGN, fork_away):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, answer)
        signal.alarm(60)
        os.write(go, b".")
        while True: signal.pause()
for _ in range(2):
    os.read(ready, 1)
print("up", flush=True)
while True: signal.pause()
"""


def test_the_whole_tree_of_an_orphan_goes(ground: Ground) -> None:
    """An orphan's children go with it: in sessions of their own, and double-forked during the grace (P1)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    starter = ground.python(ORPHAN)
    assert starter.wait(PATIENCE) == 0
    tree = ground.litter.alive()
    assert len(tree) == 3
    (row,) = ground.guardian("status", "--json").json["launches"]
    assert row["orphan"]
    assert row["processes"] == 3
    assert ground.guardian("cleanup").code == 0
    assert not ground.litter.alive()
    (receipt,) = ground.receipts()
    found = {each["pid"] for each in receipt["members"]}
    assert tree < found, "the one that was forked during the grace is in the receipt, too"


def test_orphans_go_first(ground: Ground) -> None:
    """Of too many launches an orphan goes before older ones that somebody still wants (P2)."""
    ground.rule(max_concurrent="1", grace='"2s"')
    wanted = ground.python(SLEEPER)
    assert ground.python(ORPHAN).wait(PATIENCE) == 0
    assert ground.guardian("cleanup").code == 0
    assert ground.litter.alive() == {wanted.pid}


# An agent that runs under bun, starts a test that loops, and calls guardian about it.
AGENT = """
import { writeSync } from "node:fs";
const [test, ...guardian] = JSON.parse(process.argv[2]);
const child = Bun.spawn([process.execPath, "test", test], { stdout: "pipe", stderr: "ignore" });
const reader = child.stdout.getReader();
for (let said = ""; !said.includes("up\\n"); ) said += new TextDecoder().decode((await reader.read()).value);
writeSync(1, "up\\n");
await Bun.stdin.text();
const done = Bun.spawnSync([...guardian, "cleanup", "--json"]);
await child.exited;
const said = { code: done.exitCode, out: done.stdout.toString(), ended: child.signalCode };
writeSync(1, JSON.stringify(said) + "\\n");
setInterval(() => {}, 1e6);
"""


def test_an_ancestor_lives_and_its_runaway_children_go(ground: Ground, needs_bun: str) -> None:
    """A bun that calls guardian survives a rule that it breaks; the loop that it started does not (P2)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    words = json.dumps([ground.script(LOOP), *GUARDIAN])
    agent = ground.bun(
        needs_bun, ground.script(AGENT, ending=".ts"), words, env=ground.environment(), stdin=-1
    )
    would = ground.guardian("cleanup", "--dry-run", "--json").json["would_end"]
    assert [each["pid"] for each in would] == [agent.pid], "to others it is a breach"
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.close()
    said = json.loads(agent.stdout.readline())
    assert (said["code"], said["ended"]) == (0, "SIGTERM")
    assert ground.litter.alive() == {agent.pid}
    (receipt,) = json.loads(said["out"])["receipts"]
    assert receipt["pid"] != agent.pid
    assert agent.pid not in {each["pid"] for each in receipt["members"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("words", [("cleanup",), ("monitor", "--once")], ids=" ".join)
def test_interrupted_it_leaves_nobody_stopped(ground: Ground, words: tuple[str, ...], number: int) -> None:
    """^C in the grace ends guardian with 130 and a receipt; whoever it asked goes on as before (P3, P8)."""
    ground.rule(timeout='"1ms"', grace='"40s"')
    deaf = ground.python(DEAF)
    command = ground.litter.start(
        *(*GUARDIAN, *words), cwd=ground.work, env=ground.environment(), stdout=PIPE, stderr=PIPE
    )
    wait_until(lambda: ground.records("signal"), PATIENCE, what="the first signal")
    command.send_signal(number)
    assert command.wait(PATIENCE) == 128 + number
    assert command.stdout is not None
    assert command.stderr is not None
    assert f"still there: {deaf.pid} (interrupted)" in command.stdout.read() + command.stderr.read()
    assert Path(f"/proc/{deaf.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    (receipt,) = ground.receipts()
    assert signals_of(receipt, deaf.pid).keys() == {"SIGTERM"}
