from __future__ import annotations

import pytest
from making import GUARDIAN, INIT, MB, SHELL, Hands, bun, rule, world_of

from guardian.actions import How
from guardian.effects.journal import Journal, Recorder
from guardian.guard.cleanup import Cleanup
from guardian.guard.round import Charter
from guardian.procs.fake import FakeTable


def table() -> FakeTable:
    fake = FakeTable(INIT, SHELL, GUARDIAN, now=1000.0)
    fake.put(bun(10, start=60_000, rss=64 * MB))
    return fake


class Interrupting(Hands):
    """Performs like Hands, and is interrupted when something is done in a certain way for the first time."""

    def __init__(self, fake: FakeTable, how: How) -> None:
        super().__init__(fake, deaf=[10])
        self.how = how

    @property
    def interrupted(self) -> bool:
        return any(action.how is self.how for _, action in self.sent)


def cleanup(hands: Interrupting, folder: object, *, force: bool) -> Cleanup:
    world = world_of(hands.table, hands)
    charter = Charter((rule(timeout=300, grace=50.0),), force=force)
    recorder = Recorder(Journal(str(folder)), "cleanup", 900)
    return Cleanup(world, charter, recorder, interrupted=lambda: hands.interrupted)


def test_in_the_grace_it_lets_go_and_names_whom_it_asked(tmp_path: object) -> None:
    """Who was asked and is still there when a cleanup is interrupted is named in its receipt (P1, P8)."""
    hands = Interrupting(table(), How.ASK)
    done = cleanup(hands, tmp_path, force=False).run()
    assert done.interrupted
    assert hands.said == [(10, "ASK")]
    (receipt,) = done.receipts
    (survivor,) = receipt.survivors
    assert (survivor.pid, survivor.fate, survivor.note) == (10, "gave up", "interrupted")


def test_whom_it_stopped_it_kills_first(tmp_path: object) -> None:
    """An interruption between SIGSTOP and SIGKILL leaves nobody stopped for ever (P1, P3)."""
    hands = Interrupting(table(), How.FREEZE)
    done = cleanup(hands, tmp_path, force=True).run()
    assert hands.said == [(10, "FREEZE"), (10, "FORCE")]
    assert not done.survivors


@pytest.mark.parametrize("force", [False, True])
def test_with_nobody_to_end_it_only_ends(tmp_path: object, force: bool) -> None:
    """Where nobody breaks a rule there is nothing to let go of."""
    hands = Interrupting(FakeTable(INIT, SHELL, GUARDIAN, now=1000.0), How.ASK)
    done = cleanup(hands, tmp_path, force=force).run()
    assert done.receipts == ()
    assert not done.interrupted
