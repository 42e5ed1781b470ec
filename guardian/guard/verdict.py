"""The end of a run: its exit code, and the line that tells of an intervention."""

from __future__ import annotations

import os

from guardian.guard.command import CANNOT_EXECUTE, NOT_FOUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.guard.command import Child
    from guardian.guard.ending import Ending
    from guardian.guard.order import Order
    from guardian.guard.sentinel import Sentinel

FOR_TIME, FOR_RESOURCE, FAILED = 124, 122, 125
# Kind.name → exit code; for every other reason the command's own code stands
CODES = {
    "AGE": FOR_TIME,
    "IDLE": FOR_TIME,
    "CPU_TIME": FOR_TIME,
    "MEMORY": FOR_RESOURCE,
    "CPU": FOR_RESOURCE,
    "PROCS": FOR_RESOURCE,
    "OUTPUT": FOR_RESOURCE,
    "GUARD": FAILED,
}


def conclude(order: Order, sentinel: Sentinel, child: Child) -> int:
    """Say what there is to say; return the exit code of the run."""
    own = FAILED if sentinel.leader.code is None else sentinel.leader.code
    failure = child.failure() if own in (NOT_FOUND, CANNOT_EXECUTE) else None
    if failure is not None:
        say(f'cannot run "{order.command[0]}": {failure.strerror}')
    if sentinel.duty is None or sentinel.duty.ending is None:
        return own
    return conclude_ending(order, sentinel.duty.ending, own=own)


def conclude_ending(order: Order, ending: Ending, *, own: int) -> int:
    """Say what was ended and why; return the exit code, which is `own` where guardian broke nothing off."""
    from guardian.guard.telling import told  # late: most runs need no intervention

    if not order.quiet:
        say(told(order, ending))
    return CODES.get(ending.case.reason.kind.name, own)


def say(line: str) -> None:
    """Write one line to stderr; nobody there is no error."""
    from guardian.procs.printable import printable

    try:
        os.write(2, b"guardian: " + printable(line).encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass
