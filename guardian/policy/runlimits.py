"""Judging one run by its limits. Pure: (bounds, memory, usage, now) → (memory, reason or None, next look).

Every limit is one judge in JUDGES: it returns what it remembers, whether the limit is broken and
when it wants to look again. Times are seconds of the run's own clock, which stands still while
the job is stopped.

What grows is looked at in a rhythm, the sooner of two: half the headroom divided by the fastest
growth seen lately, so that constant growth is caught within a few looks; and all the headroom and
a tolerance divided by the fastest growth that is possible, so that a sudden burst does not get
far, and something that stands just below its limit costs 80 looks a second, not 500.
"""

from __future__ import annotations

from guardian.actions import Kind, Reason
from guardian.policy.busy import Mark, Streak, follow, over, part, sustained
from guardian.policy.limits import Limits
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.policy.bounds import Bounds

SOONEST, LATEST = 0.002, 1.0  # seconds between two looks at what grows
BYTES_A_SECOND = 4.0 * (1 << 30)  # growth that is possible at any moment: a few cores touching new pages
FORKS_A_SECOND = 2000.0  # likewise
TOLERANCE = 0.05  # of the limit: what a sudden burst may get past it
CONFIRMATIONS = 2  # looks in a row that must find the memory over the limit, shared pages once
CONFIRM_AFTER = 0.005  # seconds between them
IDLE_SHARE = 0.01  # of one core: who uses less over the whole time counts as idle
IDLE_TICKS = 0.02  # seconds of CPU that are no activity: the clock of /proc has a resolution of half that
IDLE_LOOKS = 20  # in one idle_timeout
SPARED_AGAIN = 1.0  # seconds until it is asked again whether a terminal has it in its foreground
WORSE = 1.05  # times what it was when it was asked to end
FLOOD = 2.0  # likewise for output: last words are no flood
CPU_TIME_AGAIN = 0.02  # seconds, the shortest


class Usage(Value):
    """What one look found the tree to use."""

    procs: int = 1
    cpu: float = 0.0  # seconds since the launch, the dead included
    rss: int = 0  # bytes, shared pages once for each who maps them: an upper bound
    pss: int = -1  # bytes, shared pages once, with swap; -1: not looked at
    io: int = -1  # bytes read and written since the launch; -1: not looked at, or not to be read
    written: int = -1  # bytes written, to whatever; -1: not looked at
    output: int = 0  # bytes on stdout and stderr, where guardian sees them
    foreground: bool = False  # a terminal has one of them in its foreground
    out_of_memory: bool = False  # the kernel has ended some for the backstop


class Growth(Value):
    """Something that grows: how large at the last look, and the fastest growth seen lately."""

    at: float
    size: float = 0.0
    speed: float = 0.0  # a second

    def grown(self, now: float, size: float) -> Growth:
        """Take one look in; an old speed counts for half at each look."""
        if now <= self.at:
            return self
        return Growth(now, size, max((size - self.size) / (now - self.at), self.speed / 2, 0.0))

    def due(self, limit: float, *, possible: float) -> float:
        """Return when to look again so that the limit is not passed by much; `possible` growth a second."""
        headroom = limit - self.size
        burst = (headroom + TOLERANCE * limit) / possible
        steady = headroom / self.speed / 2 if self.speed > 0 else LATEST
        return self.at + min(max(min(burst, steady), SOONEST), LATEST)


class Memory(Value):
    """What is remembered from look to look."""

    started: float
    bytes: Growth
    procs: Growth
    too_large: int = 0  # looks in a row that found the memory over the limit
    active: Mark | None = None  # the last sign of life: when, CPU and bytes written by then
    mark: Mark | None = None  # the last look at CPU
    streak: Streak | None = None  # since when it is over its CPU limit
    peak: int = 0  # bytes
    peak_exact: bool = False  # whether `peak` counts shared pages once
    most_procs: int = 0


class Judgement(Value):
    """What one look leads to."""

    memory: Memory
    reason: Reason | None
    due: float | None  # None: nothing asks for another look


def fresh(now: float) -> Memory:
    """Return the memory of a run that begins now."""
    return Memory(now, Growth(now), Growth(now))


def needs_pss(bounds: Bounds, usage: Usage) -> bool:
    """Whether the sum of RSS, an upper bound, is over the limit, so that PSS has to be asked for."""
    return 0 < bounds.memory < usage.rss


def needs_written(bounds: Bounds) -> bool:
    """Whether it has to be known what the tree writes."""
    return bounds.idle_timeout > 0


