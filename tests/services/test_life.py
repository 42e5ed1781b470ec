"""The table of a life, and the steps that need words."""

from __future__ import annotations

import pytest
from service_world import service

from guardian.actions import Kind, Reason
from guardian.procs.model import ProcId
from guardian.services import events
from guardian.services.effects import AskEnd, Emit, Signal, Spawn, Topic
from guardian.services.events import Ask, Wish
from guardian.services.life import Sign, State, Wanted
from guardian.services.living import Life
from guardian.services.signs import read
from guardian.services.spec import ServiceSpec
from guardian.services.walk import Turn, step
from guardian.services.why import Cause, Why

WEB = service()
WHO = ProcId(42, 7)
UP = Ask(Wish.START, ("web",), "ps start web")
STOP = Ask(Wish.STOP, ("web",), "ps stop web")
AGAIN = Ask(Wish.RESTART, ("web",), "ps restart web")
KILL = Ask(Wish.KILL, ("web",))
CLEAR = events.Clear(start=True)
MAY_STOP = events.Clear(start=False)
SPAWNED = events.Spawned("web", 1, WHO)
GONE_1 = events.TreeGone("web", 1)
ENDED = events.Ended("web", 1, 1)
WELL, SICK = events.Well("200 OK"), events.Sick("503")
LIMIT = events.OverLimit("web", 1, Reason("web", Kind.MEMORY, 600 << 20, 512 << 20))


def walked(*happened: object, spec: ServiceSpec = WEB, now: float = 1000.0) -> Turn:
    """Return the last turn of a life that is told these events; a number lets so many seconds pass."""
    turn = Turn(Life("web"), ())
    for event in happened:
        if isinstance(event, float):
            now += event
        else:
            turn = step(turn.life, spec, event, now)  # type: ignore[arg-type]
    return turn


# what is told, in order → the state at the end, and what was wanted then
COURSES: dict[str, tuple[tuple[object, ...], State, Wanted]] = {
    "asked to start it waits until it is clear": ((UP,), State.STOPPED, Wanted.UP),
    "clear to start": ((UP, CLEAR), State.STARTING, Wanted.UP),
    "clear, but not wanted": ((CLEAR,), State.STOPPED, Wanted.DOWN),
    "running is not ready": ((UP, CLEAR, SPAWNED), State.RUNNING, Wanted.UP),
    "ready": ((UP, CLEAR, SPAWNED, WELL), State.READY, Wanted.UP),
    "unhealthy is ended to be restarted": ((UP, CLEAR, SPAWNED, WELL, SICK), State.STOPPING, Wanted.UP),
    "over a limit": ((UP, CLEAR, SPAWNED, LIMIT), State.STOPPING, Wanted.UP),
    "the leader has ended": ((UP, CLEAR, SPAWNED, WELL, ENDED), State.STOPPING, Wanted.UP),
    "and then its tree": ((UP, CLEAR, SPAWNED, WELL, ENDED, GONE_1), State.BACKOFF, Wanted.UP),
    "a tree that is gone unseen": ((UP, CLEAR, SPAWNED, GONE_1), State.BACKOFF, Wanted.UP),
    "and started again": ((UP, CLEAR, SPAWNED, GONE_1, events.Due(), CLEAR), State.STARTING, Wanted.UP),
    "asked to stop it waits until it is clear": ((UP, CLEAR, SPAWNED, STOP), State.RUNNING, Wanted.DOWN),
    "stopping": ((UP, CLEAR, SPAWNED, STOP, MAY_STOP), State.STOPPING, Wanted.DOWN),
    "stopped": ((UP, CLEAR, SPAWNED, STOP, MAY_STOP, GONE_1), State.STOPPED, Wanted.DOWN),
    "stop while it is being started": ((UP, CLEAR, STOP, MAY_STOP), State.STOPPING, Wanted.DOWN),
    "a start that fails after that": (
        (UP, CLEAR, STOP, MAY_STOP, events.SpawnFailed("web", 1, "no memory")),
        State.STOPPED,
        Wanted.DOWN,
    ),
    "asked to start while stopping": (
        (UP, CLEAR, SPAWNED, STOP, MAY_STOP, UP),
        State.STOPPING,
        Wanted.RESTART,
    ),
    "start takes a stop back that waits": ((UP, CLEAR, SPAWNED, STOP, UP), State.RUNNING, Wanted.UP),
    "start does not take a restart back": ((UP, CLEAR, SPAWNED, AGAIN, UP), State.RUNNING, Wanted.RESTART),
    "restart": ((UP, CLEAR, SPAWNED, AGAIN, MAY_STOP, GONE_1), State.STOPPED, Wanted.RESTART),
    "restarted": ((UP, CLEAR, SPAWNED, AGAIN, MAY_STOP, GONE_1, CLEAR), State.STARTING, Wanted.UP),
    "files changed": ((UP, CLEAR, SPAWNED, events.Changed("a.ts")), State.STOPPING, Wanted.RESTART),
    "files changed of what is not wanted": (
        (UP, CLEAR, SPAWNED, STOP, events.Changed("a.ts")),
        State.RUNNING,
        Wanted.DOWN,
    ),
    "no such command": (
        (UP, CLEAR, events.SpawnFailed("web", 1, "No such file", final=True)),
        State.FATAL,
        Wanted.UP,
    ),
    "a start that may succeed later": (
        (UP, CLEAR, events.SpawnFailed("web", 1, "no memory")),
        State.BACKOFF,
        Wanted.UP,
    ),
    "found running": ((UP, events.Adopted("web", 4, WHO)), State.RUNNING, Wanted.UP),
    "found running and ready": ((UP, events.Adopted("web", 4, WHO, well=True)), State.READY, Wanted.UP),
    "found running and not wanted": ((events.Adopted("web", 4, WHO),), State.STOPPING, Wanted.DOWN),
    "what tells of another generation": (
        (UP, CLEAR, SPAWNED, events.TreeGone("web", 7), events.Ended("web", 0, 1)),
        State.RUNNING,
        Wanted.UP,
    ),
}


