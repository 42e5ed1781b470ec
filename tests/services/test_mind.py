"""What all services together do next."""

from __future__ import annotations

from service_world import World, answered, ends, service, signals, spawns

from guardian.procs.model import ProcId
from guardian.services import events
from guardian.services.effects import AskEnd, Topic
from guardian.services.events import Ask, Wish
from guardian.services.life import State, Wanted
from guardian.services.mind import Memory, decide, waits_for
from guardian.services.spec import HealthSpec

TCP = HealthSpec("tcp", port=80, interval=10.0, retries=2, start_period=5.0)
SHOP = (
    service("web", depends_on=("api",)),
    service("orders", group="api", depends_on=("db",)),
    service("users", group="api", depends_on=("db",)),
    service("db", health=TCP),
)


def shop() -> World:
    """Return a world in which everything of the shop is READY."""
    world = World(*SHOP)
    world.start("web")
    world.pass_time(0.05)
    answered(world)
    world.run()
    assert set(world.states().values()) == {State.READY}
    return world


def test_start_waits_for_what_it_depends_on_to_be_ready() -> None:
    """Dependencies are asked too, and dependents start when those are READY, not when they run."""
    world = World(*SHOP)
    assert spawns(world.ask(Wish.START, "web")) == ["db"]
    world.run()
    assert world.life("db").state is State.RUNNING
    assert waits_for(world.roster, world.memory, "web") == ("orders", "users")
    assert waits_for(world.roster, world.memory, "db") == ()
    world.pass_time(0.05)
    assert spawns(world.answer(world.probes[0], good=True)) == ["orders", "users"]
    assert spawns(world.spawned(world.spawning[0])) == []
    assert spawns(world.spawned(world.spawning[0])) == ["web"]


def test_what_does_not_wait_starts_at_once() -> None:
    """Independent services are started in one decision (P12)."""
    world = World(*(service(f"s{n}") for n in range(100)))
    assert len(spawns(world.ask(Wish.START, *world.roster.specs))) == 100


def test_stop_goes_the_other_way_round() -> None:
    """Whoever depends on a service is gone before that one is asked to end (P3)."""
    world = shop()
    assert ends(world.ask(Wish.STOP, "db", "users", "web", "orders")) == ["web"]
    assert ends(world.gone(*world.tree("web"))) == ["orders", "users"]
    assert ends(world.gone(*world.tree("orders"))) == []
    assert ends(world.gone(*world.tree("users"))) == ["db"]
    world.rest()
    assert set(world.states().values()) == {State.STOPPED}
    assert not world.running


def test_only_what_is_asked_to_stop_stops() -> None:
    """Who depends on a stopped service goes on, is told, and does not start again before it is back."""
    world = shop()
    assert ends(world.ask(Wish.STOP, "db")) == ["db"]
    assert [emit.name for emit in world.emitted(Topic.DEPENDENCY)] == ["orders", "users"]
    world.rest()
    assert world.life("orders").state is State.READY
    world.exits("orders")
    world.rest()
    assert world.life("orders").waiting
    assert waits_for(world.roster, world.memory, "orders") == ("db",)
    world.ask(Wish.START, "db")
    world.run()
    world.pass_time(0.05)
    answered(world)
    assert [spawn.name for spawn in world.spawning] == ["orders"]


def test_restart_of_all_ends_all_before_it_starts_any_dependent() -> None:
    """Restarted together, services go down in reverse order and come up in order."""
    world = shop()
    world.actions.clear()
    world.ask(Wish.RESTART, *world.roster.specs)
    for _ in range(9):
        world.rest()
        world.pass_time(0.05)
        answered(world)
    assert ends(world.actions) == ["web", "orders", "users", "db"]
    assert spawns(world.actions) == ["db", "orders", "users", "web"]
    assert {world.life(name).generation for name in world.roster.specs} == {2}


def test_kill_does_not_wait_for_anybody() -> None:
    """At the deadline of a shutdown everything is forced at once, whoever depends on whom."""
    world = shop()
    world.ask(Wish.STOP, *world.roster.specs)
    forced = [each for each in world.ask(Wish.KILL, *world.roster.specs) if isinstance(each, AskEnd)]
    assert sorted(each.name for each in forced if each.force) == ["db", "orders", "users", "web"]
    world.rest()
    assert set(world.states().values()) == {State.STOPPED}


def test_a_crash_is_answered_in_one_decision() -> None:
    """Without a delay the next generation is started in the decision that hears of the end (P12)."""
    world = World(service())
    world.start("web")
    assert spawns(world.exits("web")) == ["web"]


