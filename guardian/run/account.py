"""What became of a run: its receipt, the one line on stderr, the report, the journal's record (P8)."""

from __future__ import annotations

import os
import resource
import signal
import time

from guardian.actions import Kind
from guardian.effects.folders import state_path
from guardian.effects.journal import Journal, Recorder
from guardian.effects.receipts import signal_counts
from guardian.guard import ledger
from guardian.guard.docket import Dossier
from guardian.kill.escalate import Stage
from guardian.procs.model import Proc, Snapshot
from guardian.procs.printable import printable, shown_command
from guardian.procs.table import system_table
from guardian.run.verdict import say
from guardian.units import exact_duration, exact_size, format_duration, format_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.contain.choose import Choice
    from guardian.effects.receipts import Fate, Receipt
    from guardian.run.ending import Ending
    from guardian.run.order import Order
    from guardian.run.sentinel import Sentinel
    from guardian.run.staff import Staff

SHOWN = 60  # characters of a command in the line on stderr
NAMED = 5  # processes that are named one by one there

UNSEEN = Proc(pid=0, start=0, name="?", state="X", ppid=0)  # the command's process when nobody ever saw it

# Kind → the limit in words, with the field of Bounds that it comes from
_LIMITS = {
    Kind.AGE: ("timeout", "timeout {limit}"),
    Kind.IDLE: ("idle_timeout", "idle timeout {limit}, neither output nor CPU"),
    Kind.CPU_TIME: ("cpu_time", "CPU time {limit}"),
    Kind.MEMORY: ("memory", "memory {measured}, limit {limit}"),
    Kind.CPU: ("cpu", "CPU {measured}, limit {limit}"),
    Kind.PROCS: ("max_procs", "{measured} processes, limit {limit}"),
    Kind.OUTPUT: ("max_output", "output {measured}, limit {limit}"),
}


class Facts(Value):
    """What one of the two guardian processes knows about the run when it is over."""

    seconds: float  # from the launch to the intervention, or to the end
    leader: Proc | None = None
    code: int = 0  # what the run exits with
    own_code: int | None = None  # what the command exited with, None: unknown
    cpu: float = 0.0
    peak: int = 0  # bytes
    peak_exact: bool = False
    most_procs: int = 0
    output: tuple[str, ...] = ()  # its last lines, where guardian saw them


