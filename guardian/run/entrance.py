"""The way of a run through the gate: what it waits for, and what a person sees meanwhile."""

from __future__ import annotations

import os
import time

from guardian.effects.folders import runtime_dir
from guardian.gate.ask import Ask, Sight
from guardian.gate.door import Gate
from guardian.policy.admission import Conditions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.gate.slots import Slot
    from guardian.gate.waiting import Waiting
    from guardian.run.order import Order

CLAIM = "GUARDIAN_SLOT"  # the variable by which a run inside this one, unseen in a container, shares its slot
CLEAR = b"\r\x1b[K"  # back to the first column, and clear the line (ECMA-48 EL)


class Notice:
    """One line on a terminal that changes while a launch waits; nothing elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._visible = not quiet and os.isatty(2)
        self._shown = False

    def show(self, waiting: Waiting) -> None:
        """Replace the line."""
        if self._visible:
            text = f"guardian: {waiting.told(time.monotonic())}"
            os.write(2, CLEAR + text.encode("utf-8", "backslashreplace"))
            self._shown = True

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            os.write(2, CLEAR)


def enter(order: Order, *, owner: int | None) -> Slot:
    """Wait for a slot and return it. NotAdmitted when there is none in time; see Gate.enter."""
    ask = Ask(
        order.slots,
        order.max_concurrent,
        order.command,
        Conditions(min_free_memory=order.min_free_memory),
        order.wait,
    )
    sight = Sight(claims=tuple(os.environ.get(CLAIM, "").split()), owner=-1 if owner is None else owner)
    if order.rule is not None and order.max_concurrent:
        from guardian.run.strangers import strangers_of  # late: only a rule can have strangers

        sight = sight.replace(strangers=strangers_of(order.rule))
    notice = Notice(quiet=order.quiet)
    try:
        return Gate(runtime_dir()).enter(ask, sight, told=notice.show)
    finally:
        notice.clear()
