"""One step in the life of a service: (life, spec, event, now) → (life, effects). Pure.

The table of `life` says where a sign leads; here stands what entering a state, and what comes
with a move, does to the memory, and which effects it has.
"""

from __future__ import annotations

from guardian.services import effects, events, restart
from guardian.services.effects import AskEnd, Emit, Topic
from guardian.services.life import TABLE, Do, Sign, State
from guardian.services.living import Exit
from guardian.services.signs import read
from guardian.services.why import Cause
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from guardian.services.effects import Effect
    from guardian.services.events import LifeEvent
    from guardian.services.life import Move
    from guardian.services.living import Life
    from guardian.services.signs import Reading
    from guardian.services.spec import ServiceSpec
    from guardian.services.why import Why


class Turn(Value):
    """What one step returns."""

    life: Life
    effects: tuple[Effect, ...]


class Step(Value):
    """What a step is about, for the functions that take parts of it."""

    spec: ServiceSpec
    event: LifeEvent
    why: Why
    now: float
    chance: float  # 0 to 1, for the jitter of delays


def step(life: Life, spec: ServiceSpec, event: LifeEvent, now: float, *, chance: float = 0.0) -> Turn:
    """Return the life after `event`, and what is to be done, in this order."""
    reading = read(life, spec, event, now)
    move = TABLE[life.state][reading.sign]
    taken = Step(spec, event, reading.why, now, chance)
    after = _remembering(life, reading, taken)
    if move.wants is not None:
        after = after.replace(wanted=move.wants, asked=reading.why if _says_why(reading) else after.asked)
    for do in move.does:
        after = CHANGES.get(do, _same)(after, taken)
    if move.to is not None and move.to is not life.state:
        after = _entered(after, move.to, taken)
    return Turn(after, _effects(life, after, move, taken))


def _says_why(reading: Reading) -> bool:
    """Whether the reason of this reading is one for wanting something."""
    return reading.sign is not Sign.CLEAR_TO_START


def _remembering(life: Life, reading: Reading, taken: Step) -> Life:
    """Return the life with what the event tells, whatever becomes of it."""
    if reading.sign is Sign.NOTHING:
        return life
    if reading.sign is Sign.STRAY:
        return _with_stray(life, taken)
    if reading.sign is Sign.DUE:
        return life.replace(due=None)
    note = NOTES.get(type(taken.event))
    return note(life, taken.event, taken) if note else life


def _with_stray(life: Life, taken: Step) -> Life:
    """Return the life with one more tree that has to be gone before it is started again."""
    stray = generation_of(taken.event)
    return life.replace(
        strays=tuple(dict.fromkeys((*life.strays, stray))),
        newest=max(life.newest, stray),
    )


def generation_of(event: LifeEvent) -> int:
    """Return the generation of which an event tells that a tree runs."""
    assert isinstance(event, events.Adopted | events.Spawned)
    return event.generation


def _tree_gone(life: Life, event: events.TreeGone, taken: Step) -> Life:
    return life.replace(strays=tuple(each for each in life.strays if each != event.generation))


def _spawned(life: Life, event: events.Spawned, taken: Step) -> Life:
    return life.replace(who=event.who)


def _adopted(life: Life, event: events.Adopted, taken: Step) -> Life:
    if life.live:
        return life.replace(who=event.who)
    return life.replace(
        who=event.who,
        generation=event.generation,
        newest=max(life.newest, event.generation),
        spec=life.spec or taken.spec,
        started=taken.now,
        ready_at=None,
        ending=None,
        forced=False,
    )


def _ended(life: Life, event: events.Ended, taken: Step) -> Life:
    return life.replace(exit=Exit(taken.now, event.code, event.signal))


NOTES: Mapping[type[Value], Callable[[Life, Any, Step], Life]] = {
    events.Spawned: _spawned,
    events.Adopted: _adopted,
    events.Ended: _ended,
    events.TreeGone: _tree_gone,
}


def _same(life: Life, taken: Step) -> Life:
    return life


def _fresh(life: Life, taken: Step) -> Life:
    """Return the life with a new generation."""
    generation = max(life.generation, life.newest) + 1
    return life.replace(
        generation=generation,
        newest=generation,
        spec=taken.spec,
        who=None,
        started=taken.now,
        ready_at=None,
        ending=None,
        forced=False,
        history=restart.tried(life.history),
    )


