"""Checks, files and limits of services: what all of them lead to together."""

from __future__ import annotations

from service_world import World, answered, ends, service, spawns

from guardian.actions import Kind, Reason
from guardian.services import events
from guardian.services.effects import AskEnd, Probe, StopProbe
from guardian.services.events import Wish
from guardian.services.life import State
from guardian.services.spec import HealthSpec

TCP = HealthSpec("tcp", port=80, interval=10.0, retries=2, start_period=5.0)


def test_health_makes_it_ready_and_restarts_it() -> None:
    """Looks go on after READY; when they fail too often the tree is ended and started again."""
    world = World(service(health=TCP))
    world.start("web")
    world.pass_time(0.05)
    answered(world)
    assert world.life().state is State.READY
    for _ in range(2):
        world.pass_time(10.0)
        answered(world, good=False)
    assert world.life().state is State.STOPPING
    assert str(world.life().ending) == "unhealthy"
    assert spawns(world.gone(*world.tree())) == ["web"]
    assert world.life().history.total == 1


def test_looks_never_pile_up() -> None:
    """A look that is not answered is not followed by another; when its service ends it is taken back."""
    world = World(service(health=TCP))
    world.start("web")
    world.pass_time(3600.0)
    assert [probe.number for probe in world.probes] == [1]
    (probe,) = world.probes
    taken_back = [each for each in world.ask(Wish.STOP, "web") if isinstance(each, StopProbe)]
    assert [(each.generation, each.number) for each in taken_back] == [(probe.generation, probe.number)]
    world.rest()
    world.start("web")
    world.pass_time(0.05)
    world.tell(events.Probed("web", probe.generation, probe.number, good=True))
    assert world.life().state is State.RUNNING


def test_the_looks_of_many_are_asked_for_together() -> None:
    """A look that hangs delays no other (P12)."""
    world = World(*(service(f"s{n}", health=TCP) for n in range(100)))
    world.start(*world.roster.specs)
    assert len([each for each in world.pass_time(0.05) if isinstance(each, Probe)]) == 100


def test_readiness_beside_liveness() -> None:
    """With a table of its own READY comes from that, and the other check begins only then."""
    ready = HealthSpec("output", pattern="listening")
    world = World(service(ready=ready, health=TCP))
    world.start("web")
    assert world.pass_time(3.0) == []
    world.tell(events.Heard("web", 1, "listening on 80"))
    assert world.life().state is State.READY
    assert str(world.life().why) == "listening on 80"
    (probe,) = [each for each in world.pass_time(10.0) if isinstance(each, Probe)]
    assert probe.check is TCP


def test_what_is_told_without_a_check_for_it_is_nothing() -> None:
    """A line or a datagram makes only those READY that are checked by it."""
    world = World(service(health=TCP))
    world.start("web")
    world.tell(events.Heard("web", 1, "READY=1"))
    assert world.life().state is State.RUNNING


def test_files_that_change_restart_once() -> None:
    """A save storm is one restart, when it has been quiet."""
    world = World(service(watch=True, watch_paths=("src/**",), watch_debounce=1.0))
    world.start("web")
    for n in range(30):
        world.tell(events.FilesChanged("web", (f"src/{n}.ts", "README")))
        world.pass_time(0.02)
    assert ends(world.pass_time(2.0)) == ["web"]
    world.rest()
    assert world.life().generation == 2
    assert world.pass_time(25.0) == []
    assert str(world.life().asked) == "watched files changed: src/0.ts and 29 more"


def test_a_file_helps_a_service_that_was_given_up() -> None:
    """FATAL waits to be asked, and a person who saves a watched file asks."""
    world = World(service(watch=True, max_restarts=1))
    world.start("web")
    world.exits("web")
    world.run()
    world.exits("web")
    assert world.life().state is State.FATAL
    world.tell(events.FilesChanged("web", ("a.ts",)))
    assert spawns(world.pass_time(1.0)) == ["web"]


def test_files_of_what_is_not_wanted_start_nothing() -> None:
    """A service that was stopped stays so, whatever is saved."""
    world = World(service(watch=True))
    world.start("web")
    world.tell(events.FilesChanged("web", ("a.ts",)))
    world.ask(Wish.STOP, "web")
    world.rest()
    world.tell(events.FilesChanged("web", ("b.ts",)))
    assert spawns(world.pass_time(60.0)) == []
    assert world.life().state is State.STOPPED


def test_a_limit_ends_the_tree_and_counts() -> None:
    """Over its memory a service is restarted with what was measured as the reason (P4, P8)."""
    world = World(service())
    world.start("web")
    reason = Reason("web", Kind.MEMORY, 600 << 20, 512 << 20)
    (end,) = [each for each in world.tell(events.OverLimit("web", 1, reason)) if isinstance(each, AskEnd)]
    assert end.why.limit == reason
    assert spawns(world.gone("web", 1)) == ["web"]
    assert world.life().history.total == 1


def test_new_checks_are_taken_over_by_what_runs() -> None:
    """A changed check begins anew without a restart; one that is taken away leaves the service well."""
    world = World(service(health=TCP))
    world.start("web")
    world.pass_time(0.05)
    answered(world)
    other = HealthSpec("http", url="http://x", interval=3.0)
    world.load(service(health=other))
    world.tell()
    assert [each.check for each in world.pass_time(3.0) if isinstance(each, Probe)] == [other]
    world.load(service())
    assert [type(each) for each in world.tell()] == [StopProbe]
    assert world.life().state is State.READY


def test_a_stop_forgets_the_files_that_changed() -> None:
    """What was saved before a stop does not restart what is started after it."""
    world = World(service(watch=True, watch_debounce=5.0))
    world.start("web")
    world.tell(events.FilesChanged("web", ("a.ts",)))
    world.ask(Wish.STOP, "web")
    world.rest()
    world.start("web")
    assert ends(world.pass_time(20.0)) == []


def test_liveness_begins_after_readiness_without_a_start_period() -> None:
    """What is READY by another check, or was adopted so, has no second start period (P6)."""
    ready = HealthSpec("output", pattern="listening")
    world = World(service(ready=ready, health=TCP.replace(start_period=3600.0)))
    world.start("web")
    world.tell(events.Heard("web", 1, "listening"))
    for _ in range(2):
        world.pass_time(10.0)
        answered(world, good=False)
    assert world.life().state is State.STOPPING
