"""What the daemon tells of services: events for bus and journal, a receipt for each tree it ended (P8)."""

from __future__ import annotations

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
    from logging import Logger

    from guardian.daemon.places import Project
    from guardian.daemon.trees import Tree
    from guardian.run.ending import Ending
    from guardian.services.effects import Emit

UNSEEN = Proc(pid=0, start=0, name="?", state="X", ppid=0)


class Registrar:
    """Writes the journal, and the daemon's own log."""

    def __init__(self, project: Project, log: Logger) -> None:
        self._project, self._log = project, log
        self._recorder = Recorder(Journal(state_path(), complain=log.warning), "daemon", os.getpid())

    def event(self, emit: Emit) -> dict[str, object]:
        """Record an event; return it as it is told."""
        record: dict[str, object] = {
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
        at = round(time.time(), 3)
        self._recorder.record("service", at, project=self._project.root, **record)
        self._log.info("%s: %s", emit.name, describe(record))
        return {"at": at, **record}

    def ended(self, tree: Tree) -> None:
        """Keep the receipt of a tree of which somebody was signalled."""
        ending = tree.ending
        if ending is None or not any(target.sent for target in ending.case.targets.values()):
            return
        made = ledger.receipt(
            ending.case,
            Dossier(root=self._root(tree, ending), seen=ending.members, cpu=0.0),
            by="daemon",
            at=time.time(),
            now=time.monotonic(),
            states=_hanging(ending),
        )
        self._recorder.record("receipt", made.at, receipt=made.record())

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