def facts_of(sentinel: Sentinel, *, code: int, until: float) -> Facts:
    """Gather what the sentinel knows; the largest of the dead counts where nobody looked in time.

    Unless it is no larger than the sentinel, which every child is until it has called exec.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    duty = sentinel.duty
    memory = duty.watch.memory if duty is not None else None
    seen = memory.peak if memory is not None else 0
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest = used.ru_maxrss * 1024 if used.ru_maxrss > own else 0
    return Facts(
        seconds=until - sentinel.started,
        leader=duty.leader if duty is not None else None,
        code=code,
        own_code=sentinel.leader.code,
        cpu=max(used.ru_utime + used.ru_stime, duty.watch.usage.cpu if duty and duty.watch.usage else 0.0),
        peak=max(seen, largest),
        peak_exact=memory is not None and memory.peak_exact and seen >= largest,
        most_procs=memory.most_procs if memory is not None else 1,
        output=sentinel.pump.tail() if sentinel.pump is not None else (),
    )


def settle(order: Order, staff: Staff, ending: Ending | None, facts: Facts) -> None:
    """Tell whoever is to be told: the journal, the person, the report."""
    made = None
    if ending is not None:
        made = receipt(order, ending, facts, now=time.monotonic())
        complain = _nothing if order.quiet else say
        keep(order, made, complain)
        complain(line(order, made, facts, ending.case.reason.kind))
    if staff.report is not None:
        trouble = write_report(staff.report, report(order, facts, staff.choice, made))
        if trouble:
            say(f"cannot write the report: {trouble}")


def _nothing(_line: str) -> None:
    """Say nothing: --quiet."""


def receipt(order: Order, ending: Ending, facts: Facts, *, now: float) -> Receipt:
    """Return the receipt of an intervention; `now` is on the clock of the case."""
    root = facts.leader or next(iter(ending.members.values()), None) or UNSEEN
    case = ending.case
    dossier = Dossier(
        root=root.replace(command=order.command),
        seen=ending.members,
        exact=facts.peak_exact,
        peak=facts.peak,
        cpu=facts.cpu,
    )
    made = ledger.receipt(case, dossier, by="run", at=time.time(), now=now, states=_hanging(ending))
    return made.replace(output=facts.output, members=tuple(_asked(each, order.ask) for each in made.members))


def _asked(fate: Fate, ask: int) -> Fate:
    """Name the signal that it really was asked with: --signal."""
    if ask == signal.SIGTERM:
        return fate
    name = signal.Signals(ask).name if ask < signal.SIGRTMIN else f"SIGRTMIN+{ask - signal.SIGRTMIN}"
    return fate.replace(signals=tuple((name if was == "SIGTERM" else was, at) for was, at in fate.signals))


def _hanging(ending: Ending) -> dict[int, str]:
    """Say of those who would not go in which state they are, and where in the kernel they wait."""
    if not any(target.stage is Stage.GAVE_UP for target in ending.case.survivors):
        return {}
    survivors = [ending.members[target.who] for target in ending.case.survivors]
    return ledger.hanging(system_table(), Snapshot(survivors, taken=0.0, at=0.0), ending.case)


def line(order: Order, made: Receipt, facts: Facts, kind: Kind) -> str:
    """Return the one line that tells of an intervention."""
    command = shown_command(order.command, "", width=SHOWN)
    if kind is Kind.LEFT:
        told = f'"{command}" left {_named(made)} behind'
    else:
        verb = "could not end all of" if made.survivors else "ended"
        after = f"{facts.seconds:.1f} s" if facts.seconds < 60 else format_duration(facts.seconds)
        told = f'{verb} "{command}" after {after}: {_why(order, made, kind)}'
    parts = [told, signal_counts(made.members)]
    if facts.peak:
        parts.append(f"peak {'' if facts.peak_exact else 'up to '}{format_size(facts.peak)}")
    if made.survivors:
        left = ", ".join(f"{each.pid} ({each.note or each.fate})" for each in made.survivors)
        parts.append(f"still there: {left}")
    return printable("; ".join([*parts, f"why: guardian why {order.run_id}"]))


def _named(made: Receipt) -> str:
    """Count and name the processes that were left behind."""
    names = [f"{each.command.split(' ')[0]} {each.pid}" for each in made.members[:NAMED]]
    count = len(made.members)
    if count > NAMED:
        names.append(f"{count - NAMED} more")
    return f"{count} process{'es' if count != 1 else ''} ({', '.join(names)})"


def _why(order: Order, made: Receipt, kind: Kind) -> str:
    """Say which limit it was, and where that came from when nobody gave it as a flag."""
    if kind not in _LIMITS:
        return made.reason
    name, words = _LIMITS[kind]
    measured, limit = _shown(kind, made.measured), _shown(kind, made.limit, exact=True)
    source = order.sources.get(name, "")
    return words.format(measured=measured, limit=limit) + (f" ({source})" if source else "")


def _shown(kind: Kind, number: float, *, exact: bool = False) -> str:
    if kind in (Kind.AGE, Kind.IDLE, Kind.CPU_TIME):
        return exact_duration(number) if exact else format_duration(number)
    if kind in (Kind.MEMORY, Kind.OUTPUT):
        return exact_size(int(number)) if exact else format_size(number)
    return (
        f"{number:g} %" if kind is Kind.CPU and exact else f"{number:.0f}{' %' if kind is Kind.CPU else ''}"
    )


def report(order: Order, facts: Facts, choice: Choice, made: Receipt | None) -> dict[str, object]:
    """Return what --report writes."""
    return {
        "run": order.run_id,
        "command": [printable(word) for word in order.command],
        "exit_code": facts.code,
        "command_exit_code": facts.own_code,
        "seconds": round(facts.seconds, 3),
        "cpu": round(facts.cpu, 2),
        "peak_memory": facts.peak,
        "peak_exact": facts.peak_exact,
        "most_processes": facts.most_procs,
        "limits": order.bounds.asdict(),
        "containment": {
            "name": choice.name,
            "reasons": list(choice.reasons),
        },
        "receipt": None if made is None else made.record(),
    }


def write_report(fd: int, content: dict[str, object]) -> str:
    """Write the report as JSON; return the system's words if that failed."""
    import json  # late: 3 ms that only those pay who asked for a report

    data = json.dumps(content, indent=2, ensure_ascii=True).encode("ascii") + b"\n"
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError as error:
        return error.strerror or str(error)
    return ""


def keep(order: Order, made: Receipt, complain: Callable[[str], None]) -> None:
    """Put the receipt into the journal; `complain` hears it when that is not possible."""
    journal = Journal(
        state_path(), max_size=order.journal.max_size, keep=order.journal.keep, complain=complain
    )
    Recorder(journal, "run", os.getpid()).record("receipt", made.at, receipt=made.record())
