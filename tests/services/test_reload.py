"""What a changed configuration asks for."""

from __future__ import annotations

import pytest
from service_world import World, ends, service, spawns

from guardian.services import events
from guardian.services.events import Wish
from guardian.services.life import State
from guardian.services.order import roster
from guardian.services.reload import OF_THE_PROCESS, Deed, changes, render, requests
from guardian.services.spec import HealthSpec, ServiceSpec

WEB = service("web", args=("a.ts",), env={"TOKEN": "secret", "PORT": "80"})

# the service afterwards → what is done with it while it runs, and the words
RUNNING: list[tuple[ServiceSpec, Deed | None, str]] = [
    (WEB, None, ""),
    (WEB.replace(args=("b.ts",)), Deed.RESTART, "restart web: args a.ts → b.ts"),
    (WEB.replace(max_restarts=3), Deed.CHANGE, "change web: max_restarts 10 → 3"),
    (WEB.replace(watch=True), Deed.CHANGE, "change web: watch false → true"),
    (
        WEB.replace(cwd="app", stop_timeout=3.0),
        Deed.RESTART,
        "restart web: cwd none → app, stop_timeout 10.0 → 3.0",
    ),
    (
        WEB.replace(env={"TOKEN": "other", "PORT": "80", "NEW": "1"}),
        Deed.RESTART,
        "restart web: env (NEW, TOKEN)",
    ),
    (
        WEB.replace(health=HealthSpec("tcp", port=80)),
        Deed.CHANGE,
        "change web: health none → (type tcp, port 80)",
    ),
]


@pytest.mark.parametrize(("after", "deed", "words"), RUNNING, ids=lambda value: str(value)[:50])
def test_what_runs(after: ServiceSpec, deed: Deed | None, words: str) -> None:
    """Only what makes another process of it restarts a service; secrets are not told."""
    world = World(WEB)
    world.start("web")
    found = changes(world.memory, roster([after]))
    assert [change.deed for change in found] == ([deed] if deed else [])
    assert render(found) == (words or "nothing has changed")


def test_added_and_removed() -> None:
    """New services start if they are to, services that are gone stop, the others are left alone."""
    world = World(service("a"), service("b"))
    world.start("a", "b")
    after = roster([service("b"), service("c"), service("d", autostart=False)])
    found = changes(world.memory, after)
    assert render(found).splitlines() == [
        "stop a: is no longer configured",
        "start c: is new",
        "add d: is new; autostart is false",
    ]
    world.roster = after
    actions = world.tell(*requests(found))
    assert (ends(actions), spawns(actions)) == (["a"], ["c"])
    world.rest()
    assert world.life("b").generation == 1


def test_a_dry_run_tells_what_a_reload_does() -> None:
    """What was rendered is what then happens, and a second reload finds nothing to do."""
    world = World(WEB, service("other"))
    world.start("web", "other")
    after = roster([WEB.replace(args=("b.ts",)), service("other", max_restarts=1)])
    found = changes(world.memory, after)
    assert render(found).splitlines() == [
        "restart web: args a.ts → b.ts",
        "change other: max_restarts 10 → 1",
    ]
    world.roster = after
    assert ends(world.tell(*requests(found))) == ["web"]
    assert changes(world.memory, after) == ()
    world.rest()
    assert world.life("web").spec == after.specs["web"]
    assert world.life("other").generation == 1


def test_a_change_that_was_not_asked_for_is_still_found() -> None:
    """What runs is compared with how it was started: a restart that was only taken over is not lost."""
    world = World(WEB)
    world.start("web")
    world.load(WEB.replace(args=("b.ts",)))
    world.tell()
    (change,) = changes(world.memory, world.roster)
    assert (change.deed, change.keys) == (Deed.RESTART, ("args",))


def test_what_is_not_wanted_stays_down() -> None:
    """A service that somebody stopped is not started because its command changed."""
    world = World(WEB)
    world.start("web")
    world.ask(Wish.STOP, "web")
    world.rest()
    assert [change.deed for change in changes(world.memory, roster([WEB.replace(args=("b.ts",))]))] == [
        Deed.CHANGE
    ]


def test_a_change_helps_what_was_given_up() -> None:
    """A FATAL service is tried again when its configuration has changed."""
    world = World(WEB)
    world.ask(Wish.START, "web")
    world.not_spawned(world.spawning[0], final=True)
    assert world.life("web").state is State.FATAL
    found = changes(world.memory, roster([WEB.replace(cwd="app")]))
    assert [change.deed for change in found] == [Deed.START]


def test_an_adopted_service_is_compared_with_how_it_was_started() -> None:
    """A change that was written while no daemon ran restarts what was adopted."""
    world = World(WEB)
    world.start("web")
    remembered = world.memory.replace(roster=roster([]))
    found = changes(remembered, roster([WEB.replace(args=("b.ts",)), service("c")]))
    assert [(change.name, change.deed) for change in found] == [("web", Deed.RESTART), ("c", Deed.START)]
    assert changes(remembered, roster([WEB])) == ()


def test_the_fields_of_a_process_are_fields() -> None:
    """A field that is renamed is not forgotten in the list of those that need a restart."""
    assert set(OF_THE_PROCESS) <= set(ServiceSpec._fields)
    assert events.Wish.START in {
        request.wish for request in requests(changes(World(WEB).memory, roster([WEB])))
    }
