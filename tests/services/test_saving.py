"""Services outlive a daemon: memory as plain data, and back."""

from __future__ import annotations

import json

import pytest
from service_world import World, service

from guardian.actions import Kind, Reason
from guardian.services import events
from guardian.services.effects import Probe
from guardian.services.events import Wish
from guardian.services.life import State, Wanted
from guardian.services.mind import Memory, decide
from guardian.services.saving import load, rebooted, save
from guardian.services.spec import HealthSpec

TCP = HealthSpec("tcp", port=80, interval=10.0)


def eventful() -> World:
    """Return a world in which every kind of thing is remembered."""
    world = World(
        service("web", health=TCP, watch=True, env={"A": "b"}, depends_on=("db",)),
        service("db", restart_delay=10.0),
        service("is", max_restarts=1),
        service("map"),
    )
    world.start("web", "db", "is", "map")
    world.tell(events.FilesChanged("web", ("a.ts",)))
    for _ in range(2):
        world.exits("is", None, "SEGV")
        world.run()
    world.tell(events.OverLimit("map", 1, Reason("map", Kind.MEMORY, 2.0, 1.0)))
    world.pass_time(0.05)
    world.exits("db", 1)
    return world


def through_json(memory: Memory) -> Memory:
    """Return what comes back from a file."""
    return load(json.loads(json.dumps(save(memory))))


def test_everything_comes_back() -> None:
    """What was saved is what is loaded: states, timers, windows, checks, stirs and specs (P6)."""
    world = eventful()
    assert {life.state for life in (world.life(name) for name in world.roster.specs)} == {
        State.RUNNING,
        State.BACKOFF,
        State.FATAL,
        State.STOPPING,
    }
    back = through_json(world.memory)
    for name, kept in world.memory.services.items():
        assert back.services[name].life == kept.life
        assert back.services[name].stir == kept.stir
    assert back.forgotten == world.memory.forgotten
    assert back.services["web"].life.spec == world.roster.specs["web"]


def test_timers_go_on_where_they_were() -> None:
    """A restart that was due in ten seconds is due then, also when the daemon died in between (P6)."""
    world = eventful()
    back = decide(world.roster, through_json(world.memory), (), world.now)
    assert [type(action) for action in back.actions] == [Probe]
    again = decide(world.roster, world.memory, (), world.now)
    assert back.due is not None
    assert back.memory.services["db"].life.due == again.memory.services["db"].life.due


def test_a_look_that_was_under_way_is_asked_for_again() -> None:
    """Whoever would have answered it is gone: it must not be waited for for ever."""
    world = eventful()
    assert world.memory.services["web"].checkup.under_way  # type: ignore[union-attr]
    decision = decide(world.roster, through_json(world.memory), (), world.now)
    (probe,) = decision.actions
    assert probe.name == "web"
    assert probe.number == 2  # type: ignore[union-attr]


def test_after_another_boot_only_what_was_wanted_is_left() -> None:
    """No pid, no timer and no window of another boot is believed; generations go on counting (P6)."""
    world = eventful()
    world.ask(Wish.STOP, "map")
    fresh = rebooted(through_json(world.memory))
    lives = {name: service.life for name, service in fresh.services.items()}
    assert {life.state for life in lives.values()} == {State.STOPPED}
    assert {life.due for life in lives.values()} == {None}
    assert {name for name, life in lives.items() if life.wanted is Wanted.UP} == {"web", "db", "is"}
    decision = decide(world.roster, fresh, (), 5.0)
    assert {action.generation for action in decision.actions if action.name == "is"} == {3}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"services": [], "forgotten": 0},
        {"services": {}, "forgotten": "x"},
        {"services": {"web": 5}, "forgotten": 0},
        {"services": {"web": {"is": "Nobody"}}, "forgotten": 0},
        {"services": {"web": {"is": "Life", "name": "web"}}, "forgotten": 0},
        {"services": {"web": {"is": "Service"}}, "forgotten": 0},
        {"services": {"web": {"is": "Service", "life": {"is": "State", "one": "UPSIDE"}}}, "forgotten": 0},
    ],
)
def test_what_is_no_memory_is_refused(broken: object) -> None:
    """A state that guardian did not write is an error that the daemon can tell, not half a memory (P10)."""
    with pytest.raises(ValueError, match="cannot be read"):
        load(broken)


def test_another_versions_fields_do_no_harm() -> None:
    """A field that is not known is left out, one that is missing has its default: upgrades keep services."""
    world = eventful()
    saved = json.loads(json.dumps(save(world.memory)))
    life = saved["services"]["db"]["life"]
    life["invented"] = 1
    assert "strays" not in life, "what has its default is not written"
    assert load(saved).services["db"].life == world.life("db")
