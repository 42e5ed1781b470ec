"""The receipt of an intervention: what, whom, why, which signals when, who survived (P8)."""

from __future__ import annotations

from guardian.procs.printable import printable
from guardian.units import format_duration, format_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Fate(Value):
    """What one process got and how it ended."""

    pid: int
    start: int
    command: str  # printable
    fate: str  # gone, denied, gave up
    signals: tuple[tuple[str, float], ...] = ()  # name, seconds after the intervention began
    ended: float | None = None  # seconds after the intervention began
    note: str = ""  # for survivors: the system's words, or the state and where in the kernel it waits


class Receipt(Value):
    """One intervention from beginning to end."""

    id: str
    at: float  # seconds since the epoch, when it was over
    by: str  # cleanup, monitor, run
    rule: str
    kind: str
    measured: float
    limit: float
    reason: str  # the same in words
    pid: int
    start: int
    command: str  # of the tree's top, printable
    took: float  # seconds
    peak_memory: int  # bytes
    peak_exact: bool  # whether shared pages were counted once
    cpu: float  # seconds
    members: tuple[Fate, ...] = ()
    output: tuple[str, ...] = ()  # the last lines, where guardian saw them

    @property
    def survivors(self) -> tuple[Fate, ...]:
        """Those that are still there."""
        return tuple(member for member in self.members if member.fate != "gone")

    def record(self) -> dict[str, object]:
        """Return it as what JSON can hold."""
        return {**self.asdict(), "members": [member.asdict() for member in self.members]}


def read_receipt(record: Mapping[str, object]) -> Receipt | None:
    """Return the receipt that a journal's record holds; None when it holds none, or an incomplete one."""
    try:
        members = tuple(_fate(member) for member in _list(record, "members"))
        fields = _known_fields(Receipt, record) | {"members": members}
        return Receipt(**fields | {"output": tuple(_list(record, "output"))})  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _known_fields(kind: type[Value], record: Mapping[str, object]) -> dict[str, object]:
    return {name: record[name] for name in kind._fields if name in record}


def _list(record: Mapping[str, object], name: str) -> list[Any]:
    found = record.get(name, [])
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _fate(record: Mapping[str, object]) -> Fate:
    signals = tuple((name, at) for name, at in _list(record, "signals"))
    return Fate(**_known_fields(Fate, record) | {"signals": signals})  # type: ignore[arg-type]


def signal_counts(members: Iterable[Fate]) -> str:
    """Say how many got what: "4 processes got SIGTERM, 1 SIGKILL"."""
    counts: dict[str, int] = {}
    for member in members:
        for name in {name for name, _ in member.signals}:
            counts[name] = counts.get(name, 0) + 1
    told = sorted(counts.keys() - {"SIGSTOP"}, key=lambda name: name == "SIGKILL")  # a run may ask otherwise
    parts = [f"{counts[name]} {name}" for name in told]
    if not parts:
        return "nobody was signalled"
    first, _, rest = parts[0].partition(" ")
    noun = "process" if first == "1" else "processes"
    return ", ".join([f"{first} {noun} got {rest}", *parts[1:]])


def summary(receipt: Receipt) -> str:
    """Return the receipt in one line."""
    verb = "ended" if not receipt.survivors else "could not end all of"
    peak = "peak " if receipt.peak_exact else "peak up to "
    line = (
        f'{verb} "{receipt.command}" (pid {receipt.pid}, rule {receipt.rule}): {receipt.reason}; '
        f"{signal_counts(receipt.members)}; {peak}{format_size(receipt.peak_memory)}"
    )
    left = ", ".join(f"{fate.pid} ({fate.note or fate.fate})" for fate in receipt.survivors)
    return printable(f"{line}; still there: {left}" if left else line)


def prose(receipt: Receipt, *, when: str) -> str:
    """Tell the whole intervention in sentences; `when` is its time as text."""
    many = len(receipt.members)
    bound, note = ("", "") if receipt.peak_exact else ("up to ", " (shared pages counted more than once)")
    lines = [
        f"{receipt.id}: guardian {receipt.by} {'ended' if not receipt.survivors else 'tried to end'} "
        f'"{receipt.command}" (pid {receipt.pid}) on {when}.',
        f"Why: rule {receipt.rule}: {receipt.reason}.",
        f"Its tree had {many} process{'es' if many != 1 else ''} and used {format_duration(receipt.cpu)} "
        f"of CPU; its memory peaked at {bound}{format_size(receipt.peak_memory)}{note}.",
        f"It took {format_duration(receipt.took)}: {signal_counts(receipt.members)}.",
    ]
    lines += [f"  {_told(member)}" for member in receipt.members]
    if receipt.survivors:
        lines.append(f"Still there: {', '.join(str(fate.pid) for fate in receipt.survivors)}.")
    if receipt.output:
        lines += ["Its last lines of output:", *(f"  {printable(line)}" for line in receipt.output)]
    return "\n".join(lines)


def _told(member: Fate) -> str:
    signals = ", ".join(f"{name} at {format_duration(at)}" for name, at in member.signals) or "no signal"
    ended = f"gone at {format_duration(member.ended)}" if member.ended is not None else member.fate
    note = f" ({member.note})" if member.note else ""
    return f"{member.pid} {member.command}: {signals}, {ended}{note}"
