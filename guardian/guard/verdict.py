"""The end of a run: its exit code, and the line that tells of an intervention."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.guard.command import Child
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
    failure = child.failure() if own in (126, 127) else None
    if failure is not None:
        say(f'cannot run "{order.command[0]}": {failure.strerror}')
    duty = sentinel.duty
    if duty is None or duty.ending is None:
        return own
    if not order.quiet:
        from guardian.guard.telling import told

        say(told(order, duty))
    return CODES.get(duty.ending.case.reason.kind.name, own)


def say(line: str) -> None:
    """Write one line to stderr; nobody there is no error."""
    from guardian.procs.printable import printable

    try:
        os.write(2, b"guardian: " + printable(line).encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass
