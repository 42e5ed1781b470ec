"""JSON that anybody may have written: read it, or say in one line why that cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from guardian.config import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guardian.config.importers.source import Source

_DEEPEST = 20  # what a configuration is nested; messages recurse into what they show


def read_json(source: Source) -> object:
    """Return what the file holds; ConfigError with line and column when it is no JSON."""
    try:
        found: object = json.loads(source.text)
    except json.JSONDecodeError as error:
        raise source.fault("", f"is not JSON: {error.msg}", line=f"{error.lineno}:{error.colno}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; brackets without end
        raise source.fault("", f"is not JSON that can be read: {error}") from None
    if _too_deep(found):
        raise source.fault("", f"is not JSON that can be read: nested deeper than {_DEEPEST} levels")
    return found


def _too_deep(found: object) -> bool:
    level: list[object] = [found]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in _children(each)]
    return bool(level)


def _children(found: object) -> Iterable[object]:
    if isinstance(found, dict):
        return found.values()
    return found if isinstance(found, list) else ()


def object_at(source: Source, found: object, at: str, *, of: str) -> dict[str, object]:
    """Return an object, or raise ConfigError that says what stood there; `of` says what it should hold."""
    if isinstance(found, dict):
        return found
    raise source.fault(at, f"found {words.shown(found)}, expected an object of {of}")


def objects_at(source: Source, found: object, at: str, *, of: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the objects of a list, each with the place where it stands."""
    if not isinstance(found, list):
        raise source.fault(at, f"found {words.shown(found)}, expected a list of {of}")
    for number, each in enumerate(found):
        place = f"{at}[{number}]"
        yield place, object_at(source, each, place, of=of)
