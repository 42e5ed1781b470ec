"""The end of a run: its exit code, and whoever has to be told."""

from __future__ import annotations

import os
import time

from guardian.run.command import CANNOT_EXECUTE, NOT_FOUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.run.command import Child
    from guardian.run.ending import Ending
    from guardian.run.order import Order
    from guardian.run.sentinel import Sentinel
    from guardian.run.staff import Staff

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


def conclude(order: Order, staff: Staff, sentinel: Sentinel, child: Child) -> int:
    """Let the sentinel say what there is to say; return the exit code of the run."""
    own = FAILED if sentinel.leader.code is None else sentinel.leader.code
    failure = child.failure() if own in (NOT_FOUND, CANNOT_EXECUTE) else None
    if failure is not None:
        say(f'cannot run "{order.command[0]}": {failure.strerror}')
    ending = sentinel.duty.ending if sentinel.duty is not None else None
    if ending is None and staff.report is None:
        return own
    from guardian.run.account import facts_of, settle  # late: most runs have nothing to tell

    until = time.monotonic() if ending is None else ending.case.opened
    facts = facts_of(sentinel, code=_code(ending, own), until=until)
    settle(order, staff, ending, facts)
    return facts.code


def conclude_takeover(order: Order, staff: Staff, ending: Ending, *, started: float) -> int:
    """Let the front say what there is to say, when the sentinel is gone; return the exit code."""
    from guardian.run.account import Facts, settle

    code = _code(ending, FAILED)
    settle(order, staff, ending, Facts(seconds=ending.case.opened - started, code=code))
    return code


def _code(ending: Ending | None, own: int) -> int:
    return own if ending is None else CODES.get(ending.case.reason.kind.name, own)


def say(line: str) -> None:
    """Write one line to stderr; nobody there is no error."""
    from guardian.procs.printable import printable

    try:
        os.write(2, b"guardian: " + printable(line).encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass
