"""Whether a service is ready, and well: (checkup, what came, now) → checkup. Pure.

    WAITING ── success_threshold good looks in a row ──► WELL ◄──┐
       │                                                  │      │ success_threshold good ones
       └── `retries` failed looks in a row, of those ──►  SICK ──┘
           that count                        ◄── `retries` failed looks in a row ── WELL

A look that fails in the start period does not count while it is WAITING, and of the failures after
it at most one an interval does: until it is WELL a service is looked at more often, so that it is
READY soon after it could be, and this must not make it SICK sooner. At most one look is under way:
the next is due only when it was answered.
"""

from __future__ import annotations

from enum import Enum

from guardian.units import exact_duration, format_duration
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.services.spec import HealthSpec

FIRST_LOOK = 0.05  # seconds after the start
SHARE = 0.25  # the looks until it is WELL delay that by at most this part of the time it took
SHORTEST = 0.05  # seconds between two looks, whatever the interval


class Condition(Enum):
    """What the looks have shown."""

    WAITING = "not ready yet"
    WELL = "well"
    SICK = "unhealthy"


class Checkup(Value):
    """What is remembered of one check of one generation. Times are monotonic seconds."""

    check: HealthSpec
    generation: int
    began: float
    counts_from: float  # a failure before this moment does not count
    due: float | None  # when the next look is due; None: one is under way, or none is needed
    condition: Condition = Condition.WAITING
    number: int = 0  # of the last look that was asked for
    asked: float | None = None  # when; None: it was answered
    good: int = 0  # in a row
    failed: int = 0  # in a row, of those that count
    note: str = ""  # what the last look said

    @property
    def under_way(self) -> bool:
        """Whether an answer is awaited."""
        return self.asked is not None


def begin(check: HealthSpec, *, generation: int, now: float, well: bool = False) -> Checkup:
    """Return the checkup of a generation that has just started, or is known to be well."""
    if not well:
        counts_from = now + check.start_period
        due = max(counts_from, now + SHORTEST) if check.tells else now + min(FIRST_LOOK, check.interval)
        return Checkup(check, generation, now, counts_from, due)
    fresh = Checkup(check, generation, now, now, None, Condition.WELL)
    return fresh.replace(due=_next(fresh, now))


def ask(checkup: Checkup, now: float) -> Checkup:
    """Return the checkup with a look under way, number `number`."""
    return checkup.replace(number=checkup.number + 1, asked=now, due=None)


def answered(checkup: Checkup, number: int, *, good: bool, note: str, now: float) -> Checkup:
    """Return the checkup after the answer to a look; an answer that nobody awaits changes nothing."""
    if number != checkup.number or not checkup.under_way:
        return checkup
    asked = checkup.asked
    after = (_success if good else _failure)(checkup.replace(asked=None, note=note), now)
    return after.replace(due=_next(after, now, asked=asked))


def heard(checkup: Checkup, note: str, now: float) -> Checkup:
    """Return the checkup after the service told that it is well."""
    after = _success(checkup.replace(note=note), now)
    return after.replace(due=_next(after, now))


def missed(checkup: Checkup, now: float) -> Checkup:
    """Return the checkup of a service that should have told something by now, and has not."""
    note = f"nothing heard for {format_duration(now - checkup.began)}"
    if checkup.condition is not Condition.WAITING:
        note = f"nothing heard for {exact_duration(checkup.check.max_silence)}"
        return checkup.replace(condition=Condition.SICK, good=0, note=note, due=None)
    after = _failure(checkup.replace(note=note), now)
    return after.replace(due=None if after.condition is Condition.SICK else _next(after, now))


def _success(checkup: Checkup, now: float) -> Checkup:
    good = checkup.good + 1
    enough = good >= checkup.check.success_threshold
    return checkup.replace(good=good, failed=0, condition=Condition.WELL if enough else checkup.condition)


def _failure(checkup: Checkup, now: float) -> Checkup:
    waiting = checkup.condition is Condition.WAITING
    if waiting and now < checkup.counts_from:
        return checkup.replace(good=0)
    failed = checkup.failed + 1
    sick = failed >= checkup.check.retries
    return checkup.replace(
        good=0,
        failed=failed,
        condition=Condition.SICK if sick else checkup.condition,
        counts_from=now + checkup.check.interval,
    )


def _next(checkup: Checkup, now: float, *, asked: float | None = None) -> float | None:
    """Return when the next look is due, counted from when the last one began."""
    check = checkup.check
    if check.tells:
        if checkup.condition is Condition.WAITING:
            return max(checkup.counts_from, now + SHORTEST)
        return now + check.max_silence if check.max_silence else None
    pause = check.interval
    if checkup.condition is Condition.WAITING:
        pause = min(pause, SHARE * (now - checkup.began))
    return max(now, (now if asked is None else asked) + max(pause, SHORTEST))
