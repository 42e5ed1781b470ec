"""Whether the machine has room for one more launch. Pure: (machine, conditions, pace, now) → (pace, verdict).

The memory that a launch will need does not show when it is let in. So a shortage makes the gate
slow for a while: it asks for more than the bare minimum, and lets in one launch per settle
interval, so that the effect of each can be seen before the next.
"""

from __future__ import annotations

from guardian.units import exact_duration, format_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.procs.machine import Machine
    from guardian.units import Duration, Percent, Size

NEVER = float("-inf")
CALM = 5  # settle intervals without a shortage until launches are let in at will again
LOOK = 1.0  # seconds until a machine that was short is worth another look: nothing tells when it is not

# How much better than the minimum it has to be after a shortage, so that the gate does not flutter.
MORE_MEMORY, LESS_LOAD, LESS_PRESSURE = 1.2, 0.9, 0.5


class Conditions(Value):
    """What the machine must have to offer before a launch is let in; 0: that is not asked."""

    min_free_memory: Size = 0  # bytes available without swapping (MemAvailable)
    max_load: float = 0.0  # load average of the last minute, per core
    max_pressure: Percent = 0.0  # share of the last 10 s in which somebody waited for memory (PSI some avg10)
    settle: Duration = 2.0  # between two launches after a shortage

    def __bool__(self) -> bool:
        return bool(self.min_free_memory or self.max_load or self.max_pressure)


class Pace(Value):
    """What is remembered from launch to launch; times are seconds on one clock of this machine."""

    short: float = NEVER  # when the machine was last found short
    admitted: float = NEVER  # when a launch was last let in


class Verdict(Value):
    """What the machine's state means for one launch."""

    admitted: bool
    reason: str = ""  # why not; or what could not be judged
    again: Duration = 0.0  # seconds until it is worth to ask again
    hopeless: bool = False  # this machine can never meet the conditions


def judge(machine: Machine, conditions: Conditions, pace: Pace, now: float) -> tuple[Pace, Verdict]:
    """Say whether one launch may come in now; a launch that may counts as let in."""
    pace = _believable(pace, now)
    if conditions.min_free_memory > machine.memory_total:
        asked, total = format_size(conditions.min_free_memory), format_size(machine.memory_total)
        return pace, Verdict(False, f"min_free_memory is {asked}, all of this machine is {total}", 0, True)
    shortage = _shortage(machine, conditions)
    if shortage:
        return pace.replace(short=now), Verdict(False, shortage, LOOK)
    if now - pace.short < CALM * conditions.settle:
        refusal = _while_squeezed(machine, conditions, pace, now)
        if refusal is not None:
            return pace, refusal
    return pace.replace(admitted=now), Verdict(True, _unjudged(machine, conditions))


def _believable(pace: Pace, now: float) -> Pace:
    """Forget times in the future: they are from before a reboot."""
    short, admitted = [at if at <= now else NEVER for at in (pace.short, pace.admitted)]
    return Pace(short, admitted)


def _while_squeezed(machine: Machine, conditions: Conditions, pace: Pace, now: float) -> Verdict | None:
    """Refuse what is met only just, and a launch too soon after another; None: it may come in.

    What is met only just is no new shortage, or conditions that this machine can meet only just
    would hold the gate half shut for ever.
    """
    only_just = _shortage(machine, _stricter(conditions))
    if only_just:
        return Verdict(False, f"{only_just} after a shortage", LOOK)
    rest = pace.admitted + conditions.settle - now
    if rest > 0:
        return Verdict(False, f"one launch every {exact_duration(conditions.settle)} after a shortage", rest)
    return None


def _stricter(asked: Conditions) -> Conditions:
    return Conditions(
        int(asked.min_free_memory * MORE_MEMORY),
        asked.max_load * LESS_LOAD,
        asked.max_pressure * LESS_PRESSURE,
        asked.settle,
    )


def _shortage(machine: Machine, asked: Conditions) -> str:
    """Return the first condition that is not met, in words; "" when all are."""
    if machine.memory_available < asked.min_free_memory:
        free = format_size(machine.memory_available)
        return f"{free} of memory free, min_free_memory is {format_size(asked.min_free_memory)}"
    load = machine.load[0] / machine.cores
    if 0 < asked.max_load < load:
        return f"load {load:.2f} per core, max_load is {asked.max_load:.2f}"
    if machine.pressure is not None and 0 < asked.max_pressure < machine.pressure:
        return f"memory pressure {machine.pressure:.1f} %, max_pressure is {asked.max_pressure:.1f} %"
    return ""


def _unjudged(machine: Machine, asked: Conditions) -> str:
    if asked.max_pressure and machine.pressure is None:
        return "this kernel tells no memory pressure: max_pressure was not judged"
    return ""
