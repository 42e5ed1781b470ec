"""What the daemon tells of services: events for bus and journal, a receipt for each tree it ended (P8)."""

from __future__ import annotations

import asyncio
import os
import time

from guardian.daemon.events import describe
from guardian.effects.folders import state_path
from guardian.effects.journal import Journal, Recorder
from guardian.guard import ledger
from guardian.guard.docket import Dossier
from guardian.kill.escalate import Stage
from guardian.procs.model import Proc, Snapshot
from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import Logger

    from guardian.daemon.places import Project
    from guardian.daemon.tree import Tree
    from guardian.effects.receipts import Receipt
    from guardian.output.logfile import Source
    from guardian.run.ending import Ending
    from guardian.services.effects import Emit

SOON = 0.02  # seconds until a receipt is written: whoever waits for an end does not wait for that
LINES = 10  # of output, in a receipt
UNSEEN = Proc(pid=0, start=0, name="?", state="X", ppid=0)


class Registrar:
    """Writes the journal, and the daemon's own log."""

    def __init__(
        self,
        project: Project,
        log: Logger,
        *,
        sources: Callable[[str], list[Source]],
        peak: Callable[[Tree], int],
    ) -> None:
        """`sources` returns the logs of a service, `peak` the most bytes that a tree was seen with."""
        self._project, self._log = project, log
        self.sources, self.peak = sources, peak
        self._loop = asyncio.get_running_loop()
        self._unwritten: list[tuple[str, Receipt]] = []
        self._recorder = Recorder(Journal(state_path(), complain=log.warning), "daemon", os.getpid())

    def events(self, emits: Iterable[Emit]) -> list[dict[str, object]]:
        """Record events; return them as they are told."""
        at = round(time.time(), 3)
        records = [self._record(emit) for emit in emits]
        fields = [{"project": self._project.root, **record} for record in records]
        self._recorder.record_all("service", at, fields)
        for record in records:
            self._log.info("%s: %s", record["service"], describe(record))
        return [{"at": at, **record} for record in records]

    @staticmethod
    def _record(emit: Emit) -> dict[str, object]:
        return {
            "topic": emit.topic.value,
            "service": emit.name,
            "before": emit.before.value,
            "after": emit.after.value,
            "wanted": emit.wanted.value,
            "generation": emit.generation,
            "cause": emit.why.cause.name.lower(),
            "why": str(emit.why),
            "failed": emit.why.failed,
        }

    def ended(self, tree: Tree) -> None:
        """Keep the receipt of a tree of which somebody was signalled."""
        ending = tree.ending
        if ending is None or not any(target.sent for target in ending.case.targets.values()):
            return
        made = ledger.receipt(
            ending.case,
            Dossier(
                root=self._root(tree, ending),
                seen=ending.members,
                peak=max(self.peak(tree), sum(proc.rss for proc in ending.members.values())),
                cpu=tree.kin.cpu(),
            ),
            by="daemon",
            at=time.time(),
            now=time.monotonic(),
            states=_hanging(ending),
        )
        if not self._unwritten:
            self._loop.call_later(SOON, self.flush)
        self._unwritten.append((tree.record.name, made))

    def flush(self) -> None:
        """Write the receipts, with the last lines that each service printed."""
        unwritten, self._unwritten = self._unwritten, []
        for name, receipt in unwritten:
            full = receipt.replace(output=self._last_lines(name))
            self._recorder.record("receipt", full.at, receipt=full.record())

    def _last_lines(self, name: str) -> tuple[str, ...]:
        from guardian.output.reading import tail  # late: only who ended something needs it

        return tuple(line.text for line in tail(self.sources(name), lines=LINES))

    @staticmethod
    def _root(tree: Tree, ending: Ending) -> Proc:
        known = ending.members.get(tree.leader) if tree.leader else None
        return known or next(iter(ending.members.values()), UNSEEN)


def _hanging(ending: Ending) -> dict[int, str]:
    """Say in which state those are who would not go."""
    stuck = [target.who for target in ending.case.survivors if target.stage is Stage.GAVE_UP]
    if not stuck:
        return {}
    members = [proc for who, proc in ending.members.items() if who in stuck]
    return ledger.hanging(system_table(), Snapshot(members, taken=0.0, at=0.0), ending.case)