def test_a_delay_is_waited_for() -> None:
    """The decision says when it is due, and nothing is started before."""
    world = World(service(restart_delay=10.0))
    world.start("web")
    assert spawns(world.exits("web")) == []
    assert world.due is not None
    assert 8.0 <= world.due - world.now <= 10.0
    assert spawns(world.pass_time(7.9)) == []
    assert spawns(world.pass_time(2.2)) == ["web"]


def test_the_delay_grows_until_it_was_stable() -> None:
    """One crash after another waits longer each time; after stable_after of READY it begins anew."""
    world, waits = World(service(restart_delay=10.0, stable_after=30.0, max_restart_delay=45.0)), []
    world.start("web")
    for ready in (0.0, 5.0, 29.0, 30.0):
        world.pass_time(ready)
        world.exits("web")
        assert world.due is not None
        waits.append(world.due - world.now)
        world.pass_time(50.0)
        world.run()
    kept = waits[0] / 10.0  # what chance has left of each of them
    assert [round(wait / kept) for wait in waits] == [10, 20, 40, 10]


def test_who_fell_together_does_not_rise_together() -> None:
    """The delays of services that crash in one moment differ."""
    world = World(*(service(f"s{n}", restart_delay=10.0) for n in range(20)))
    world.start(*world.roster.specs)
    for name in world.roster.specs:
        world.exits(name)
    assert len({world.life(name).due for name in world.roster.specs}) > 15


def test_a_service_that_exits_at_once_is_given_up() -> None:
    """However fast it crashes, it ends FATAL with the reason, and others are untouched (P8)."""
    world = World(service("bad", max_restarts=5), service("good"))
    world.start("bad", "good")
    for _ in range(1000):
        if world.life("bad").state is State.FATAL:
            break
        world.exits("bad")
        world.pass_time(60.0)
        world.run()
    assert world.life("bad").history.total == 5
    assert str(world.life("bad").why).startswith("restarted too often: 5 times within 1h")
    assert world.life("good").generation == 1
    assert world.pass_time(1e6) == []
    assert spawns(world.ask(Wish.START, "bad")) == ["bad"]


def test_the_whole_old_tree_is_gone_before_a_restart() -> None:
    """While a child of the crashed leader lives nothing is started (P1)."""
    world = World(service())
    world.start("web")
    assert ends(world.leader_exits("web")) == ["web"]
    assert spawns(world.pass_time(3600.0)) == []
    assert world.life().forced
    assert spawns(world.gone("web", 1)) == ["web"]


def test_what_was_found_is_adopted_and_not_started_again() -> None:
    """What is wanted and what was found come in one decision: nothing is started twice (P6)."""
    world = World(service("web"), service("db"))
    found = events.Adopted("web", 3, ProcId(42, 1), well=True)
    world.running["web", 3] = True
    actions = world.tell(Ask(Wish.START, ("web", "db")), found)
    assert spawns(actions) == ["db"]
    assert world.life("web").state is State.READY
    assert spawns(world.exits("web")) == ["web"]
    assert world.life("web").generation == 4


def test_nothing_is_started_beside_a_tree_that_should_not_be() -> None:
    """A second tree that was found is gone before the service is started again (P1, P6)."""
    world = World(service())
    world.start("web")
    world.running["web", 2] = True
    assert ends(world.tell(events.Adopted("web", 2, None))) == ["web"]
    del world.running["web", 1]
    assert spawns(world.tell(events.TreeGone("web", 1))) == []
    assert spawns(world.gone("web", 2)) == ["web"]
    assert world.life().generation == 3


def test_a_tree_of_an_unknown_service_is_ended() -> None:
    """What was left of a service that is not configured any more does not stay (P1)."""
    world = World(service("web"))
    world.running["old", 2] = True
    assert ends(world.tell(events.Adopted("old", 2, None))) == ["old"]
    world.rest()
    assert not world.running
    assert world.memory.services == {}


def test_removed_services_are_stopped_in_order_and_forgotten() -> None:
    """What is no longer configured goes without being asked, dependents first."""
    world = shop()
    world.load(service("users"))
    assert ends(world.tell()) == ["web"]
    world.rest()
    assert set(world.memory.services) == {"users"}
    assert [emit.name for emit in world.emitted(Topic.STATE) if emit.after is State.STOPPED] == [
        "web",
        "orders",
        "db",
    ]


def test_a_forgotten_service_does_not_begin_anew_with_its_generations() -> None:
    """What is told late of a removed service is not taken for one of that name that came after."""
    world = World(service("web"))
    world.start("web")
    world.load(service("other"))
    world.tell()
    world.rest()
    world.load(service("web"))
    world.start("web")
    assert world.life().generation == 2
    world.tell(events.TreeGone("web", 1))
    assert world.life().state is State.READY


