"""Who waits for whom: dependencies resolved, checked, and laid out in waves. Pure.

A roster is made once, when the configuration is read; whatever is wrong with it is told then.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from guardian.errors import ConfigError
from guardian.services import names
from guardian.services.faults import faults
from guardian.services.names import Book
from guardian.services.spec import ServiceSpec
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Needs = Mapping[str, tuple[str, ...]]


class Roster(Value):
    """All configured services, and who needs whom."""

    specs: Mapping[str, ServiceSpec] = {}  # in the order of the file
    book: Book = Book((), {})
    needs: Mapping[str, tuple[str, ...]] = {}  # what each depends on: names, groups and globs resolved
    needed_by: Mapping[str, tuple[str, ...]] = {}
    place: Mapping[str, int] = {}  # of each in the file

    def __repr__(self) -> str:
        return f"<Roster of {', '.join(self.specs)}>"


def roster(specs: Iterable[ServiceSpec]) -> Roster:
    """Return the roster of these services; ConfigError for the first thing that is wrong with them."""
    specs = tuple(specs)
    for key, message in wrong_services(specs):
        raise ConfigError(message, key=key)
    known = names.book(specs)
    needs = {spec.name: _needs(spec, known) for spec in specs}
    place = {spec.name: number for number, spec in enumerate(specs)}
    return Roster({spec.name: spec for spec in specs}, known, needs, reversed_needs(needs), place)


def wrong_services(specs: Sequence[ServiceSpec]) -> Iterator[tuple[str, str]]:
    """Yield dotted key and message of every fault, of each service and then of all together."""
    faulty = False
    for spec in specs:
        for key, message in faults(spec):
            faulty = True
            yield f"services.{spec.name}.{key}", message
    if not faulty:  # what follows relies on names and lists being such
        yield from _wrong_together(specs)


def _wrong_together(specs: Sequence[ServiceSpec]) -> Iterator[tuple[str, str]]:
    known = names.book(specs)
    yield from _taken_names(specs, known)
    for spec in specs:
        for word in spec.depends_on:
            if not names.meaning(known, word):
                yield f"services.{spec.name}.depends_on", names.unknown(known, word)
    cycle = find_cycle({spec.name: _needs(spec, known) for spec in specs})
    if cycle:
        yield (
            f"services.{cycle[0]}.depends_on",
            f"goes in a circle: {' → '.join(cycle)}; take one of these out",
        )


def _taken_names(specs: Sequence[ServiceSpec], known: Book) -> Iterator[tuple[str, str]]:
    """Yield each name that two services have, or a service and a group of others."""
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            yield f"services.{spec.name}", "is there twice, expected another name"
        seen.add(spec.name)
        members = known.groups.get(spec.name, ())
        if any(member != spec.name for member in members):
            yield f"services.{spec.name}", "is the name of a group too, expected another name"


def _needs(spec: ServiceSpec, known: Book) -> tuple[str, ...]:
    """Return what a service depends on; as a member of a group that it depends on it is left out."""
    meant: set[str] = set()
    for word in spec.depends_on:
        direct = word == spec.name
        meant |= names.meaning(known, word) - (frozenset() if direct else frozenset({spec.name}))
    return tuple(name for name in known.names if name in meant) if meant else ()


def reversed_needs(needs: Needs) -> Needs:
    """Return who needs each service."""
    result: dict[str, tuple[str, ...]] = {}
    for name, needed in needs.items():
        for each in needed:
            result[each] = (*result.get(each, ()), name)
    return result


def find_cycle(needs: Needs) -> tuple[str, ...]:
    """Return the names of one circle, the first again at its end, in the order of needing; empty: none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return tuple(reversed(circle))  # graphlib names them in the order of being needed
    return ()


def start_waves(of: Roster, chosen: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the chosen services in waves: those of one start together, once the wave before is READY."""
    wanted = set(chosen)
    sorter = TopologicalSorter({name: () for name in of.specs if name in wanted})
    for name in of.specs:
        if name in wanted:
            sorter.add(name, *(wanted & set(closure(of.needs, [name])) - {name}))
    sorter.prepare()
    waves = []
    while sorter.is_active():
        ready = sorter.get_ready()
        waves.append(tuple(name for name in of.specs if name in set(ready)))
        sorter.done(*ready)
    return tuple(waves)


def stop_waves(of: Roster, chosen: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the chosen services in waves: those of one stop together, once the wave before is gone."""
    return tuple(reversed(start_waves(of, chosen)))


def closure(needs: Needs, chosen: Iterable[str]) -> tuple[str, ...]:
    """Return the chosen services and all that they need, however far away; each once."""
    found = dict.fromkeys(chosen)
    waiting = list(found)
    while waiting:
        for name in needs.get(waiting.pop(), ()):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return tuple(found)
