"""A table written by hand, for tests and replays; it keeps the contract of the real ones."""

from __future__ import annotations

from guardian.procs.model import Proc, ProcId, Snapshot, Wants

_FIELD = {"owner": "uid", "pss": "pss", "io": "io", "wchan": "wchan"}


class FakeTable:
    """Processes that a test puts, changes and removes; the clock moves when the test moves it."""

    def __init__(self, *procs: Proc, now: float = 1000.0) -> None:
        self.procs: dict[int, Proc] = {proc.pid: proc for proc in procs}
        self.clock = now
        self.suspended = 0.0
        self.looks = 0  # how often somebody looked at all of them

    def put(self, proc: Proc) -> None:
        """Let a process exist, in place of whoever had its pid."""
        self.procs[proc.pid] = proc

    def remove(self, pid: int) -> None:
        """Let a process be gone; nobody there is no error."""
        self.procs.pop(pid, None)

    def now(self) -> float:
        """Return the time that the test set."""
        return self.clock

    def take(self) -> Snapshot:
        """Return everybody, without the details that only a closer look gives."""
        self.looks += 1
        plain = [proc.replace(uid=-1, pss=-1, io=-1, wchan="") for proc in self.procs.values()]
        return Snapshot(plain, taken=self.clock, suspended=self.suspended)

    def identify(self, pid: int) -> ProcId | None:
        """Return who has this pid now."""
        proc = self.procs.get(pid)
        return proc.id if proc is not None else None

    def closer(self, snapshot: Snapshot, wants: Wants) -> Snapshot:
        """Fill in what is wanted and known, of the same process only."""
        changed: dict[int, Proc] = {}
        for want, field in _FIELD.items():
            for pid in getattr(wants, want):
                seen = changed.get(pid) or snapshot.procs.get(pid)
                if seen is not None and self.identify(pid) == seen.id:
                    changed[pid] = seen.replace(**{field: getattr(self.procs[pid], field)})
        return snapshot.with_procs(changed.values())
