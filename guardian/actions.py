"""Everything guardian can do to a process, as data; each action carries why."""

from __future__ import annotations

from enum import Enum

from guardian.procs.model import ProcId
from guardian.units import exact_duration, exact_size, format_duration, format_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(Enum):
    """Which limit was broken, or what else asks for an end."""

    COUNT = "max_concurrent"
    MEMORY = "max_memory"
    CPU = "max_cpu"
    AGE = "timeout"
    ASKED = "asked"  # a person said so: cleanup --all
    IDLE = "idle_timeout"  # from here on: of `guardian run`
    CPU_TIME = "cpu_time"
    PROCS = "max_procs"
    OUTPUT = "max_output"
    LEFT = "left behind"  # what the command started and did not end
    OWNER = "bind_to"  # the process that the run was bound to has ended
    SERVICE = "service"  # of `guardian up`: its supervision asked for it, the note says why
    GUARD = "guardian"  # one of guardian's own two processes was ended or stopped


class Reason(Value):
    """Why: the rule, what was measured against which limit. Written once; every face renders it."""

    rule: str
    kind: Kind
    measured: float = 0.0  # launches, bytes, percent of a core, or seconds, by kind
    limit: float = 0.0
    note: str = ""  # what else decided, e.g. "nothing read or written for 60s"

    def __str__(self) -> str:
        text = _FACTS[self.kind](self)
        return f"{text}; {self.note}" if self.note else text


_FACTS: dict[Kind, Callable[[Reason], str]] = {
    Kind.COUNT: lambda r: f"{r.measured:.0f} launches, max_concurrent is {r.limit:.0f}",
    Kind.MEMORY: lambda r: f"memory {format_size(r.measured)}, max_memory is {exact_size(int(r.limit))}",
    Kind.CPU: lambda r: f"CPU {r.measured:.0f} %, max_cpu is {r.limit:g} %",
    Kind.AGE: lambda r: f"age {format_duration(r.measured)}, timeout is {exact_duration(r.limit)}",
    Kind.ASKED: lambda _: "asked to end every match",
    Kind.IDLE: lambda r: (
        f"no output and no CPU for {format_duration(r.measured)}, idle_timeout is {exact_duration(r.limit)}"
    ),
    Kind.CPU_TIME: lambda r: f"CPU time {format_duration(r.measured)}, cpu_time is {exact_duration(r.limit)}",
    Kind.PROCS: lambda r: f"{r.measured:.0f} processes, max_procs is {r.limit:.0f}",
    Kind.OUTPUT: lambda r: f"output {format_size(r.measured)}, max_output is {exact_size(int(r.limit))}",
    Kind.LEFT: lambda _: "still running when the command had ended",
    Kind.OWNER: lambda r: f"process {r.limit:.0f}, to which the run was bound, has ended",
    Kind.SERVICE: lambda r: "ended by its supervisor",
    Kind.GUARD: lambda _: "guardian itself was ended or stopped",
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
    FAILED = "failed"  # guardian could not see whom it would reach (no descriptor left): tried again
    UNSENT = "unsent"  # dry run


class Outcome(Value):
    """An action and what came of it."""

    action: Send
    result: Sent
    note: str = ""  # the system's words when it said no
