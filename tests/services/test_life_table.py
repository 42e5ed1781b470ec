"""The table of a life, looked at as a whole."""

from __future__ import annotations

from guardian.services import events, walk
from guardian.services.events import Wish
from guardian.services.life import LIVE, TABLE, Do, Move, Sign, State, Wanted
from guardian.services.signs import GONE, READERS, TIMED, WISHES
from guardian.services.walk import TIMERS

# The whole table once more, the other way round: a row a sign. Where it leads; what is wanted then
# (^ up, v down, r restart); what comes with it (+). A dot: nothing happens.
AT_REST = """
                    STOPPED          BACKOFF          EXITED           FATAL
NOTHING             .                .                .                .
START               STOPPED^         ^+HURRY          STOPPED^         STOPPED^
STOP                STOPPEDv         STOPPEDv         STOPPEDv         STOPPEDv
KILL                STOPPEDv         STOPPEDv         STOPPEDv         STOPPEDv
RESTART             STOPPED^         ^+HURRY          STOPPED^         STOPPED^
SIGNAL              +REFUSE          +REFUSE          +REFUSE          +REFUSE
CHANGED             STOPPED^         ^+HURRY          STOPPED^         STOPPED^
CLEAR_TO_START      STARTING^+SPAWN  STARTING^+SPAWN  .                .
CLEAR_TO_STOP       .                .                .                .
DEPENDENCY_LOST     .                .                .                .
SPAWNED             .                .                .                .
ENDED               .                .                .                .
GONE_AS_ASKED       .                .                .                .
GONE_AGAIN          .                .                .                .
GONE_DONE           .                .                .                .
GONE_BROKEN         .                .                .                .
STUCK               .                .                .                .
WELL                .                .                .                .
SICK                .                .                .                .
SICK_KEPT           .                .                .                .
LIMIT               .                .                .                .
DUE                 .                .                .                .
ADOPTED             RUNNING          RUNNING          RUNNING          RUNNING
ADOPTED_WELL        READY            READY            READY            READY
ADOPTED_UNWANTED    STOPPING+END     STOPPING+END     STOPPING+END     STOPPING+END
STRAY               +END_STRAY+TELL  +END_STRAY+TELL  +END_STRAY+TELL  +END_STRAY+TELL
STRAY_GONE          .                .                .                .
"""
RUNS = """
                    STARTING         RUNNING          READY            UNHEALTHY        STOPPING
NOTHING             .                .                .                .                .
START               ^                ^                ^                ^                r
STOP                v                v                v                v                v
KILL                STOPPINGv+FORCE  STOPPINGv+FORCE  STOPPINGv+FORCE  STOPPINGv+FORCE  v+FORCE
RESTART             r                r                r                r                r
SIGNAL              +REFUSE          +SIGNAL+TELL     +SIGNAL+TELL     +SIGNAL+TELL     +SIGNAL+TELL
CHANGED             STOPPINGr+END    STOPPINGr+END    STOPPINGr+END    STOPPINGr+END    r
CLEAR_TO_START      .                .                .                .                .
CLEAR_TO_STOP       STOPPING+END     STOPPING+END     STOPPING+END     STOPPING+END     .
DEPENDENCY_LOST     +TELL            +TELL            +TELL            +TELL            .
SPAWNED             RUNNING          .                .                .                +END
ENDED               STOPPING+END     STOPPING+END     STOPPING+END     STOPPING+END     .
GONE_AS_ASKED       STOPPED          STOPPED          STOPPED          STOPPED          STOPPED
GONE_AGAIN          BACKOFF+COUNT    BACKOFF+COUNT    BACKOFF+COUNT    BACKOFF+COUNT    BACKOFF+COUNT
GONE_DONE           EXITED+SETTLE    EXITED+SETTLE    EXITED+SETTLE    EXITED+SETTLE    EXITED+SETTLE
GONE_BROKEN         FATAL+TRIP       FATAL+TRIP       FATAL+TRIP       FATAL+TRIP       FATAL+TRIP
STUCK               .                .                .                .                +TELL
WELL                .                READY            .                READY            .
SICK                STOPPING+END     STOPPING+END     STOPPING+END     STOPPING+END     .
SICK_KEPT           .                UNHEALTHY        UNHEALTHY        .                .
LIMIT               STOPPING+END     STOPPING+END     STOPPING+END     STOPPING+END     .
DUE                 .                STOPPING+END     +SETTLE+TELL     .                +FORCE+TELL
ADOPTED             .                .                .                .                .
ADOPTED_WELL        .                .                .                .                .
ADOPTED_UNWANTED    .                .                .                .                .
STRAY               +END_STRAY+TELL  +END_STRAY+TELL  +END_STRAY+TELL  +END_STRAY+TELL  +END_STRAY+TELL
STRAY_GONE          .                .                .                .                .
"""
WANTS = {"^": Wanted.UP, "v": Wanted.DOWN, "r": Wanted.RESTART}


