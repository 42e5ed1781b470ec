"""Who only looks like a victim is left alone, and goes where the rule really means him."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from ground import NOBODY, PATIENCE, Ground
from victims import SLEEPER

TALKER = """
import { writeSync } from "node:fs";
process.on("SIGTERM", () => { writeSync(1, "last words\\n"); process.exit(0); });
setInterval(() => {}, 1e6);
writeSync(1, "up\\n");
"""


def test_another_users_process_lives(ground: Ground, needs_root: None) -> None:
    """The same command line under another user is nobody's business, unless root's rule names users (P2)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    python = (sys.executable, "-S", "-E", "-c", SLEEPER, ground.tag)
    theirs, mine = ground.start(*NOBODY, *python), ground.start(*python)
    done = ground.guardian("cleanup")
    assert done.code == 0, done
    assert mine.wait(PATIENCE) == -signal.SIGTERM
    assert theirs.poll() is None

    ground.rule(timeout='"1ms"', grace='"5s"', users='["nobody", "65534"]')
    mine = ground.start(*python)
    assert ground.guardian("cleanup").code == 0
    assert theirs.wait(PATIENCE) == -signal.SIGTERM
    assert mine.poll() is None


@pytest.mark.parametrize("by", ['names = ["keep*"]', 'command = ["*keep*"]'])
def test_the_protected_live(ground: Ground, by: str) -> None:
    """What [protect] names, by name or by command line, is never signalled; its like is (P2)."""
    ground.rule("[protect]", by)
    keeper = ground.house.root / "keeper"
    keeper.symlink_to(os.path.realpath(sys.executable))
    kept = ground.start(str(keeper), "-S", "-E", "-c", SLEEPER, ground.tag)
    other = ground.python(SLEEPER)
    done = ground.guardian("cleanup", "--force", "--all")
    assert done.code == 0, done
    assert other.wait(PATIENCE) == -signal.SIGKILL
    assert kept.poll() is None


def test_a_protected_child_lives_on_without_its_tree(ground: Ground) -> None:
    """A protected process below a victim is not signalled, nor counted to its tree (P2)."""
    ground.rule("[protect]", 'command = ["*keep me*"]', timeout='"1ms"', grace='"2s"')
    code = f"""
import subprocess, sys
words = [sys.executable, "-S", "-E", "-c", {SLEEPER!r}, " ".join(["keep", "me"])]
subprocess.Popen(words, start_new_session=True).wait()
"""
    parent = ground.python(code)
    (child,) = ground.litter.alive() - {parent.pid}
    done = ground.guardian("cleanup")
    assert done.code == 0, done
    assert parent.wait(PATIENCE) == -signal.SIGTERM
    assert ground.litter.alive() == {child}


def test_the_rest_of_a_pipeline_lives(ground: Ground, needs_bun: str) -> None:
    """Of `bun … | tee log` only bun is signalled, though tee is in its group: no line is lost (P2, P7)."""
    ground.rule(timeout='"1ms"', grace='"20s"')
    log = ground.work / "log"
    reading, writing = os.pipe()
    bun = ground.litter.start(
        needs_bun, ground.script(TALKER, ending=".ts"), cwd=ground.work, stdout=writing, process_group=0
    )
    os.close(writing)
    tee = ground.litter.start("tee", str(log), stdin=reading, stdout=subprocess.PIPE, process_group=bun.pid)
    os.close(reading)
    assert tee.stdout is not None
    assert tee.stdout.readline() == "up\n"
    done = ground.guardian("cleanup")
    assert done.code == 0, done
    assert bun.wait(PATIENCE) == 0
    assert tee.wait(PATIENCE) == 0
    assert log.read_text() == "up\nlast words\n"
    (receipt,) = ground.receipts()
    assert tee.pid not in {each["pid"] for each in receipt["members"]}


def test_a_monitor_spares_itself_and_cleanup_spares_it(ground: Ground) -> None:
    """A rule that fits the monitor's own command line ends it neither from within nor from beside (P2)."""
    ground.rule(timeout='"1ms"', grace='"1s"')
    monitor = ground.monitor("--interval", "100ms", flags=("-X", ground.tag))
    victim = ground.bait()
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert ground.guardian("cleanup", "--all").code == 0
    assert monitor.process.poll() is None
    assert monitor.end(signal.SIGTERM) == 0
    assert [receipt["pid"] for receipt in ground.receipts()] == [victim.pid]
