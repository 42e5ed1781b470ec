"""From a case that is over to its receipt, and both into the journal."""

from __future__ import annotations

from guardian.actions import How, Outcome
from guardian.effects.receipts import Fate, Receipt
from guardian.kill.escalate import Stage
from guardian.procs.model import Snapshot, Wants
from guardian.procs.printable import shown_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.effects.journal import Recorder
    from guardian.guard.docket import Dossier
    from guardian.kill.escalate import Case, Target
    from guardian.procs.model import Proc
    from guardian.procs.table import Table

SIGNAL_NAMES = {How.ASK: "SIGTERM", How.FREEZE: "SIGSTOP", How.FORCE: "SIGKILL"}
SHOWN = 200  # characters of a command line in a receipt
STATES = {"D": "uninterruptible sleep", "Z": "zombie with living threads", "T": "stopped", "t": "traced"}


def fate(case: Case, target: Target, proc: Proc | None, *, state: str = "") -> Fate:
    """Return what became of one member; `state` says where a survivor hangs."""
    return Fate(
        pid=target.who.pid,
        start=target.who.start,
        command=shown_command(proc.command, proc.name, width=SHOWN) if proc else "?",
        fate=target.stage.value,
        signals=tuple((SIGNAL_NAMES[how], round(at - case.opened, 3)) for how, at in target.sent),
        ended=round(target.ended - case.opened, 3) if target.ended is not None else None,
        note=target.note or state,
    )


def hanging(table: Table, snapshot: Snapshot, case: Case) -> dict[int, str]:
    """Say of each one who would not go in which state it is, and where in the kernel it waits."""
    stuck = [t.who for t in case.survivors if t.stage is Stage.GAVE_UP]
    closer = table.closer(snapshot, Wants(wchan=frozenset(who.pid for who in stuck)))
    result = {}
    for who in stuck:
        proc = closer.get(who)
        if proc is not None:
            at = f" in {proc.wchan}" if proc.wchan not in ("", "0") else ""
            result[who.pid] = f"state {proc.state}, {STATES.get(proc.state, 'alive')}{at}"
    return result


def receipt(
    case: Case, dossier: Dossier, *, by: str, at: float, now: float, states: dict[int, str]
) -> Receipt:
    """Return the receipt of a closed case; `at` is its end since the epoch, `now` on the case's clock."""
    root = dossier.root
    return Receipt(
        id=case.id,
        at=round(at, 3),
        by=by,
        rule=case.reason.rule,
        kind=case.reason.kind.value,
        measured=case.reason.measured,
        limit=case.reason.limit,
        reason=str(case.reason),
        pid=root.pid,
        start=root.start,
        command=shown_command(root.command, root.name, width=SHOWN),
        took=round(now - case.opened, 3),
        peak_memory=dossier.peak,
        peak_exact=dossier.exact,
        cpu=round(dossier.cpu, 2),
        members=tuple(
            fate(case, target, dossier.seen.get(who), state=states.get(who.pid, ""))
            for who, target in case.targets.items()
        ),
    )


def record_actions(recorder: Recorder, outcomes: Iterable[Outcome], at: float) -> None:
    """Put every signal, sent or not, into the journal."""
    for outcome in outcomes:
        action = outcome.action
        recorder.record(
            "signal",
            at,
            case=action.case,
            target=action.target.pid,
            start=action.target.start,
            signal=SIGNAL_NAMES[action.how],
            result=outcome.result.value,
            note=outcome.note,
            rule=action.reason.rule,
            reason=str(action.reason),
        )
