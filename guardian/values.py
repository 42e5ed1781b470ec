"""Frozen values: what the pure layers are made of, cheap enough for `guardian run`.

`dataclasses` would do the same, but importing it costs 17 ms on a machine where a bare Python
starts in 11 ms (it pulls in `inspect`, `ast`, `dis`), and msgspec's Struct 30 ms; `guardian run`
stands in front of every command. Type checkers see these classes as frozen dataclasses (PEP 681).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object):
        """Do nothing: only type checkers read it."""
        return lambda cls: cls


def _initialiser(cls: type, fields: tuple[str, ...], defaults: dict[str, object]) -> Callable[..., None]:
    """Write `__init__` once per class; it sets each slot through its descriptor, past `__setattr__`."""
    head = ["self"] + [f"{name}=_default_{name}" if name in defaults else name for name in fields]
    body = [f" _set_{name}(self, {name})" for name in fields] or [" pass"]
    scope: dict[str, Any] = {f"_set_{name}": getattr(cls, name).__set__ for name in fields}
    scope |= {f"_default_{name}": value for name, value in defaults.items()}
    exec(f"def __init__({', '.join(head)}):\n" + "\n".join(body), scope)
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _at_first_use(cls: type, fields: tuple[str, ...], defaults: dict[str, object]) -> Callable[..., None]:
    """Write `__init__` when it is first called: a class that a program only knows costs it nothing.

    `guardian run` knows what a service is, 70 fields and a millisecond, and never makes one.
    """

    def first(self: object, *given: object, **named: object) -> None:
        made = _initialiser(cls, fields, defaults)
        cls.__init__ = made  # type: ignore[misc]
        made(self, *given, **named)

    return first


@dataclass_transform(frozen_default=True)
class ValueType(type):
    """Turn the annotations of a class body into slots, in their order, bases first."""

    def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> ValueType:
        """Make the class: annotations become slots and parameters, assigned values their defaults."""
        own = tuple(body.get("__annotations__", ()))
        inherited = tuple(f for base in bases for f in getattr(base, "_fields", ()))
        defaults = {f: v for base in bases for f, v in getattr(base, "_defaults", {}).items()}
        defaults |= {field: body.pop(field) for field in own if field in body}
        fields = inherited + tuple(field for field in own if field not in inherited)
        body["__slots__"] = tuple(field for field in own if field not in inherited)
        body["_fields"], body["_defaults"] = fields, defaults
        cls = super().__new__(meta, name, bases, body)
        if "__init__" not in body:
            cls.__init__ = _at_first_use(cls, fields, defaults)  # type: ignore[misc]
        return cls


class Value(metaclass=ValueType):
    """A frozen record: compared and hashed by class and fields, changed only by `replace`."""

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]
        _defaults: ClassVar[dict[str, Any]]

    def astuple(self) -> tuple[object, ...]:
        """Return the fields' values in the order of the class body."""
        return tuple([getattr(self, name) for name in self._fields])

    def asdict(self) -> dict[str, object]:
        """Return the fields by name, one level deep."""
        return {name: getattr(self, name) for name in self._fields}

    def replace(self, **changes: object) -> Self:
        """Return a copy in which `changes` are set; an unknown field raises TypeError."""
        return type(self)(**(self.asdict() | changes))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.astuple() == other.astuple()

    def __hash__(self) -> int:
        return hash((type(self), self.astuple()))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.astuple()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.asdict().items())})"
