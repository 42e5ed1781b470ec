"""What a behaviour of the zoo is, and the list of them all."""

from __future__ import annotations

import sys
from importlib import import_module

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAMILIES = ("leavers", "deaf", "forkers", "attackers", "disguises", "programs", "honest")
LIMIT, EXIT = "limit", "exit"  # the two ways in which a case comes to its end

LEADER_CODE = 7  # what a leader exits with when it ends by itself


class Behaviour(Value):
    """One way to behave: `act` sets it up inside the victim, `what` says it to a reader."""

    name: str  # family.function, also the victim's command line
    what: str
    act: Callable[[], None]
    modes: tuple[str, ...] = (LIMIT, EXIT)  # LIMIT: the wrapper ends it; EXIT: the leader ends by itself
    needs: tuple[str, ...] = ()  # programs that have to be installed
    root_only: bool = False
    attacks: bool = False  # goes for the wrapper itself, whose own exit code then says nothing
    job: bool = False  # started in a group of its own: what it does to its group is no wrapper's fault
    honest: bool = False  # has to get its work done, rather than to be caught
    limit_code: int = 124  # what guardian exits with in mode LIMIT
    roomy: bool = False  # reserves more address space than the cage leaves to the others

    @property
    def title(self) -> str:
        """Return the name without its family, in words."""
        return self.name.partition(".")[2].replace("_", " ")


_known: dict[str, Behaviour] = {}


def behaviour(what: str, **traits: object) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter the decorated function into the zoo under `family.function`."""

    def enter(act: Callable[[], None]) -> Callable[[], None]:
        name = f"{act.__module__.rpartition('.')[2]}.{act.__name__}"
        _known[name] = Behaviour(name, what, act, **traits)  # type: ignore[arg-type]
        return act

    return enter


def load(name: str) -> Behaviour:
    """Import the one family that `name` belongs to (a victim starts hundreds of times) and return it."""
    import_module(f"tests.real.zoo.{name.partition('.')[0]}")
    return _known[name]


def everything() -> list[Behaviour]:
    """Return all behaviours, family by family, in the order in which they are written."""
    for family in FAMILIES:
        import_module(f"tests.real.zoo.{family}")
    return list(_known.values())


def cases() -> Iterator[tuple[Behaviour, str]]:
    """Yield each behaviour with each of the modes that make sense for it."""
    for one in everything():
        for mode in one.modes:
            yield one, mode


if sys.platform != "linux":
    raise ImportError("the zoo lives in /proc: Linux only")
