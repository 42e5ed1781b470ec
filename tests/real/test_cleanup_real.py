"""`guardian cleanup` on real processes: whom it ends, whom not, and what it tells."""

from __future__ import annotations

import os
import signal

from ground import NOBODY, PATIENCE, Ground, signals_of
from victims import DEAF, LOOP, SLEEPER


def test_of_five_loops_the_two_oldest_go(ground: Ground, needs_bun: str) -> None:
    """With max_concurrent = 3 of five `bun test` the two oldest are ended, and nobody else (P2, P8)."""
    ground.rule(max_concurrent="3", grace='"5s"')
    buns = [ground.bun(needs_bun, "test", ground.script(LOOP)) for _ in range(5)]
    oldest = [bun.pid for bun in buns[:2]]

    planned = ground.guardian("cleanup", "--dry-run", "--json")
    assert planned.code == 0, planned
    assert [each["pid"] for each in planned.json["would_end"]] == oldest
    told = ground.guardian("cleanup", "--dry-run")
    assert "2 trees would be ended; nothing was signalled" in told.out
    assert not ground.records("signal")
    assert [bun.poll() for bun in buns] == [None] * 5

    done = ground.guardian("cleanup")
    assert done.code == 0, done
    assert "2 trees ended" in done.out
    assert [bun.wait(PATIENCE) for bun in buns[:2]] == [-signal.SIGTERM] * 2
    assert [bun.poll() for bun in buns[2:]] == [None] * 3
    assert sorted(receipt["pid"] for receipt in ground.receipts()) == sorted(oldest)
    assert all("5 launches, max_concurrent is 3" in receipt["reason"] for receipt in ground.receipts())
    assert "nothing to end: 3 launches within the limits" in ground.guardian("cleanup").out


def test_json_holds_the_receipts(ground: Ground) -> None:
    """`cleanup --json` prints one document, with the receipts that the journal has (P8)."""
    ground.rule(max_concurrent="1", grace='"5s"', victims='"newest"')
    first, second = (ground.python(SLEEPER) for _ in range(2))
    done = ground.guardian("cleanup", "--json")
    assert done.code == 0, done
    assert done.json["receipts"] == ground.receipts()
    assert [receipt["pid"] for receipt in ground.receipts()] == [second.pid]
    assert second.wait(PATIENCE) == -signal.SIGTERM
    assert first.poll() is None


def test_force_asks_nobody(ground: Ground) -> None:
    """`--force` is SIGKILL at once: a deaf process with a long grace is gone long before it is over."""
    ground.rule(max_concurrent="1", grace='"50s"')
    deaf, young = ground.python(DEAF), ground.python(DEAF)
    done = ground.guardian("cleanup", "--force")
    assert done.code == 0, done
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
    assert young.poll() is None
    (receipt,) = ground.receipts()
    assert signals_of(receipt, deaf.pid).keys() == {"SIGSTOP", "SIGKILL"}
    assert receipt["took"] < 50


def test_all_ends_every_match(ground: Ground) -> None:
    """`--all` ends what breaks no limit, too; a dry run of it touches nothing."""
    ground.rule(grace='"5s"')
    victims = [ground.python(SLEEPER) for _ in range(2)]
    assert "nothing to end: 2 launches within the limits" in ground.guardian("cleanup").out
    assert "2 trees would be ended" in ground.guardian("cleanup", "--all", "--dry-run").out
    assert [each.poll() for each in victims] == [None, None]
    done = ground.guardian("cleanup", "--all")
    assert done.code == 0, done
    assert [each.wait(PATIENCE) for each in victims] == [-signal.SIGTERM] * 2
    assert {receipt["kind"] for receipt in ground.receipts()} == {"asked"}


def test_only_the_named_rule_is_judged(ground: Ground) -> None:
    """`--rule` leaves the launches of the others alone."""
    other = f'[rules.other]\ncommand = ["*{ground.tag} other*"]\n'
    ground.rule("[rules.never]", 'command = ["*no such thing*"]', grace='"5s"')
    ground.house.write_config(other + ground.house.config.read_text())
    mine, others = ground.python(SLEEPER), ground.python(SLEEPER, "other")
    done = ground.guardian("cleanup", "--all", "--rule", "other")
    assert done.code == 0, done
    assert others.wait(PATIENCE) == -signal.SIGTERM
    assert mine.poll() is None
    assert "nothing to end" in ground.guardian("cleanup", "--all", "--rule", "never").out


# A tree of nobody's with a child of root's in it, which nobody may not signal.
MIXED = """
import os, signal
if os.fork() == 0:
    while True: signal.pause()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
print("up", flush=True)
while True: signal.pause()
"""


def test_who_cannot_be_ended_is_named(ground: Ground, needs_root: None) -> None:
    """What the system does not let us end is named with the system's words, and the exit code is 1 (P1)."""
    ground.rule(timeout='"1ms"', grace='"1s"')
    for path in (ground.house.root, *ground.house.root.iterdir()):
        os.chown(path, 65534, 65534)
    leader = ground.python(MIXED)
    (child,) = ground.litter.alive() - {leader.pid}
    done = ground.guardian("cleanup", before=NOBODY)
    assert done.code == 1, done
    assert f"still there: {child} (Operation not permitted)" in done.out
    assert leader.wait(PATIENCE) == -signal.SIGTERM
    assert ground.litter.alive() == {child}
    why = ground.guardian("why", before=NOBODY)
    assert f"Still there: {child}." in why.out