def needs_io(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> bool:
    """Whether it has to be known what the tree reads and writes: it used too much CPU lately."""
    if bounds.cpu <= 0 or bounds.cpu_when == "always" or memory.mark is None:
        return False
    return over(_cpu_limits(bounds), memory.mark, Mark(now, usage.cpu))


def needs_foreground(bounds: Bounds, memory: Memory, now: float) -> bool:
    """Whether it has to be known if a terminal has the tree in its foreground."""
    return bounds.spare_foreground and 0 < bounds.timeout <= now - memory.started


def judge(bounds: Bounds, memory: Memory, usage: Usage, now: float, *, rule: str = "run") -> Judgement:
    """Judge one look; the first limit in JUDGES that is broken is the reason."""
    after = _remembered(memory, usage, now)
    broken: Reason | None = None
    dues: list[float] = []
    for each in JUDGES:
        after, reason, due = each(bounds, after, usage, now)
        broken = broken or reason
        dues += [] if due is None else [due]
    if broken is not None:
        return Judgement(after, broken.replace(rule=rule), None)
    return Judgement(after, None, min(dues, default=None))


def worse(bounds: Bounds, then: Usage, now: Usage) -> bool:
    """Whether a tree that was asked to end at `then` grows on, so that it must not have its grace."""
    memory = bounds.memory > 0 and now.rss > WORSE * max(then.rss, bounds.memory)
    procs = bounds.max_procs > 0 and now.procs > WORSE * max(then.procs, bounds.max_procs)
    flood = bounds.max_output > 0 and now.output > FLOOD * max(then.output, bounds.max_output)
    return memory or procs or flood


def _remembered(memory: Memory, usage: Usage, now: float) -> Memory:
    exact = usage.pss >= 0
    size = usage.pss if exact else usage.rss
    return memory.replace(
        bytes=memory.bytes.grown(now, size),
        procs=memory.procs.grown(now, usage.procs),
        peak=max(memory.peak, size),
        peak_exact=exact if size >= memory.peak else memory.peak_exact,
        most_procs=max(memory.most_procs, usage.procs),
    )


Ruling = tuple[Memory, Reason | None, float | None]


def _memory(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.memory <= 0:
        return memory, None, None
    if usage.out_of_memory:
        note = "the kernel ended it at memory.max"
        return memory, Reason("", Kind.MEMORY, max(memory.peak, bounds.memory), bounds.memory, note), None
    large = usage.rss > bounds.memory and (usage.pss if usage.pss >= 0 else usage.rss) > bounds.memory
    memory = memory.replace(too_large=memory.too_large + 1 if large else 0)
    if memory.too_large >= CONFIRMATIONS:
        note = "" if usage.pss >= 0 else "resident, shared pages counted more than once"
        return memory, Reason("", Kind.MEMORY, memory.bytes.size, bounds.memory, note), None
    if large:
        return memory, None, now + CONFIRM_AFTER
    return memory, None, memory.bytes.due(bounds.memory, possible=BYTES_A_SECOND)


def _procs(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.max_procs <= 0:
        return memory, None, None
    if usage.procs > bounds.max_procs:
        return memory, Reason("", Kind.PROCS, usage.procs, bounds.max_procs), None
    return memory, None, memory.procs.due(bounds.max_procs, possible=FORKS_A_SECOND)


def _output(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if 0 < bounds.max_output < usage.output:
        return memory, Reason("", Kind.OUTPUT, usage.output, bounds.max_output), None
    return memory, None, None  # guardian is woken by every byte


def _cpu_time(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.cpu_time <= 0:
        return memory, None, None
    left = bounds.cpu_time - usage.cpu
    if left <= 0:
        return memory, Reason("", Kind.CPU_TIME, usage.cpu, bounds.cpu_time), None
    return memory, None, now + min(max(left / max(usage.procs, 1), CPU_TIME_AGAIN), LATEST)


def _timeout(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.timeout <= 0:
        return memory, None, None
    age = now - memory.started
    if age < bounds.timeout:
        return memory, None, memory.started + bounds.timeout
    if bounds.spare_foreground and usage.foreground:
        return memory, None, now + SPARED_AGAIN
    return memory, Reason("", Kind.AGE, age, bounds.timeout), None


def _idle(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.idle_timeout <= 0:
        return memory, None, None
    here = Mark(now, usage.cpu, usage.written)
    last = memory.active
    if last is None or usage.written != last.io or _used_cpu(last, here):
        last = here
    memory = memory.replace(active=last)
    silent = now - last.at
    if silent >= bounds.idle_timeout:
        return memory, Reason("", Kind.IDLE, silent, bounds.idle_timeout), None
    again = now + max(bounds.idle_timeout / IDLE_LOOKS, SOONEST)
    return memory, None, min(again, last.at + bounds.idle_timeout)


def _used_cpu(last: Mark, here: Mark) -> bool:
    """Whether the CPU between two marks is a sign of life."""
    return here.cpu - last.cpu > max(IDLE_SHARE * (here.at - last.at), IDLE_TICKS)


def _cpu_limits(bounds: Bounds) -> Limits:
    return Limits(max_cpu=bounds.cpu, cpu_window=bounds.cpu_window, cpu_when=bounds.cpu_when)


def _cpu(bounds: Bounds, memory: Memory, usage: Usage, now: float) -> Ruling:
    if bounds.cpu <= 0 or bounds.cpu_window <= 0:
        return memory, None, None
    limits, here = _cpu_limits(bounds), Mark(now, usage.cpu, usage.io)
    streak = follow(limits, memory.streak, here)
    memory = memory.replace(streak=streak, mark=streak.last)
    if sustained(limits, streak):
        idle = "; nothing read or written meanwhile" if bounds.cpu_when == "spinning" else ""
        note = f"over {bounds.cpu_window:g}s{idle}"
        return memory, Reason("", Kind.CPU, streak.percent, bounds.cpu, note), None
    return memory, None, streak.last.at + part(limits)


JUDGES = (_memory, _procs, _output, _cpu_time, _timeout, _idle, _cpu)
