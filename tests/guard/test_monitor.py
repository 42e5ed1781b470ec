from __future__ import annotations

import pytest
from making import GUARDIAN, INIT, MB, SHELL, Hands, Recording, bun, rule, world_of

from guardian.effects.receipts import Receipt
from guardian.errors import SeeError
from guardian.guard.monitor import Monitor
from guardian.guard.round import Charter, Round
from guardian.guard.world import World
from guardian.policy.limits import Rule
from guardian.procs.fake import FakeTable


class Ears:
    """Stands for a voice: remembers what it was told."""

    def __init__(self) -> None:
        self.breaches: list[tuple[int, str]] = []
        self.receipts: list[Receipt] = []

    def opened(self, done: Round) -> None:
        self.breaches += [(b.launch.root.pid, b.reason.kind.value) for b in done.breaches]

    def closed(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)


def watch(world: World, *rules: Rule, interval: float = 10.0) -> tuple[Monitor, Ears]:
    ears = Ears()
    return Monitor(world, Charter(rules), Recording(), ears, interval=interval), ears  # type: ignore[arg-type]


def test_a_quiet_machine_is_looked_at_once_an_interval() -> None:
    """Nothing to do, nothing sooner (P12)."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10))
    monitor, _ = watch(world_of(fake, Hands(fake)), rule(max_concurrent=3))
    assert monitor.beat() == pytest.approx(10.0)
    assert fake.looks == 1


def test_a_runaway_is_seen_through_rounds_to_its_receipt() -> None:
    """Asked in one round, killed when its grace is over, its receipt when it is gone (P3, P8)."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10, start=60_000))
    hands = Hands(fake, deaf=[10])
    monitor, ears = watch(world_of(fake, hands), rule(timeout=300, grace=5.0))
    for _ in range(5):
        fake.clock += monitor.beat()
    assert ears.breaches == [(10, "timeout")]
    assert [receipt.pid for receipt in ears.receipts] == [10]
    assert not monitor.busy
    assert fake.clock - 1000 < 30


def test_a_launch_is_ended_when_it_gets_too_old_not_an_interval_later() -> None:
    """The next look is at the moment of the next timeout."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10, start=100_000 - 29_700))
    monitor, _ = watch(world_of(fake, Hands(fake)), rule(timeout=300))
    assert monitor.beat() == pytest.approx(3.0)


def test_a_tree_that_grows_is_looked_at_sooner() -> None:
    """Headroom that shrinks shortens the interval (P4)."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10, rss=100 * MB))
    monitor, _ = watch(world_of(fake, Hands(fake)), rule(max_memory=1000 * MB))
    monitor.beat()
    fake.clock += 1
    fake.put(bun(10, rss=400 * MB))
    assert monitor.beat() == pytest.approx(2.0)


def test_while_it_is_told_to_stop_it_judges_nobody_new() -> None:
    """A monitor that ends finishes what it began and begins nothing."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10, start=60_000))
    hands = Hands(fake)
    monitor, ears = watch(world_of(fake, hands), rule(timeout=300))
    monitor.beat(judging=False)
    assert ears.breaches == []
    assert hands.sent == []


def test_a_machine_whose_memory_cannot_be_read_is_watched_all_the_same() -> None:
    """What is missing costs one wish for a sooner look, not the round (P11)."""
    fake = FakeTable(INIT, SHELL, GUARDIAN, bun(10))
    world = world_of(fake, Hands(fake))

    def blind() -> None:
        raise SeeError("no /proc/meminfo")

    world.machine = blind  # type: ignore[assignment]
    monitor, _ = watch(world, rule(max_concurrent=3))
    assert monitor.beat() == pytest.approx(10.0)
