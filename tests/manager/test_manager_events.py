"""Which events the records of the daemon stand for, and who hears them in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from guardian import ProcessEvent, UsageError
from guardian.manager.events import NAMES, WAITING, Handlers, events_of


def record(before: str, after: str, cause: str = "asked", **more: object) -> dict[str, Any]:
    """Return what the daemon tells of a change of state."""
    plain = {"topic": "state", "service": "web", "wanted": "up", "generation": 2, "why": "so", "at": 1e9}
    return {**plain, "before": before, "after": after, "cause": cause, "failed": False, **more}


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (record("stopped", "starting"), ["starting"]),
        (record("starting", "running", "spawned"), ["started"]),
        (record("running", "ready", "well"), ["ready", "health"]),
        (record("unhealthy", "ready", "well"), ["ready", "health"]),
        (record("ready", "unhealthy", "unhealthy", failed=True), ["unhealthy", "health"]),
        (record("ready", "stopping", "unhealthy", failed=True), ["crashed", "stopping", "health"]),
        (record("ready", "stopping", "exited", failed=True), ["crashed", "stopping"]),
        (record("ready", "stopping", "exited"), ["stopping"]),
        (record("ready", "stopping"), ["stopping"]),
        (record("stopping", "stopped"), ["stopped"]),
        (record("stopping", "backoff", "exited", failed=True), ["restarting"]),
        (record("stopping", "fatal", "too_often"), ["fatal"]),
        (record("starting", "fatal", "not_executable", failed=True), ["crashed", "fatal"]),
        (record("starting", "backoff", "not_spawned", failed=True), ["crashed", "restarting"]),
        (record("stopping", "exited", "exited"), ["exited"]),
        (record("fatal", "stopped"), []),  # asked to start: nothing was running that could have stopped
        (record("ready", "ready", topic="stable"), ["stable"]),
        (record("stopping", "stopping", topic="stuck"), ["stuck"]),
    ],
)
def test_what_a_change_is_called(told: dict[str, Any], names: list[str]) -> None:
    """Each change of state has its names; a crash is told once, when it is seen."""
    assert [event.name for event in events_of(told)] == [f"process:{name}" for name in names]
    assert {event.name for event in events_of(told)} <= set(NAMES)


def test_what_an_event_knows() -> None:
    """An event has the service, the time with its zone, both states, the reason and the generation."""
    (event,) = events_of(record("starting", "running"))
    assert (event.service, event.before, event.status, event.why) == ("web", "starting", "running", "so")
    assert event.timestamp.isoformat() == "2001-09-09T01:46:40+00:00"
    assert event.generation == 2


def test_lines_are_events_of_their_own() -> None:
    """Output is an event a line, with stream and level."""
    told = {"topic": "output", "service": "web", "stream": "err", "lines": ["WARN: a", "b"]}
    logs = [event.log for event in events_of(told)]
    assert [(log.stream, log.level, log.message) for log in logs if log] == [
        ("stderr", "warn", "WARN: a"),
        ("stderr", "error", "b"),
    ]


def test_the_end_of_the_daemon_is_an_event() -> None:
    """That the daemon has ended, or another brain answers, is told without a service."""
    (event,) = events_of({"topic": "over", "why": "it has ended"})
    assert (event.name, event.service, event.why) == ("daemon:over", "", "it has ended")
    assert [event.name for event in events_of({"topic": "again"})] == ["daemon:again"]


def test_an_event_that_there_is_not() -> None:
    """A name that no event has is refused, with the nearest one (P10)."""
    with pytest.raises(UsageError, match="no event process:crash; did you mean process:crashed"):
        Handlers().add("process:crash", print)


def test_everything_is_all_but_output() -> None:
    """* hears whatever happens, and no lines; output is wanted only by who names it."""
    handlers, heard = Handlers(), list[ProcessEvent]()
    subscriber = handlers.add("*", heard.append)
    assert not handlers.want_output()
    handlers.hear(record("starting", "running"))
    handlers.hear({"topic": "output", "service": "web", "stream": "out", "lines": ["x"]})
    assert [event.name for event in heard] == ["process:started"]
    handlers.add("process:output", heard.append)
    assert handlers.want_output()
    handlers.remove(subscriber)
    handlers.remove(subscriber)
    handlers.hear(record("starting", "running"))
    assert len(heard) == 1


async def test_a_slow_handler_hears_all_in_order_and_one_at_a_time() -> None:
    """An async handler is awaited before it gets the next event; finish() waits for it."""
    handlers, heard, inside = Handlers(), list[int](), 0

    async def slow(event: ProcessEvent) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0)
        heard.append(event.generation)
        inside -= 1
        if event.generation == 3:
            raise ValueError("its own fault")

    handlers.add("process:started", slow)
    for number in range(50):
        handlers.hear(record("starting", "running", generation=number))
    await handlers.finish()
    assert heard == list(range(50))


async def test_a_handler_that_hangs_costs_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is too far behind loses the oldest, and the log says so."""
    handlers, heard, go = Handlers(), list[int](), asyncio.Event()

    async def hangs(event: ProcessEvent) -> None:
        await go.wait()
        heard.append(event.generation)

    handlers.add("process:started", hangs)
    for number in range(WAITING + 3):
        handlers.hear(record("starting", "running", generation=number))
    go.set()
    await handlers.finish()
    assert heard == [0, *range(3, WAITING + 3)]
    assert "is lost" in caplog.text


def test_a_handler_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The others hear the event all the same."""
    handlers, heard = Handlers(), list[ProcessEvent]()

    def broken(event: ProcessEvent) -> None:
        raise KeyError("no such thing")

    handlers.add("process:started", broken)
    handlers.add("process:started", heard.append)
    handlers.hear(record("starting", "running"))
    assert len(heard) == 1
    assert "a handler of process:started failed on process:started of web" in caplog.text