@pytest.mark.parametrize(("happened", "state", "wanted"), COURSES.values(), ids=COURSES)
def test_courses(happened: tuple[object, ...], state: State, wanted: Wanted) -> None:
    """Each course of events leads to the state that the table says, and what is wanted stands beside it."""
    life = walked(*happened).life
    assert (life.state, life.wanted) == (state, wanted)


def test_a_fatal_service_says_why() -> None:
    """The reason of FATAL names the last failure, or why there is no such command (P8)."""
    turn = walked(UP, CLEAR, events.SpawnFailed("web", 1, "/bin/srv: No such file", final=True))
    assert str(turn.life.why) == "cannot be executed: /bin/srv: No such file"
    few = service(max_restarts=1, restart_window=60.0)
    again = (events.Due(), CLEAR, events.Spawned("web", 2, WHO), events.Ended("web", 2, None, "SEGV"))
    turn = walked(UP, CLEAR, SPAWNED, ENDED, GONE_1, *again, events.TreeGone("web", 2), spec=few)
    assert turn.life.state is State.FATAL
    assert str(turn.life.why) == (
        "restarted too often: 1 times within 1m, which is max_restarts; the last time ended by SEGV"
    )


def test_the_trial_of_a_fatal_service() -> None:
    """A FATAL service that is asked to start has one trial: FATAL again, or stable and forgiven."""
    few = service(max_restarts=1, stable_after=30.0)
    crashes = [UP, CLEAR]
    for generation in (1, 2):
        crashes += [
            events.Ended("web", generation, 1),
            events.TreeGone("web", generation),
            events.Due(),
            CLEAR,
        ]
    fatal = walked(*crashes, spec=few)
    assert fatal.life.state is State.FATAL
    trial = [UP, CLEAR, events.Spawned("web", 3, WHO), WELL]
    failed = walked(*crashes, *trial, events.Ended("web", 3, 1), events.TreeGone("web", 3), spec=few)
    assert failed.life.state is State.FATAL
    assert str(failed.life.why) == "failed again on its trial start: exited with code 1"
    stable = [*trial, 30.0, events.Due(), events.Ended("web", 3, 1), events.TreeGone("web", 3)]
    assert walked(*crashes, *stable, spec=few).life.state is State.BACKOFF


@pytest.mark.parametrize(
    ("policy", "code", "state"),
    [
        (True, 0, State.BACKOFF),
        (True, 1, State.BACKOFF),
        ("on-failure", 0, State.EXITED),
        ("on-failure", 1, State.BACKOFF),
        ("on-failure", None, State.BACKOFF),
        (False, 0, State.EXITED),
        (False, 1, State.EXITED),
    ],
)
def test_the_policy_decides_what_follows_an_end(policy: object, code: int | None, state: State) -> None:
    """Always restarts however it ended, on-failure unless it ended well, false never."""
    happened = (UP, CLEAR, SPAWNED, events.Ended("web", 1, code, "KILL" if code is None else ""), GONE_1)
    assert walked(*happened, spec=service(autorestart=policy)).life.state is state


