"""Whether, when and how often a service is started again. Pure: (spec, history, ending, now) → verdict.

Two things are counted apart. The *attempt* grows the delay, and begins anew after `stable_after`
seconds of READY. The *window* holds the moments of all restarts within `restart_window`, stable in
between or not, so that a service that crashes every ten minutes is found out too.

The breaker: CLOSED, restarts go on · OPEN, too many in the window: FATAL until somebody asks ·
HALF_OPEN, somebody asked: one trial; when that fails it is open again, when it is stable closed.
"""

from __future__ import annotations

from enum import Enum

from guardian.services.why import Cause, Why
from guardian.units import exact_duration
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.services.spec import ServiceSpec

SECOND_DELAY = 0.1  # seconds before the second restart, where restart_delay is less
JITTER = 0.2  # part of a delay that chance may take off, so that services which fell together do not rise so


class Breaker(Enum):
    """Whether restarts go on."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class History(Value):
    """What is remembered of a service's restarts."""

    times: tuple[float, ...] = ()  # of the restarts within the window, monotonic seconds
    attempt: int = 0  # restarts since it was stable
    total: int = 0  # restarts that nobody asked for, ever
    breaker: Breaker = Breaker.CLOSED


class Next(Enum):
    """What follows when a generation is gone that was still wanted."""

    AGAIN = "started again"
    DONE = "left as it is"
    BROKEN = "failed too often"


class Verdict(Value):
    """What follows, and why."""

    next: Next
    why: Why


def judge(spec: ServiceSpec, history: History, ending: Why, now: float) -> Verdict:
    """Return what follows after a generation that ended for `ending` and is gone."""
    never_ran = ending.cause in (Cause.NOT_SPAWNED, Cause.NOT_EXECUTABLE)
    if ending.cause is Cause.NOT_EXECUTABLE or (never_ran and spec.autorestart is False):
        return Verdict(Next.BROKEN, ending)
    if not wants_again(spec, ending):
        return Verdict(Next.DONE, ending)
    if history.breaker is not Breaker.CLOSED:
        return Verdict(Next.BROKEN, Why(Cause.TRIAL, str(ending)))
    if 0 < spec.max_restarts <= len(recent(spec, history, now)):
        return Verdict(Next.BROKEN, _too_often(spec, ending))
    return Verdict(Next.AGAIN, ending)


def wants_again(spec: ServiceSpec, ending: Why) -> bool:
    """Whether the policy starts a service again that ended so."""
    return ending.failed if spec.autorestart == "on-failure" else spec.autorestart is True


def _too_often(spec: ServiceSpec, ending: Why) -> Why:
    within = f" within {exact_duration(spec.restart_window)}" if spec.restart_window else ""
    note = f"{spec.max_restarts} times{within}, which is max_restarts; the last time {ending}"
    return Why(Cause.TOO_OFTEN, note)


def recent(spec: ServiceSpec, history: History, now: float) -> tuple[float, ...]:
    """Return the moments of the restarts that still count."""
    if not spec.restart_window:
        return history.times
    return tuple(time for time in history.times if time > now - spec.restart_window)


def counted(spec: ServiceSpec, history: History, now: float) -> History:
    """Return the history with one more restart."""
    times = (*recent(spec, history, now), now)[-spec.max_restarts :] if spec.max_restarts else ()
    return history.replace(times=times, attempt=history.attempt + 1, total=history.total + 1)


def delay(spec: ServiceSpec, attempt: int, chance: float) -> float:
    """Return the seconds before restart number `attempt` (from 1); `chance` from 0 to 1 shortens it."""
    if attempt <= 1:
        longest = min(spec.restart_delay, spec.max_restart_delay)
    else:
        first = max(spec.restart_delay, SECOND_DELAY / spec.backoff_multiplier)
        longest = _grown(first, spec.backoff_multiplier, attempt - 1, cap=spec.max_restart_delay)
    return longest * (1 - JITTER * chance)


def _grown(first: float, factor: float, steps: int, *, cap: float) -> float:
    """Return first × factor^steps, at most `cap`, for any number of steps."""
    try:
        return min(cap, first * factor**steps)
    except OverflowError:
        return cap


def settled(history: History) -> History:
    """Return the history of a service that was stable: the delays begin anew, a trial has succeeded."""
    return history.replace(attempt=0, breaker=Breaker.CLOSED)


def tripped(history: History) -> History:
    """Return the history with an open breaker."""
    return history.replace(breaker=Breaker.OPEN)


def tried(history: History) -> History:
    """Return the history at the start of a generation: with an open breaker that is a trial."""
    if history.breaker is not Breaker.OPEN:
        return history
    return history.replace(times=(), attempt=0, breaker=Breaker.HALF_OPEN)
