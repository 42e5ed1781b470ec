"""The contract of a process table, and the choice of the one that fits this machine.

Three makers keep it, and the same contract tests run on all: `linux` (one pass over
/proc/*/stat), `portable` (psutil) and `fake` (a table that tests write by hand).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from guardian.procs.model import Proc, ProcId, Snapshot, Wants

    class Table(Protocol):
        """Looks at processes. A process that vanishes while being read is left out, never an error."""

        def take(self) -> Snapshot:
            """Look once at every process that this user may see; SeeError when none can be seen.

            `taken` is when the look began: whoever started later and is missing is a newcomer.
            """
            ...

        def closer(self, snapshot: Snapshot, wants: Wants) -> Snapshot:
            """Return `snapshot` with the wanted details filled in; the same process only, by its start."""
            ...

        def identify(self, pid: int) -> ProcId | None:
            """Return who has this pid now, None when nobody has; SeeError when that cannot be told."""
            ...

        def now(self) -> float:
            """Return seconds on the clock of `Proc.start` and `Snapshot.taken`; goes on in suspend."""
            ...


def system_table() -> Table:
    """Return the table for this machine: our own pass over /proc on Linux, psutil elsewhere."""
    if sys.platform == "linux":
        from guardian.procs.linux import LinuxTable  # late: the other platform's reader is not needed

        return LinuxTable()
    from guardian.procs.portable import PortableTable  # late: imports psutil, which `run` must not

    return PortableTable()


__all__ = ["Proc", "Table", "system_table"]
