"""Everything guardian can do to a process, as data; each action carries why."""

from __future__ import annotations

from enum import Enum

from guardian.procs.model import ProcId
from guardian.units import exact_duration, exact_size, format_duration, format_size
from guardian.values import Value


class Kind(Enum):
    """Which limit was broken, or what else asks for an end."""

    COUNT = "max_concurrent"
    MEMORY = "max_memory"
    CPU = "max_cpu"
    AGE = "timeout"
    ASKED = "asked"  # a person said so: cleanup --all


class Reason(Value):
    """Why: the rule, what was measured against which limit. Written once; every face renders it."""

    rule: str
    kind: Kind
    measured: float = 0.0  # launches, bytes, percent of a core, or seconds, by kind
    limit: float = 0.0
    note: str = ""  # what else decided, e.g. "nothing read or written for 60s"

    def __str__(self) -> str:
        text = _RENDER[self.kind](self)
        return f"{text}; {self.note}" if self.note else text


_RENDER = {
    Kind.COUNT: lambda r: f"{r.measured:.0f} launches, max_concurrent is {r.limit:.0f}",
    Kind.MEMORY: lambda r: f"memory {format_size(r.measured)}, max_memory is {exact_size(int(r.limit))}",
    Kind.CPU: lambda r: f"CPU {r.measured:.0f} %, max_cpu is {r.limit:.0f} %",
    Kind.AGE: lambda r: f"age {format_duration(r.measured)}, timeout is {exact_duration(r.limit)}",
    Kind.ASKED: lambda r: "asked to end every match",
}


class How(Enum):
    """How hard, from polite to final. The order decides when two want the same process."""

    ASK = 1  # SIGTERM, and SIGCONT so that a stopped process can act on it
    FREEZE = 2  # SIGSTOP, so that nothing new appears while the rest is found
    FORCE = 3  # SIGKILL


class Send(Value):
    """Signal one process, for one case."""

    target: ProcId
    how: How
    case: str  # id of the intervention
    reason: Reason


class Sent(Enum):
    """What became of a signal."""

    DONE = "sent"
    GONE = "gone"  # nobody there, or somebody else has the pid by now: nothing was signalled
    DENIED = "denied"  # the system forbids it
    UNSENT = "unsent"  # dry run


class Outcome(Value):
    """An action and what came of it."""

    action: Send
    result: Sent
    note: str = ""  # the system's words when it said no
