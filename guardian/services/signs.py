"""What an event means for one service: its sign in the table, and the reason to go with it. Pure."""

from __future__ import annotations

from guardian.services import events, restart
from guardian.services.events import Wish
from guardian.services.life import Sign, State, Wanted
from guardian.services.restart import Next
from guardian.services.why import NEW, Cause, Why
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from guardian.services.events import LifeEvent
    from guardian.services.living import Life
    from guardian.services.spec import ServiceSpec


class Reading(Value):
    """A sign, and why."""

    sign: Sign
    why: Why


class Moment(Value):
    """For whom an event is read, and when."""

    life: Life
    spec: ServiceSpec
    now: float


_NOTHING = Reading(Sign.NOTHING, NEW)


def read(life: Life, spec: ServiceSpec, event: LifeEvent, now: float) -> Reading:
    """Return what `event` means for this service now."""
    return READERS[type(event)](event, Moment(life, spec, now))


WISHES: Mapping[Wish, Sign] = {
    Wish.START: Sign.START,
    Wish.STOP: Sign.STOP,
    Wish.KILL: Sign.KILL,
    Wish.RESTART: Sign.RESTART,
    Wish.SIGNAL: Sign.SIGNAL,
}


def _ask(event: events.Ask, at: Moment) -> Reading:
    if event.wish is Wish.START and at.life.live and at.life.wanted is Wanted.RESTART:
        return _NOTHING  # it is on its way to that
    return Reading(WISHES[event.wish], Why(Cause.ASKED, event.note))


def _spawned(event: events.Spawned, at: Moment) -> Reading:
    if event.generation == at.life.generation and at.life.live:
        return Reading(Sign.SPAWNED, Why(Cause.SPAWNED, f"pid {event.who.pid}"))
    if event.generation == at.life.generation and event.generation not in at.life.strays:
        return Reading(Sign.ADOPTED_UNWANTED, Why(Cause.STRAY))  # told too late; the tree must not be lost
    return Reading(Sign.STRAY, Why(Cause.STRAY))


def _adopted(event: events.Adopted, at: Moment) -> Reading:
    why, life = Why(Cause.ADOPTED), at.life
    if life.live and event.generation == life.generation:
        return Reading(Sign.SPAWNED, why)
    if life.live or event.generation < life.newest or event.generation in life.strays:
        return Reading(Sign.STRAY, Why(Cause.STRAY))
    if life.wanted is not Wanted.UP:
        return Reading(Sign.ADOPTED_UNWANTED, why)
    return Reading(Sign.ADOPTED_WELL if event.well else Sign.ADOPTED, why)


def _spawn_failed(event: events.SpawnFailed, at: Moment) -> Reading:
    cause = Cause.NOT_EXECUTABLE if event.final else Cause.NOT_SPAWNED
    return _gone(event, at, Why(cause, event.note))


def _ended(event: events.Ended, at: Moment) -> Reading:
    why = Why(Cause.EXITED, code=event.code, signal=event.signal)
    return _of_this(event, at, Reading(Sign.ENDED, why))


def _tree_gone(event: events.TreeGone, at: Moment) -> Reading:
    if event.generation in at.life.strays:
        return Reading(Sign.STRAY_GONE, Why(Cause.STRAY))
    return _gone(event, at, Why(Cause.VANISHED))


def _gone(event: events.TreeGone | events.SpawnFailed, at: Moment, unexplained: Why) -> Reading:
    """Read that nothing of the generation runs: what follows depends on what is wanted, and on policy."""
    life = at.life
    if life.wanted is not Wanted.UP:
        why = life.why if life.asked == NEW else life.asked  # found running, and never asked for
        return _of_this(event, at, Reading(Sign.GONE_AS_ASKED, why))
    verdict = restart.judge(at.spec, life.history, life.ending or unexplained, at.now)
    return _of_this(event, at, Reading(GONE[verdict.next], verdict.why))


GONE: Mapping[Next, Sign] = {
    Next.AGAIN: Sign.GONE_AGAIN,
    Next.DONE: Sign.GONE_DONE,
    Next.BROKEN: Sign.GONE_BROKEN,
}


def _tree_stuck(event: events.TreeStuck, at: Moment) -> Reading:
    return _of_this(event, at, Reading(Sign.STUCK, Why(Cause.STUCK, event.note)))


def _over_limit(event: events.OverLimit, at: Moment) -> Reading:
    return _of_this(event, at, Reading(Sign.LIMIT, Why(Cause.LIMIT, limit=event.reason)))


def _of_this(event: events.OfTree, at: Moment, reading: Reading) -> Reading:
    """Return the reading if the event is about the present generation."""
    return reading if at.life.live and event.generation == at.life.generation else _NOTHING


def _clear(event: events.Clear, at: Moment) -> Reading:
    life = at.life
    if event.start:
        why = life.why if life.state is State.BACKOFF else life.asked
        return Reading(Sign.CLEAR_TO_START, why) if life.waiting else _NOTHING
    return Reading(Sign.CLEAR_TO_STOP, life.asked) if life.leaving else _NOTHING


def _due(event: events.Due, at: Moment) -> Reading:
    if at.life.due is None or at.now < at.life.due:
        return _NOTHING
    return Reading(Sign.DUE, Why(TIMED[at.life.state]))


# What it means that the time of a state is over; the other states have no timer.
TIMED: Mapping[State, Cause] = {
    State.RUNNING: Cause.NOT_READY,
    State.READY: Cause.STABLE,
    State.STOPPING: Cause.SLOW,
    State.BACKOFF: Cause.DELAY,
}


def _well(event: events.Well, at: Moment) -> Reading:
    return Reading(Sign.WELL, Why(Cause.WELL, event.note))


def _sick(event: events.Sick, at: Moment) -> Reading:
    restarted = at.spec.autorestart is not False and at.life.wanted is Wanted.UP
    return Reading(Sign.SICK if restarted else Sign.SICK_KEPT, Why(Cause.UNHEALTHY, event.note))


def _changed(event: events.Changed, at: Moment) -> Reading:
    if at.life.wanted is Wanted.DOWN:
        return _NOTHING
    return Reading(Sign.CHANGED, Why(Cause.FILES, event.note))


def _dependency_lost(event: events.DependencyLost, at: Moment) -> Reading:
    return Reading(Sign.DEPENDENCY_LOST, Why(Cause.DEPENDENCY, event.note))


READERS: Mapping[type[Value], Callable[[Any, Moment], Reading]] = {
    events.Ask: _ask,
    events.Spawned: _spawned,
    events.SpawnFailed: _spawn_failed,
    events.Ended: _ended,
    events.TreeGone: _tree_gone,
    events.TreeStuck: _tree_stuck,
    events.OverLimit: _over_limit,
    events.Adopted: _adopted,
    events.Clear: _clear,
    events.Due: _due,
    events.Well: _well,
    events.Sick: _sick,
    events.Changed: _changed,
    events.DependencyLost: _dependency_lost,
}
