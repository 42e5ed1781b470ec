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


def _proc(process: psutil.Process, start: int) -> Proc:
    """Read one process, with what psutil may tell of it; psutil.Error when it is gone."""
    with process.oneshot():
        seen = process.as_dict(
            ["name", "status", "ppid", "cmdline", "cpu_times", "num_threads", "memory_info"]
        )
    times, memory = seen["cpu_times"], seen["memory_info"]
    return Proc(
        pid=process.pid,
        start=start,
        name=seen["name"] or "",
        state=_STATES.get(seen["status"], "S"),
        ppid=seen["ppid"] or 0,
        cpu=times.user + times.system if times else 0.0,
        reaped=getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
        threads=seen["num_threads"] or 1,
        rss=memory.rss if memory else 0,
        command=tuple(seen["cmdline"] or ()),
    )


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
    """Reads processes by psutil. Start times count from the epoch: macOS has no boot clock for them.

    psutil moves them when the system clock is set, and knows a process again all the same; so the
    start that was seen first stays.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[psutil.Process, int]] = {}

    def now(self) -> float:
        """Return seconds since the epoch, the clock of psutil's start times."""
        return time.time()

    def take(self) -> Snapshot:
        """Look once at every process; SeeError when psutil sees none. `taken` is when the look began."""
        taken, at = self.now(), time.monotonic()
        try:
            procs = [proc for proc in map(self._look, psutil.pids()) if proc is not None]
        except (psutil.Error, OSError) as error:
            raise SeeError(f"cannot list processes: {error}") from None
        if not procs:
            raise SeeError("cannot list processes: psutil sees none")
        self._known = {proc.pid: self._known[proc.pid] for proc in procs}
        return Snapshot(procs, taken=taken, at=at)

    def _look(self, pid: int) -> Proc | None:
        """Read one process; None when it went away meanwhile.

        By a fresh handle: psutil.process_iter keeps those of the dead, and leaves out whoever gets
        a pid of theirs.
        """
        try:
            process = psutil.Process(pid)
            return _proc(process, self._start(process))
        except psutil.Error:
            return None

    def _start(self, process: psutil.Process) -> int:
        known = self._known.get(process.pid)
        if known is None or known[0] != process:
            known = (process, round(process.create_time() * TICKS))
            self._known[process.pid] = known
        return known[1]

    def identify(self, pid: int) -> ProcId | None:
        """Return who has this pid at this moment; SeeError when that cannot be told."""
        try:
            return ProcId(pid, self._start(psutil.Process(pid)))
        except (psutil.Error, ValueError):  # ValueError: a negative number
            return None
        except OSError as error:
            raise SeeError(f"cannot read processes: {error.strerror}") from None

    def closer(self, snapshot: Snapshot, wants: Wants) -> Snapshot:
        """Fill in what is wanted; `wchan` is not known here, nor is what we may not read."""
        changed: dict[int, dict[str, object]] = {}
        for want, field, reader in _DETAILS:
            for pid in getattr(wants, want):
                try:
                    changed.setdefault(pid, {})[field] = reader(psutil.Process(pid))
                except (psutil.Error, ValueError, NotImplementedError, AttributeError):
                    continue  # gone; or this platform, or this process, does not tell
        confirmed = []  # looked at afterwards: whoever it is now, it was then
        for pid, details in changed.items():
            proc = snapshot.procs.get(pid)
            if proc is not None and self.identify(pid) == proc.id:
                confirmed.append(proc.replace(**details))
        return snapshot.with_procs(confirmed)