@pytest.mark.parametrize("event", [SICK, LIMIT])
def test_without_restarts_unhealthy_is_told_and_a_limit_still_holds(event: object) -> None:
    """A service that is never to be restarted is left UNHEALTHY, but not over its limits (P4)."""
    once = service(autorestart=False)
    life = walked(UP, CLEAR, SPAWNED, WELL, event, spec=once).life
    assert life.state is (State.UNHEALTHY if event is SICK else State.STOPPING)
    if event is SICK:
        assert walked(UP, CLEAR, SPAWNED, WELL, SICK, WELL, spec=once).life.state is State.READY


def test_not_ready_in_time_is_not_ready() -> None:
    """When ready_timeout is over the tree is ended, and it counts as a failure (P1)."""
    slow = service(ready_timeout=5.0, autorestart="on-failure")
    assert walked(UP, CLEAR, SPAWNED, 4.9, events.Due(), spec=slow).life.state is State.RUNNING
    turn = walked(UP, CLEAR, SPAWNED, 5.0, events.Due(), spec=slow)
    assert turn.life.state is State.STOPPING
    assert [str(effect.why) for effect in turn.effects if isinstance(effect, AskEnd)] == ["not ready in time"]
    gone = step(turn.life, slow, events.Ended("web", 1, 0), 1006.0).life
    assert step(gone, slow, GONE_1, 1006.0).life.state is State.BACKOFF


def test_the_end_is_polite_first() -> None:
    """The whole tree is asked with its signal and its grace; the force comes when that is over (P3)."""
    spec = service(stop_signal="INT", stop_timeout=7.0)
    turn = walked(UP, CLEAR, SPAWNED, STOP, MAY_STOP, spec=spec)
    assert AskEnd("web", 1, Why(Cause.ASKED, "ps stop web"), "INT", 7.0) in turn.effects
    assert step(turn.life, spec, events.Due(), 1006.9).effects == ()
    forced = step(turn.life, spec, events.Due(), 1007.0)
    assert [effect.force for effect in forced.effects if isinstance(effect, AskEnd)] == [True]
    assert [effect.topic for effect in forced.effects if isinstance(effect, Emit)] == [Topic.FORCED]
    assert forced.life.due is None


def test_the_leaders_end_leaves_nobody() -> None:
    """When the leader has ended by itself, the rest of its tree is ended before anything is started (P1)."""
    turn = walked(UP, CLEAR, SPAWNED, WELL, events.Ended("web", 1, 0))
    assert [type(effect) for effect in turn.effects] == [Emit, AskEnd]
    assert walked(UP, CLEAR, SPAWNED, WELL, ENDED, events.Due(), CLEAR).effects == ()


def test_kill_does_not_wait() -> None:
    """Asked to end without grace, a tree is forced at once, whatever it was in (P3)."""
    for happened in ([UP, CLEAR, SPAWNED], [UP, CLEAR, SPAWNED, STOP, MAY_STOP], [UP, CLEAR]):
        turn = walked(*happened, KILL)
        assert [(each.grace, each.force) for each in turn.effects if isinstance(each, AskEnd)] == [
            (0.0, True)
        ]
        assert turn.life.wanted is Wanted.DOWN
        assert turn.life.due is None


def test_the_first_cause_of_an_end_is_the_one_that_counts() -> None:
    """A service that was unhealthy and had to be forced has failed, whatever its leader's code was (P8)."""
    spec = service(autorestart="on-failure")
    slow = (UP, CLEAR, SPAWNED, WELL, SICK, 10.0, events.Due(), events.Ended("web", 1, 0))
    life = walked(*slow, GONE_1, spec=spec).life
    assert life.state is State.BACKOFF
    assert str(life.why) == "unhealthy: 503"
    assert life.exit is not None
    assert life.exit.code == 0


def test_a_tree_that_came_after_its_end_was_asked_is_ended() -> None:
    """Stopped while it was being started: the tree that then exists is asked to end (P1)."""
    turn = walked(UP, CLEAR, STOP, MAY_STOP, SPAWNED)
    assert [type(effect) for effect in turn.effects] == [AskEnd]
    late = walked(UP, CLEAR, STOP, MAY_STOP, GONE_1, SPAWNED)
    assert [type(effect) for effect in late.effects] == [Emit, AskEnd]
    assert late.life.state is State.STOPPING