def test_dependencies_that_turned_round_hold_nobody_up() -> None:
    """When a reload turns a dependency round, a stop of both still ends (P1)."""
    world = World(service("a", depends_on=("b",)), service("b"))
    world.start("a")
    world.load(service("a"), service("b", depends_on=("a",)))
    assert ends(world.ask(Wish.STOP, "a", "b")) == ["b"]
    world.rest()
    assert set(world.states().values()) == {State.STOPPED}


def test_signals_reach_the_leader() -> None:
    """A signal is for those that were meant and run."""
    world = World(service("a"), service("b"))
    world.start("a")
    assert signals(world.tell(Ask(Wish.SIGNAL, ("a", "b"), "", "HUP"))) == [("a", "HUP")]
    assert [emit.name for emit in world.emitted(Topic.REFUSED)] == ["b"]


def test_a_name_that_nobody_has() -> None:
    """A wish for a service that there is not is told, and leaves nothing behind (P10)."""
    world = World(service("web"))
    world.ask(Wish.START, "wbe")
    world.tell(events.FilesChanged("nobody", ("a",)), events.Probed("nobody", 1, 1, good=True))
    assert [emit.name for emit in world.emitted(Topic.UNKNOWN)] == ["wbe"]
    assert world.memory.services == {}


def test_a_finished_task_satisfies_who_depends_on_it() -> None:
    """A service that ended well and is not to be restarted has done its work; one that failed has not."""
    for code, started in ((0, ["web"]), (1, [])):
        world = World(service("web", depends_on=("task",)), service("task", autorestart=False, health=TCP))
        world.start("task")
        world.exits("task", code)
        assert world.life("task").state is State.EXITED
        before = len(world.actions)
        world.tell(Ask(Wish.START, ("web",)))
        assert spawns(world.actions[before:]) == (started or ["task"])


def test_what_waits_to_be_stopped_is_not_ended_for_its_health() -> None:
    """An unhealthy service that is held by a dependent on its way out is ended in its turn, not before."""
    world = shop()
    world.ask(Wish.STOP, *world.roster.specs)
    for _ in range(2):
        world.pass_time(10.0)
        answered(world, good=False)
    assert world.life("db").state is State.UNHEALTHY
    world.rest()
    assert world.life("db").state is State.STOPPED


def test_no_time_is_no_time() -> None:
    """A grace of nothing is over in the decision that asks: none is asked for again at once (P12)."""
    world = World(service(stop_timeout=0.0, stable_after=0.0))
    world.start("web")
    assert world.due is None
    assert [each.force for each in world.ask(Wish.STOP, "web") if isinstance(each, AskEnd)] == [False, True]
    assert world.due is None


def test_to_restart_is_to_start_what_it_depends_on_and_not_to_restart_it() -> None:
    """A dependency that is on its way out is wanted again; one that is up is left alone."""
    world = shop()
    world.ask(Wish.STOP, "users", "db")
    world.ask(Wish.RESTART, "users")
    assert world.life("users").wanted is Wanted.RESTART
    assert world.life("db").wanted is Wanted.UP
    world.rest()
    assert world.life("db").generation == 1
    assert world.life("users").generation == 2


def test_a_stop_of_something_that_is_being_started() -> None:
    """Stopped before its process exists, it is ended as soon as it does (P1)."""
    world = World(service())
    world.ask(Wish.START, "web")
    assert ends(world.ask(Wish.STOP, "web")) == ["web"]
    assert ends(world.run()) == ["web"]
    world.rest()
    assert world.life().state is State.STOPPED
    assert world.life().wanted is Wanted.DOWN


def test_nobody_who_cannot_be_ended_holds_the_others_up_for_ever() -> None:
    """A stop in order waits for a dependent that is stuck, and says so; a kill does not wait (P1)."""
    world = shop()
    world.ask(Wish.STOP, *world.roster.specs)
    world.tell(events.TreeStuck(*world.tree("web"), "42 in state D"))
    assert world.life("db").state is State.READY
    assert len(world.emitted(Topic.STUCK, "web")) == 1
    assert "db" in ends(world.ask(Wish.KILL, "db"))


def test_a_decision_leaves_the_memory_before_it_as_it_was() -> None:
    """The same memory and the same events lead to the same decision, as often as one likes."""
    world = shop()
    before, happened = world.memory, (Ask(Wish.RESTART, ("db",)), events.Ended("web", 1, 1))
    saved = dict(before.services)
    first = decide(world.roster, before, happened, 2000.0, chance=0.3)
    second = decide(world.roster, before, happened, 2000.0, chance=0.3)
    assert first == second
    assert before.services == saved


def test_without_anything_to_do_nothing_is_due() -> None:
    """A daemon with stable services sleeps (P12)."""
    world = World(service())
    world.start("web")
    world.pass_time(100.0)
    assert world.due is None
    assert decide(world.roster, Memory(), (), 0.0).due is None
