"""Memory as plain data that JSON can hold, and back: how services outlive a daemon. Pure.

The clock of all times is that of monotonic(7): within one boot it goes on when a daemon does not,
so timers and windows survive. After another boot nothing of it is left: see `rebooted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from guardian.actions import Kind, Reason
from guardian.procs.model import ProcId
from guardian.services.health import Checkup, Condition
from guardian.services.life import State, Wanted
from guardian.services.living import Exit, Life
from guardian.services.mind import Memory
from guardian.services.restart import Breaker, History
from guardian.services.spec import HealthSpec, ServiceSpec
from guardian.services.tending import Service
from guardian.services.watching import Stir
from guardian.services.why import Cause, Why
from guardian.values import Value

_NEVER = object()  # equals no field

_VALUES: dict[str, type[Value]] = {
    each.__name__: each
    for each in (Service, Life, Checkup, Stir, Exit, History, Why, Reason, ProcId, ServiceSpec, HealthSpec)
}
_ENUMS: dict[str, type[Enum]] = {
    each.__name__: each for each in (State, Wanted, Condition, Breaker, Cause, Kind)
}


def save(memory: Memory) -> dict[str, object]:
    """Return everything that has to outlive this daemon; the roster is read from the configuration again."""
    services = {name: _plain(service) for name, service in memory.services.items()}
    return {"services": services, "forgotten": memory.forgotten}


def load(saved: object) -> Memory:
    """Return the memory that `save` wrote; ValueError when it is none.

    Fields that this version does not know are left out, those that are missing have their defaults.
    """
    found = saved if isinstance(saved, Mapping) else {}
    services, forgotten = found.get("services"), found.get("forgotten")
    if not isinstance(services, Mapping) or not isinstance(forgotten, int):
        raise ValueError("the state of the services cannot be read: it is not what guardian wrote")
    made = {str(name): _without_looks(_service(plain)) for name, plain in services.items()}
    return Memory(made, forgotten=forgotten)


def rebooted(memory: Memory) -> Memory:
    """Return what is left after the machine was started anew: what was wanted, and the count of generations.

    The count goes on, so that nothing that tells of an old generation is taken for a new one.
    """
    services = {name: Service(_after_boot(service.life)) for name, service in memory.services.items()}
    return Memory(services, forgotten=memory.forgotten)


def plain(value: Value) -> object:
    """Return one life, or one service's configuration, as plain data."""
    return _plain(value)


def memory(lives: object, specs: object, *, forgotten: int) -> Memory:
    """Return the memory of these lives, and what they were started with, by name as `plain` made them.

    ValueError when one is not what it should be.
    """
    if not isinstance(lives, Mapping) or not isinstance(specs, Mapping):
        raise ValueError("the lives of the services are no table")
    made = {name: _value(life) for name, life in lives.items()}
    given = {name: _value(spec) for name, spec in specs.items()}
    services = {
        name: Service(life.replace(spec=given.get(name)))
        for name, life in made.items()
        if isinstance(life, Life)
    }
    if len(services) < len(made):
        raise ValueError("the life of a service is not what guardian wrote")
    return Memory(services, forgotten=forgotten)


def specs(plains: object) -> tuple[ServiceSpec, ...]:
    """Return the configurations that `plain` made; ValueError when one is none."""
    made = _value(plains)
    if not isinstance(made, tuple) or not all(isinstance(each, ServiceSpec) for each in made):
        raise ValueError("the services cannot be read: they are not what guardian wrote")
    return made


def _after_boot(life: Life) -> Life:
    wanted = Wanted.DOWN if life.wanted is Wanted.DOWN else Wanted.UP
    return Life(life.name, wanted=wanted, generation=life.newest, newest=life.newest, needs=life.needs)


def _without_looks(service: Service) -> Service:
    """Forget a look that was under way: whoever would have answered is gone."""
    checkup = service.checkup
    if checkup is None or not checkup.under_way:
        return service
    return service.replace(checkup=checkup.replace(asked=None, due=checkup.asked))


def _service(plain: object) -> Service:
    made = _value(plain)
    if not isinstance(made, Service):
        raise ValueError(f"the state of a service cannot be read: found {type(made).__name__}")
    return made


def _plain(thing: object) -> object:
    """Return values, choices and mappings as tables that tell what they are; sequences as lists."""
    if isinstance(thing, Value):
        return {"is": type(thing).__name__} | {
            key: _plain(each)
            for key, each in thing.asdict().items()
            if each != thing._defaults.get(key, _NEVER)
        }
    if isinstance(thing, Enum):
        return {"is": type(thing).__name__, "one": thing.name}
    if isinstance(thing, Mapping):
        return {"is": "table", "of": [[key, _plain(each)] for key, each in thing.items()]}
    if isinstance(thing, tuple | list):
        return [_plain(each) for each in thing]
    return thing


def _value(plain: object) -> object:
    """Undo `_plain`; ValueError when that is not possible."""
    if isinstance(plain, list | tuple):
        return tuple(_value(each) for each in plain)
    if not isinstance(plain, Mapping):
        return plain
    kind = plain.get("is")
    try:
        if kind == "table":
            return {key: _value(each) for key, each in plain["of"]}
        if kind in _ENUMS:
            return _ENUMS[kind][plain["one"]]
        shape = _VALUES[str(kind)]
        return shape(**{key: _value(plain[key]) for key in shape._fields if key in plain})
    except (KeyError, TypeError) as error:
        raise ValueError(f"the state of a service cannot be read: {error!r}") from None
