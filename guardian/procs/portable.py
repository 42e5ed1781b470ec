"""Every other platform: the same table by psutil, slower, and without what only /proc tells."""

from __future__ import annotations

import time

import psutil

from guardian.errors import SeeError
from guardian.procs.model import TICKS, Proc, ProcId, Snapshot, Wants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STATES = {
    psutil.STATUS_RUNNING: "R",
    psutil.STATUS_SLEEPING: "S",
    psutil.STATUS_DISK_SLEEP: "D",
    psutil.STATUS_STOPPED: "T",
    psutil.STATUS_TRACING_STOP: "t",
    psutil.STATUS_ZOMBIE: "Z",
    psutil.STATUS_DEAD: "X",
}


def _start(process: psutil.Process) -> int:
    return round(process.create_time() * TICKS)


def _proc(process: psutil.Process) -> Proc | None:
    """Read one process, with what psutil may tell of it; None when it is gone."""
    try:
        with process.oneshot():
            seen = process.as_dict(
                ["name", "status", "ppid", "cmdline", "cpu_times", "num_threads", "memory_info"]
            )
            times, memory = seen["cpu_times"], seen["memory_info"]
            return Proc(
                pid=process.pid,
                start=_start(process),
                name=seen["name"] or "",
                state=_STATES.get(seen["status"], "S"),
                ppid=seen["ppid"] or 0,
                cpu=times.user + times.system if times else 0.0,
                reaped=getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
                threads=seen["num_threads"] or 1,
                rss=memory.rss if memory else 0,
                command=tuple(seen["cmdline"] or ()),
            )
    except psutil.Error:
        return None


def _pss(process: psutil.Process) -> int:
    """Return what the process alone accounts for: PSS where there is one, else what is its own."""
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.uss)) + int(getattr(full, "swap", 0))


def _io(process: psutil.Process) -> int:
    counters = process.io_counters()
    return int(getattr(counters, "read_chars", counters.read_bytes)) + int(
        getattr(counters, "write_chars", counters.write_bytes)
    )


_DETAILS: tuple[tuple[str, str, Callable[[psutil.Process], int]], ...] = (
    ("owner", "uid", lambda process: int(process.uids().real)),
    ("pss", "pss", _pss),
    ("io", "io", _io),
)


class PortableTable:
    """Reads processes by psutil. Start times count from the epoch: macOS has no boot clock for them."""

    def now(self) -> float:
        """Return seconds since the epoch, the clock of psutil's start times."""
        return time.time()

    def take(self) -> Snapshot:
        """Look once at every process; SeeError when psutil sees none."""
        try:
            procs = [proc for proc in map(_proc, psutil.process_iter()) if proc is not None]
        except (psutil.Error, OSError) as error:
            raise SeeError(f"cannot list processes: {error}") from None
        if not procs:
            raise SeeError("cannot list processes: psutil sees none")
        return Snapshot(procs, taken=self.now(), at=time.monotonic())

    def identify(self, pid: int) -> ProcId | None:
        """Return who has this pid at this moment."""
        try:
            return ProcId(pid, _start(psutil.Process(pid)))
        except psutil.Error:
            return None

    def closer(self, snapshot: Snapshot, wants: Wants) -> Snapshot:
        """Fill in what is wanted; `wchan` is not known here, nor is what we may not read."""
        changed: dict[int, dict[str, object]] = {}
        for want, field, reader in _DETAILS:
            for pid in getattr(wants, want):
                proc = snapshot.procs.get(pid)
                if proc is not None and self.identify(pid) == proc.id:
                    try:
                        changed.setdefault(pid, {})[field] = reader(psutil.Process(pid))
                    except (psutil.Error, NotImplementedError, AttributeError):
                        continue  # this platform, or this process, does not tell
        return snapshot.with_procs(
            snapshot.procs[pid].replace(**details) for pid, details in changed.items()
        )