@pytest.mark.parametrize(
    "happened",
    [
        (UP, CLEAR, SPAWNED, events.Adopted("web", 9, WHO)),
        (UP, CLEAR, SPAWNED, events.Spawned("web", 9, WHO)),
        (UP, CLEAR, SPAWNED, GONE_1, events.Due(), CLEAR, SPAWNED),
        (UP, CLEAR, SPAWNED, GONE_1, events.Adopted("web", 0, WHO)),
        (UP, CLEAR, SPAWNED, events.Adopted("web", 2, WHO), GONE_1, events.Adopted("web", 2, WHO)),
    ],
)
def test_a_second_tree_is_ended(happened: tuple[object, ...]) -> None:
    """A tree beside the present one, or one older than it, is ended and not adopted (P6)."""
    turn = walked(*happened)
    assert [effect.name for effect in turn.effects if isinstance(effect, AskEnd)] == ["web"]
    assert turn.life.generation != happened[-1].generation  # type: ignore[attr-defined]


def test_what_the_daemon_remembers_it_finds_again() -> None:
    """Found as it was remembered it goes on; while it was stopping its end is asked again (P6)."""
    found = events.Adopted("web", 1, WHO, well=True)
    ready = walked(UP, CLEAR, SPAWNED, WELL, found)
    assert ready.life.state is State.READY
    assert ready.effects == ()
    assert walked(UP, CLEAR, found).life.state is State.RUNNING
    stopping = walked(UP, CLEAR, SPAWNED, STOP, MAY_STOP, found)
    assert [type(effect) for effect in stopping.effects] == [AskEnd]


def test_signals() -> None:
    """A signal goes to the leader of what runs, and is refused where nothing does (P10)."""
    hup = Ask(Wish.SIGNAL, ("web",), "ps signal HUP web", "HUP")
    sent = walked(UP, CLEAR, SPAWNED, hup)
    assert Signal("web", 1, "HUP") in sent.effects
    for happened in ([], [UP, CLEAR]):
        refused = walked(*happened, hup)
        assert [effect.topic for effect in refused.effects if isinstance(effect, Emit)] == [Topic.REFUSED]
        assert not [effect for effect in refused.effects if isinstance(effect, Signal)]


def test_every_change_of_state_is_told_with_its_reason() -> None:
    """The journal hears of each transition, from where to where and why (P8)."""
    turn = walked(UP, CLEAR, SPAWNED, WELL, ENDED)
    (emit,) = [effect for effect in turn.effects if isinstance(effect, Emit)]
    assert (emit.before, emit.after, str(emit.why)) == (State.READY, State.STOPPING, "exited with code 1")
    assert str(walked(UP, CLEAR, SPAWNED, LIMIT).life.why) == "memory 600 MB, max_memory is 512MB"


def test_nobody_left_is_kept_from_view() -> None:
    """Processes that cannot be ended are told of, and the service stays STOPPING until they are gone (P1)."""
    turn = walked(UP, CLEAR, SPAWNED, STOP, MAY_STOP, events.TreeStuck("web", 1, "42 in state D"))
    assert [str(effect.why) for effect in turn.effects if isinstance(effect, Emit)] == [
        "processes are left that cannot be ended: 42 in state D"
    ]
    assert turn.life.state is State.STOPPING
    assert step(turn.life, WEB, GONE_1, 1001.0).life.state is State.STOPPED


def test_a_restart_by_hand_or_by_a_file_is_not_counted() -> None:
    """Only restarts that nobody asked for count towards max_restarts."""
    for event in (AGAIN, events.Changed("a.ts")):
        life = walked(UP, CLEAR, SPAWNED, event, MAY_STOP, GONE_1, CLEAR).life
        assert life.generation == 2
        assert life.history.total == 0


@pytest.mark.parametrize("event", [UP, AGAIN, events.Changed("a.ts")])
def test_asked_in_its_delay_it_starts_at_once(event: object) -> None:
    """Somebody who asks, or saves a file, does not wait for the delay of a restart."""
    slow = service(restart_delay=60.0)
    waiting = (UP, CLEAR, SPAWNED, ENDED, GONE_1)
    assert walked(*waiting, CLEAR, spec=slow).life.state is State.BACKOFF
    turn = walked(*waiting, event, CLEAR, spec=slow)
    assert [type(effect) for effect in turn.effects] == [Emit, Spawn]


def test_the_repr_is_a_status_line() -> None:
    """A life shows itself the way a log has it."""
    life = walked(UP, CLEAR, SPAWNED, WELL).life
    assert repr(life) == "<web READY generation 1 42@7, wanted UP: 200 OK>"
    assert read(life, WEB, WELL, 1.0).sign is Sign.WELL
