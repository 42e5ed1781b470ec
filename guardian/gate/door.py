"""The gate: no more than so many launches at once, in the order of their arrival.

Who finds a free place and nobody waiting walks in. Everybody else takes a number, waits until the
one just before has been let in, has given up or was killed, and then for the end of any holder. All
of these ends are told by the kernel (presence.py). Who holds a slot is *seen*, not counted: there
is no counter that a killed holder could leave behind.

Somebody who waits and is stopped (^Z, SIGTTOU) does not hold up those behind; it keeps its number.
"""

from __future__ import annotations

import errno
import os

from guardian.errors import GuardianError
from guardian.gate.ask import Ask, Sight
from guardian.gate.slots import Slot, Slots, all_slots
from guardian.gate.visit import Visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.gate.waiting import Holder, Waiting

NO_ROOM = "make room there, or set GUARDIAN_RUNTIME_DIR to a folder on another disk"
OTHERWISE = "set GUARDIAN_RUNTIME_DIR to a folder of yours on a local disk"
REMEDY = {
    errno.EMFILE: "raise the number of open files (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOSPC: NO_ROOM,
    errno.EDQUOT: NO_ROOM,
}


class Gate:
    """The slots of one user, in the runtime folder (effects/folders.py)."""

    def __init__(self, runtime: str) -> None:
        self._runtime = os.path.abspath(runtime)

    def enter(
        self, ask: Ask, sight: Sight | None = None, *, told: Callable[[Waiting], None] | None = None
    ) -> Slot:
        """Wait for a slot and return it; `told` hears what there is to wait for, whenever that changes.

        Raises NotAdmitted when the time is over, or it could never be; UsageError for a name that is
        none; GuardianError when the gate cannot work here. A signal handler that raises ends the
        wait too. Nothing is left behind in any of these cases.
        """
        visit = Visit(self._runtime, ask, sight or Sight())
        try:
            return visit.enter(told or _unheard)
        except OSError as error:
            place = error.filename or self._runtime
            remedy = REMEDY.get(error.errno or 0, OTHERWISE)
            raise GuardianError(f"the gate cannot use {place}: {error.strerror}; {remedy}") from None
        finally:
            visit.leave()

    def names(self) -> list[str]:
        """Return the names of all slots that were ever used."""
        return [slots.name for slots in all_slots(self._runtime)]

    def holders(self, name: str) -> list[Holder]:
        """Return who holds slots of this name now, in the order of arrival."""
        return self._people(name, running=True)

    def waiting(self, name: str) -> list[Holder]:
        """Return who waits for a slot of this name now, the first in line first."""
        return self._people(name, running=False)

    def _people(self, name: str, *, running: bool) -> list[Holder]:
        from guardian.gate.waiting import holder  # late: a launch that walks in shows nobody

        slots = Slots(self._runtime, name)
        places = [place for place in slots.living() if place.running is running]
        return [holder(place, slots.about(place)) for place in places]


def _unheard(waiting: Waiting) -> None:
    """Tell nobody."""


__all__ = ["Ask", "Gate", "Sight", "Slot"]
