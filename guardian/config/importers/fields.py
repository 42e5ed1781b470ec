"""What the keys of a foreign file become: tables of our key and of how its value is read.

A reader of a value raises UsageError with what was found and what was expected.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from guardian import units
from guardian.config import words
from guardian.errors import UsageError
from guardian.services import faults
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardian.config.importers.source import Source

COMMENTS = ("_", "$", "//")  # how keys begin that hold a comment, or the name of a schema
_MOST_LISTED = 12


class Field(Value):
    """Where a foreign key belongs here, and how its value is read."""

    key: str
    read: Callable[[object], object]


def expected(found: object, what: str) -> UsageError:
    """Return the error for a value that does not fit."""
    return UsageError(f"found {words.shown(found)}, expected {what}")


def text(found: object) -> str:
    """Read a text."""
    if not isinstance(found, str):
        raise expected(found, "a text")
    return found


def filled(found: object) -> str:
    """Read a text that is more than blanks."""
    if not text(found).strip():
        raise expected(found, "a text that is not empty")
    return text(found)


def texts(found: object) -> list[str]:
    """Read a list of texts."""
    if not faults.is_texts(found):
        raise expected(found, "a list of texts")
    return list(found)  # type: ignore[call-overload, no-any-return]


def truth(found: object) -> bool:
    """Read true or false."""
    if not isinstance(found, bool):
        raise expected(found, "true or false")
    return found


def number(found: object) -> float:
    """Read a number, 0 or more; neither nan nor one that no setting could hold."""
    if not faults.is_number(found, most=units.LARGEST):
        raise expected(found, "a number, 0 or more")
    return found  # type: ignore[return-value]


def whole(found: object) -> int:
    """Read a whole number, 0 or more."""
    if not faults.is_whole(found):
        raise expected(found, "a whole number, 0 or more")
    return int(found)  # type: ignore[call-overload, no-any-return]


def milliseconds(found: object) -> float:
    """Read milliseconds as seconds."""
    if not faults.is_number(found, most=units.LONGEST * 1000):
        raise expected(found, "a number of milliseconds, 0 or more")
    return found / 1000  # type: ignore[operator]


def megabytes(found: object) -> int:
    """Read megabytes of 2^20 bytes as bytes."""
    if not faults.is_number(found, most=units.LARGEST >> 20):
        raise expected(found, "a number of megabytes, 0 or more")
    return units.parse_size(found * (1 << 20))  # type: ignore[operator]


def environment(found: object) -> dict[str, str]:
    """Read names and values of an environment as JavaScript hands them to a process."""
    if not isinstance(found, dict):
        raise expected(found, 'an object of texts such as {"PORT": "80"}')
    return {name: _as_text(value) for name, value in found.items()}


def _as_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def convert(source: Source, at: str, read: Callable[[object], object], found: object) -> object:
    """Return what a value means; ConfigError with its place when it does not fit."""
    try:
        return read(found)
    except UsageError as error:
        raise source.fault(at, str(error)) from None


def converted(
    source: Source, at: str, body: Mapping[str, object], fields: Mapping[str, Field]
) -> dict[str, object]:
    """Return our keys and values of those of `body` that `fields` knows."""
    return {
        fields[name].key: convert(source, below(at, name), fields[name].read, found)
        for name, found in body.items()
        if name in fields
    }


def below(at: str, name: str) -> str:
    """Return the place of a key of an object."""
    return f"{at}.{words.dotted([name])}" if at else words.dotted([name])


def refuse_unknown(source: Source, at: str, body: Mapping[str, object], known: Mapping[str, object]) -> None:
    """Raise ConfigError for the first key that the foreign format does not have; comments are noted."""
    for name in body:
        if name.startswith(COMMENTS):
            source.note(below(at, name), "is taken for a comment; left out")
        elif name not in known:
            raise source.fault(below(at, name), unknown(name, known))


def unknown(name: str, known: Mapping[str, object]) -> str:
    """Say that a key is not known; the known ones are listed where they are few."""
    if len(known) > _MOST_LISTED:
        return f"is not known{words.did_you_mean(name, known) or ' to this format'}"
    return words.unknown(name, known)
