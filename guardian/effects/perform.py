"""Carry out what was decided; each action becomes an outcome, never an exception."""

from __future__ import annotations

from guardian.actions import Outcome, Send, Sent
from guardian.kill.signals import SIGNALS, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardian.procs.model import ProcId

    Perform = Callable[[Send], Outcome]


def performer(identify: Callable[[int], ProcId | None]) -> Perform:
    """Return what sends signals for real; `identify` says who has a pid at that moment."""

    def perform(action: Send) -> Outcome:
        result, note = send(action.target, SIGNALS[action.how], identify)
        return Outcome(action, result, note)

    return perform


def dry(action: Send) -> Outcome:
    """Touch nothing: the same minds, another door."""
    return Outcome(action, Sent.UNSENT, "dry run: not signalled")


def reconcile(sends: Iterable[Send]) -> tuple[Send, ...]:
    """Leave one action for each process: the hardest, and of equals the first."""
    strongest: dict[ProcId, Send] = {}
    for each in sends:
        known = strongest.get(each.target)
        if known is None or each.how.value > known.how.value:
            strongest[each.target] = each
    return tuple(strongest.values())
