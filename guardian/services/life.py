"""The life of a service: a table, state × sign → move. Pure.

What is *wanted* stands beside what *is*. A sign is what an event means for this service: `signs`
reads it, with what is wanted and the restart policy taken in, so that the table needs no
conditions. `walk` takes the step.

    STOPPED ──clear to start──► STARTING ──spawned──► RUNNING ──well──► READY
                                                         └─sick─► UNHEALTHY ◄─sick─┘   never to be restarted
                                    │                    │                  │
    whatever ends one of these: asked and clear to stop, its leader ended, unhealthy, over a limit,
    not ready in time, files changed, no grace
                                    │
                                    ▼
                                STOPPING ──the whole tree is gone──┬──► STOPPED   as it was asked
                                                                   ├──► BACKOFF   it has another try
                                                                   ├──► EXITED    its policy leaves it so
                                                                   └──► FATAL     it failed too often
    BACKOFF ──clear to start──► STARTING

Only two moves spawn, both from states in which nothing runs; every way there from a state in
which something does leads through a sign GONE_…, which is read only from "the whole tree is gone".
"""

from __future__ import annotations

from enum import Enum

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """What is."""

    STOPPED = "stopped"  # nothing runs; wanted up: it waits for its dependencies
    STARTING = "starting"  # its leader is being started
    RUNNING = "running"  # not ready yet
    READY = "ready"
    UNHEALTHY = "unhealthy"  # its check failed, and its policy leaves it running
    BACKOFF = "backoff"  # nothing runs; it is started again when the delay is over
    STOPPING = "stopping"  # its whole tree is being ended
    EXITED = "exited"  # nothing runs; it ended by itself, and its policy leaves it so
    FATAL = "fatal"  # nothing runs; it failed too often, and waits to be asked


LIVE = frozenset({State.STARTING, State.RUNNING, State.READY, State.UNHEALTHY, State.STOPPING})


class Wanted(Enum):
    """What is wanted."""

    UP = "up"
    DOWN = "down"
    RESTART = "restart"  # up, but not this generation


class Sign(Enum):
    """What an event means for a service in its present state."""

    NOTHING = "of another generation, or without meaning now"
    START = "asked to start"
    STOP = "asked to stop"
    KILL = "asked to end without grace"
    RESTART = "asked to restart"
    SIGNAL = "asked to signal the leader"
    CHANGED = "watched files changed, and it is wanted"
    CLEAR_TO_START = "wanted, no delay is running, and all that it depends on is ready"
    CLEAR_TO_STOP = "this generation is not wanted, and nobody who depends on it is in the way"
    DEPENDENCY_LOST = "something that it depends on is not ready any more"
    SPAWNED = "its leader runs"
    ENDED = "its leader has ended"
    GONE_AS_ASKED = "its tree is gone, as it was asked"
    GONE_AGAIN = "its tree is gone, and it is to be started again"
    GONE_DONE = "its tree is gone, and the policy leaves it so"
    GONE_BROKEN = "its tree is gone, and it failed too often"
    STUCK = "processes are left that cannot be ended"
    WELL = "it is ready, or well again"
    SICK = "it is unhealthy, and to be restarted"
    SICK_KEPT = "it is unhealthy, and left running"
    LIMIT = "its tree is over a limit"
    DUE = "the timer of this state has run out"
    ADOPTED = "its tree was found running"
    ADOPTED_WELL = "its tree was found running, and had been ready"
    ADOPTED_UNWANTED = "its tree was found running, and must not"
    STRAY = "a tree of it was found that is not the present one"
    STRAY_GONE = "such a tree is gone"


class Do(Enum):
    """What comes with a move, beside the new state. The first three start and end trees."""

    SPAWN = "start a new generation"
    END = "ask the whole tree to end"
    FORCE = "end the whole tree without (more) grace"
    END_STRAY = "end the tree that is not the present one"
    SIGNAL = "signal the leader"
    REFUSE = "say that there is nobody to signal"
    TELL = "say it"
    HURRY = "wait no longer"
    COUNT = "count a restart"
    TRIP = "open the circuit: no restarts until asked"
    SETTLE = "it is stable: delays begin anew, the circuit closes"


class Move(Value):
    """Where a sign leads from a state; `to` None: it stays there."""

    to: State | None = None
    does: tuple[Do, ...] = ()
    wants: Wanted | None = None  # None: what is wanted stays the same


def stay(*does: Do, wants: Wanted | None = None) -> Move:
    """Return a move that leaves the state as it is."""
    return Move(None, does, wants)


def to(state: State, *does: Do, wants: Wanted | None = None) -> Move:
    """Return a move to another state."""
    return Move(state, does, wants)


def nothing(*signs: Sign) -> Mapping[Sign, Move]:
    """Return the part of a row in which nothing happens."""
    return dict.fromkeys(signs, Move())


_UP, _DOWN, _AGAIN = Wanted.UP, Wanted.DOWN, Wanted.RESTART

_GONE = {
    Sign.GONE_AS_ASKED: to(State.STOPPED),
    Sign.GONE_AGAIN: to(State.BACKOFF, Do.COUNT),
    Sign.GONE_DONE: to(State.EXITED, Do.SETTLE),
    Sign.GONE_BROKEN: to(State.FATAL, Do.TRIP),
}
_FOUND = {
    Sign.ADOPTED: to(State.RUNNING),
    Sign.ADOPTED_WELL: to(State.READY),
    Sign.ADOPTED_UNWANTED: to(State.STOPPING, Do.END),
}