def cells(grid: str) -> dict[tuple[State, Sign], Move]:
    """Read a grid."""
    head, *lines = [line.split() for line in grid.strip().splitlines()]
    return {
        (State[state], Sign[sign]): move(cell)
        for sign, *row in lines
        for state, cell in zip(head, row, strict=True)
    }


def move(cell: str) -> Move:
    """Read a cell of a grid."""
    where, *does = cell.strip(".").split("+")
    wants = WANTS.get(where[-1:])
    name = where.rstrip("^vr")
    return Move(State[name] if name else None, tuple(Do[each] for each in does), wants)


def test_the_table_says_what_it_is_meant_to() -> None:
    """Each of the cells is what it is meant to be, written down a second time from the signs' side."""
    meant = cells(AT_REST) | cells(RUNS)
    assert meant == {(state, sign): each for state, row in TABLE.items() for sign, each in row.items()}


def test_the_table_is_total() -> None:
    """Every state knows what follows from every sign."""
    assert {(state, sign) for state, row in TABLE.items() for sign in row} == {
        (state, sign) for state in State for sign in Sign
    }


def test_only_moves_from_rest_spawn() -> None:
    """A new generation starts only from states in which nothing runs, on one sign (P1)."""
    spawning = {(s, sign) for s, row in TABLE.items() for sign, move in row.items() if Do.SPAWN in move.does}
    assert spawning == {(State.STOPPED, Sign.CLEAR_TO_START), (State.BACKOFF, Sign.CLEAR_TO_START)}
    assert not {state for state, _ in spawning} & LIVE


def test_only_a_tree_that_is_gone_leads_to_rest() -> None:
    """From a state in which something runs, only the end of the whole tree leads to rest (P1)."""
    for state in LIVE:
        for sign, move in TABLE[state].items():
            if move.to is not None and move.to not in LIVE:
                assert sign in GONE.values() or sign is Sign.GONE_AS_ASKED


def test_what_ends_a_tree_says_so() -> None:
    """No way leads into STOPPING without ending the tree (P3)."""
    for row in TABLE.values():
        for move in row.values():
            if move.to is State.STOPPING:
                assert {Do.END, Do.FORCE} & set(move.does)


def test_every_event_and_every_wish_is_read() -> None:
    """Each event of a life has a reader, each wish a sign, each timer a cause for its ringing."""
    told = {
        each
        for each in vars(events).values()
        if isinstance(each, type) and each.__module__ == events.__name__
    }
    of_the_mind = {events.Wish, events.Probed, events.Heard, events.FilesChanged}
    assert set(READERS) == told - of_the_mind
    assert set(WISHES) == set(Wish)
    assert set(TIMED) == set(TIMERS)


def test_what_comes_with_a_move_is_done_or_remembered() -> None:
    """Nothing that the table says is without a meaning."""
    assert set(Do) == set(walk.CHANGES) | set(walk.MADE)
