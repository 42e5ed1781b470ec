"""What both guardian processes of a run share: descriptors and the containment, made before the fork."""

from __future__ import annotations

import os

from guardian.contain.choose import choose
from guardian.errors import GuardianError
from guardian.run.handles import Partner, owner_handle
from guardian.run.home import Home
from guardian.run.posture import occupy_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.gate.slots import Slot
    from guardian.run.order import Order


class Staff:
    """Everything that can fail is made here, so that it fails before the launch."""

    def __init__(self, order: Order) -> None:
        occupy_standard()
        self.report = open_report(order.report) if order.report else None
        self.owner = owner_handle(order.owner) if order.owner else None
        self.slot: Slot | None = None
        if order.slots:
            from guardian.run.entrance import enter  # late: most commands need no slot

            self.slot = enter(order, owner=self.owner)
        self.front = Partner()
        self.home = Home()
        self.containment, self.choice = choose(order.wanted, order.run_id)
        if order.bounds.memory:
            self.containment.limit_memory(order.bounds.memory)

    def dismiss(self) -> None:
        """Give back what was made for the tree, which is gone."""
        self.containment.close()
        if self.slot is not None:
            self.slot.release()


def open_report(path: str) -> int:
    """Open the file of the report for writing; GuardianError when that is not possible."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise GuardianError(
            f"--report: cannot write {path}: {error.strerror}; nothing was launched"
        ) from None