def _ending(life: Life, taken: Step) -> Life:
    """Return the life with the cause of its end; the first one counts."""
    return life if life.ending is not None else life.replace(ending=taken.why)


def _forced(life: Life, taken: Step) -> Life:
    return _ending(life, taken).replace(forced=True, due=None)


def _hurried(life: Life, taken: Step) -> Life:
    return life.replace(due=None)


def _counted(life: Life, taken: Step) -> Life:
    return life.replace(history=restart.counted(taken.spec, life.history, taken.now))


def _tripped(life: Life, taken: Step) -> Life:
    return life.replace(history=restart.tripped(life.history))


def _settled(life: Life, taken: Step) -> Life:
    return life.replace(history=restart.settled(life.history))


CHANGES: Mapping[Do, Callable[[Life, Step], Life]] = {
    Do.SPAWN: _fresh,
    Do.END: _ending,
    Do.FORCE: _forced,
    Do.HURRY: _hurried,
    Do.COUNT: _counted,
    Do.TRIP: _tripped,
    Do.SETTLE: _settled,
}


def _entered(life: Life, state: State, taken: Step) -> Life:
    """Return the life at the beginning of a state, its timer armed."""
    timer = TIMERS.get(state)
    seconds = timer(life, taken) if timer else None
    ready_at = taken.now if state is State.READY and life.ready_at is None else life.ready_at
    return life.replace(
        state=state,
        since=taken.now,
        why=taken.why,
        due=None if seconds is None else taken.now + seconds,
        ready_at=ready_at,
    )


# How long each state may last; the others have no timer. None: as long as it takes.
TIMERS: Mapping[State, Callable[[Life, Step], float | None]] = {
    State.RUNNING: lambda life, taken: taken.spec.ready_timeout or None,
    State.READY: lambda life, taken: taken.spec.stable_after,
    State.BACKOFF: lambda life, taken: restart.delay(taken.spec, life.history.attempt, taken.chance),
    State.STOPPING: lambda life, taken: None if life.forced else taken.spec.stop_timeout,
}


def _effects(before: Life, after: Life, move: Move, taken: Step) -> tuple[Effect, ...]:
    told = [_emit(before, after, Topic.STATE, taken)] if after.state is not before.state else []
    made = [MADE[do](before, after, taken) for do in move.does if do in MADE]
    return (*told, *made)


def _emit(before: Life, after: Life, topic: Topic, taken: Step) -> Emit:
    return Emit(
        after.name,
        topic,
        taken.why,
        before.state,
        after.state,
        wanted=after.wanted,
        generation=after.generation,
        at=taken.now,
    )


def _end(before: Life, after: Life, taken: Step) -> Effect:
    why = after.ending or taken.why
    spec = taken.spec
    grace = 0.0 if after.forced else spec.stop_timeout
    return AskEnd(after.name, after.generation, why, spec.stop_signal, grace, after.forced)


def _end_stray(before: Life, after: Life, taken: Step) -> Effect:
    spec, stray = taken.spec, generation_of(taken.event)
    return AskEnd(after.name, stray, taken.why, spec.stop_signal, spec.stop_timeout)


def _signal(before: Life, after: Life, taken: Step) -> Effect:
    event = taken.event
    assert isinstance(event, events.Ask)
    return effects.Signal(after.name, after.generation, event.signal)


def _spawn(before: Life, after: Life, taken: Step) -> Effect:
    return effects.Spawn(after.name, after.generation, taken.spec)


def _refused(before: Life, after: Life, taken: Step) -> Effect:
    return _emit(before, after, Topic.REFUSED, taken)


def _told(before: Life, after: Life, taken: Step) -> Effect:
    return _emit(before, after, TOPICS[taken.why.cause], taken)


TOPICS: Mapping[Cause, Topic] = {
    Cause.DEPENDENCY: Topic.DEPENDENCY,
    Cause.STUCK: Topic.STUCK,
    Cause.STABLE: Topic.STABLE,
    Cause.SLOW: Topic.FORCED,
    Cause.STRAY: Topic.STRAY,
    Cause.ASKED: Topic.SIGNALLED,
}

MADE: Mapping[Do, Callable[[Life, Life, Step], Effect]] = {
    Do.SPAWN: _spawn,
    Do.END: _end,
    Do.FORCE: _end,
    Do.END_STRAY: _end_stray,
    Do.SIGNAL: _signal,
    Do.REFUSE: _refused,
    Do.TELL: _told,
}
