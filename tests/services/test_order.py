"""Who waits for whom."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import service

from guardian.errors import ConfigError
from guardian.services.order import closure, find_cycle, roster, start_waves, stop_waves, wrong_services

SHOP = roster(
    [
        service("web", depends_on=("api-*",)),
        service("api-orders", group="api", depends_on=("db", "cache")),
        service("api-users", group="api", depends_on=("db",)),
        service("db", group="store"),
        service("cache", group="store"),
        service("metrics"),
    ]
)


def test_waves() -> None:
    """Whoever waits for nobody starts first, all at once; the order of a stop is the reverse."""
    waves = start_waves(SHOP, SHOP.specs)
    assert waves == (("db", "cache", "metrics"), ("api-orders", "api-users"), ("web",))
    assert stop_waves(SHOP, SHOP.specs) == tuple(reversed(waves))


def test_waves_of_some() -> None:
    """Among some services the order holds through those that are not among them."""
    assert start_waves(SHOP, ["web", "db"]) == (("db",), ("web",))


def test_dependencies_are_names_groups_and_globs() -> None:
    """What stands in depends_on is resolved once, in the order of the file, without oneself."""
    found = roster(
        [service("a", group="g"), service("b", group="g", depends_on=("g",)), service("c", depends_on=("*",))]
    )
    assert found.needs == {"a": (), "b": ("a",), "c": ("a", "b")}
    assert found.needed_by == {"a": ("b", "c"), "b": ("c",)}


WRONG = {
    "a circle": (
        [("a", ("b",)), ("b", ("c",)), ("c", ("a",)), ("d", ())],
        "services.a.depends_on: goes in a circle: a → b → c → a; take one of these out",
    ),
    "on itself": ([("a", ("a",))], "services.a.depends_on: goes in a circle: a → a; take one of these out"),
    "through a glob": (
        [("a", ("*",)), ("b", ("a",))],
        "services.a.depends_on: goes in a circle: a → b → a; take one of these out",
    ),
    "an unknown one": (
        [("web", ("datbase",)), ("database", ())],
        "services.web.depends_on: no service or group is called datbase; did you mean database?",
    ),
    "a name twice": ([("web", ()), ("web", ())], "services.web: is there twice, expected another name"),
}


@pytest.mark.parametrize(("shape", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(shape: list[tuple[str, tuple[str, ...]]], message: str) -> None:
    """A circle is named whole, an unknown dependency with the nearest one (P10)."""
    with pytest.raises(ConfigError) as caught:
        roster([service(name, depends_on=needs) for name, needs in shape])
    said = str(caught.value)
    if "circle" in message:
        names = set(said.partition("circle: ")[2].partition(";")[0].split(" → "))
        assert names == set(message.partition("circle: ")[2].partition(";")[0].split(" → "))
    else:
        assert said == message


def test_a_name_that_is_a_group_too() -> None:
    """A word must not mean two things (P10)."""
    with pytest.raises(ConfigError, match=r"services.db: is the name of a group too"):
        roster([service("db"), service("x", group="db")])
    assert roster([service("db", group="db")]).book.names == ("db",)


def test_every_fault_is_told() -> None:
    """`config validate` can tell all that is wrong, not the first thing (P10)."""
    wrong = [service("a", command="", umask="9"), service("b", stop_signal="X")]
    assert [key for key, _ in wrong_services(wrong)] == [
        "services.a.command",
        "services.a.umask",
        "services.b.stop_signal",
    ]


def test_the_circle_reads_in_the_order_of_needing() -> None:
    """In a → b, a needs b."""
    cycle = find_cycle({"a": ("b",), "b": ("c",), "c": ("a",)})
    assert {*pairwise(cycle)} == {("a", "b"), ("b", "c"), ("c", "a")}


graphs = st.integers(1, 8).flatmap(
    lambda size: st.lists(
        st.sets(st.integers(0, size - 1)),
        min_size=size,
        max_size=size,
    )
)


@given(graph=graphs)
def test_every_graph_has_waves_or_a_circle(graph: list[set[int]]) -> None:
    """Whatever depends on whatever: each stands after all it needs, or a true circle is named."""
    needs = {f"s{n}": tuple(f"s{m}" for m in sorted(below)) for n, below in enumerate(graph)}
    cycle = find_cycle(needs)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(after in needs[before] for before, after in pairwise(cycle))
        return
    made = roster([service(name, depends_on=below) for name, below in needs.items()])
    waves = start_waves(made, made.specs)
    wave_of = {name: number for number, wave in enumerate(waves) for name in wave}
    assert sorted(wave_of) == sorted(needs)
    for name, below in needs.items():
        assert all(wave_of[each] < wave_of[name] for each in below)
        assert wave_of[name] == max((wave_of[each] + 1 for each in below), default=0)


def test_closure_is_everything_below() -> None:
    """What is needed is found however far away, and long chains are no problem."""
    chain = {f"s{n}": (f"s{n + 1}",) for n in range(5000)}
    assert len(closure(chain, ["s0"])) == 5001
    assert closure(SHOP.needs, ["api-users"]) == ("api-users", "db")