# Nothing runs. What tells of the last tree is read as NOTHING; what tells of an unexpected one is not.
AT_REST: Mapping[Sign, Move] = {
    Sign.START: to(State.STOPPED, wants=_UP),
    Sign.RESTART: to(State.STOPPED, wants=_UP),
    Sign.CHANGED: to(State.STOPPED, wants=_UP),
    Sign.STOP: to(State.STOPPED, wants=_DOWN),
    Sign.KILL: to(State.STOPPED, wants=_DOWN),
    Sign.SIGNAL: stay(Do.REFUSE),
    Sign.STRAY: stay(Do.END_STRAY, Do.TELL),
    **_FOUND,
    **nothing(Sign.CLEAR_TO_START, Sign.CLEAR_TO_STOP, Sign.DEPENDENCY_LOST, Sign.DUE, Sign.NOTHING),
    **nothing(
        Sign.STRAY_GONE,
        Sign.SPAWNED,
        Sign.ENDED,
        Sign.STUCK,
        Sign.WELL,
        Sign.SICK,
        Sign.SICK_KEPT,
        Sign.LIMIT,
    ),
    **nothing(*_GONE),
}

# Something runs, and nothing has ended it yet.
IN_FORCE: Mapping[Sign, Move] = {
    Sign.START: stay(wants=_UP),
    Sign.RESTART: stay(wants=_AGAIN),
    Sign.STOP: stay(wants=_DOWN),
    Sign.KILL: to(State.STOPPING, Do.FORCE, wants=_DOWN),
    Sign.SIGNAL: stay(Do.SIGNAL, Do.TELL),
    Sign.CLEAR_TO_STOP: to(State.STOPPING, Do.END),
    Sign.CHANGED: to(State.STOPPING, Do.END, wants=_AGAIN),
    Sign.ENDED: to(State.STOPPING, Do.END),  # its leader only: the rest of the tree is ended too
    Sign.SICK: to(State.STOPPING, Do.END),
    Sign.LIMIT: to(State.STOPPING, Do.END),
    Sign.DEPENDENCY_LOST: stay(Do.TELL),
    Sign.STRAY: stay(Do.END_STRAY, Do.TELL),
    **_GONE,
    **nothing(Sign.CLEAR_TO_START, Sign.SPAWNED, Sign.STUCK, Sign.WELL, Sign.SICK_KEPT, Sign.DUE),
    **nothing(Sign.NOTHING, Sign.STRAY_GONE, *_FOUND),
}

TABLE: Mapping[State, Mapping[Sign, Move]] = {
    State.STOPPED: {
        **AT_REST,
        Sign.CLEAR_TO_START: to(State.STARTING, Do.SPAWN, wants=_UP),
    },
    State.BACKOFF: {
        **AT_REST,
        Sign.CLEAR_TO_START: to(State.STARTING, Do.SPAWN, wants=_UP),
        Sign.START: stay(Do.HURRY, wants=_UP),
        Sign.RESTART: stay(Do.HURRY, wants=_UP),
        Sign.CHANGED: stay(Do.HURRY, wants=_UP),
    },
    State.EXITED: {**AT_REST},
    State.FATAL: {**AT_REST},
    State.STARTING: {
        **IN_FORCE,
        Sign.SPAWNED: to(State.RUNNING),
        Sign.SIGNAL: stay(Do.REFUSE),
    },
    State.RUNNING: {
        **IN_FORCE,
        Sign.WELL: to(State.READY),
        Sign.SICK_KEPT: to(State.UNHEALTHY),
        Sign.DUE: to(State.STOPPING, Do.END),  # not ready in time is not ready
    },
    State.READY: {
        **IN_FORCE,
        Sign.SICK_KEPT: to(State.UNHEALTHY),
        Sign.DUE: stay(Do.SETTLE, Do.TELL),
    },
    State.UNHEALTHY: {
        **IN_FORCE,
        Sign.WELL: to(State.READY),
    },
    State.STOPPING: {
        Sign.START: stay(wants=_AGAIN),
        Sign.RESTART: stay(wants=_AGAIN),
        Sign.CHANGED: stay(wants=_AGAIN),
        Sign.STOP: stay(wants=_DOWN),
        Sign.KILL: stay(Do.FORCE, wants=_DOWN),
        Sign.SIGNAL: stay(Do.SIGNAL, Do.TELL),
        Sign.SPAWNED: stay(Do.END),  # it had no tree when it was asked to end
        Sign.STUCK: stay(Do.TELL),
        Sign.DUE: stay(Do.FORCE, Do.TELL),
        Sign.STRAY: stay(Do.END_STRAY, Do.TELL),
        **_GONE,
        **nothing(Sign.CLEAR_TO_START, Sign.CLEAR_TO_STOP, Sign.DEPENDENCY_LOST, Sign.STRAY_GONE),
        **nothing(Sign.NOTHING, Sign.ENDED, Sign.WELL, Sign.SICK, Sign.SICK_KEPT, Sign.LIMIT, *_FOUND),
    },
}
