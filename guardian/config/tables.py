"""Which keys a section has, and the reading of its table in a file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, get_type_hints

from guardian.config import kinds, words
from guardian.config import settings as registry
from guardian.config.kinds import Key
from guardian.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from guardian.config.settings import Section
    from guardian.errors import ConfigError
    from guardian.values import Value

    Path = tuple[str, ...]
    Keys = Mapping[str, "Key | Keys"]
    Fault = Callable[[Path, str], ConfigError]

ANY_NAME = "NAME"  # stands for the name of a rule where a key is spoken of in general
_NAME_LENGTH = 64
_NAME_FORM = f"letters, digits, - and _, a letter or digit first, at most {_NAME_LENGTH}"


@cache
def keys_of(section: Section) -> Keys:
    """Return what may stand in the section's table, by key; a table below it as such a mapping again."""
    parts = {part.field: part for part in section.parts}
    keys: dict[str, Key | Keys] = {}
    for name, key in _keys(section, section.shape).items():
        part = parts.get(name)
        if part is None:
            keys[name] = key
        elif part.below:
            keys[name] = _keys(section, part.shape)
        else:
            keys |= _keys(section, part.shape)
    return keys


def _keys(section: Section, shape: type[Value]) -> dict[str, Key]:
    hints = get_type_hints(shape, localns=kinds.NAMES)
    least, defaults = dict(section.least), shape._defaults
    return {
        name: Key(
            name,
            kinds.kind_of(hints[name], filled=name in section.filled),
            defaults.get(name),
            least.get(name, 0.0),
            required=name not in defaults,
        )
        for name in shape._fields
        if not (section.named and name == "name")
    }


def _leaves(keys: Keys, above: Path) -> Iterator[tuple[Path, Key]]:
    for name, key in keys.items():
        if isinstance(key, Key):
            yield (*above, name), key
        else:
            yield from _leaves(key, (*above, name))


def leaves(section: Section, name: str = ANY_NAME) -> Iterator[tuple[Path, Key]]:
    """Yield every key of a section with its whole path; `name` is that of one table of a named section."""
    yield from _leaves(keys_of(section), (section.name, name) if section.named else (section.name,))


def section_called(name: str) -> Section | None:
    """Return the section of that name, or None."""
    return next((section for section in registry.SECTIONS if section.name == name), None)


def _no_section(name: str) -> str:
    return words.unknown(name, [each.name for each in registry.SECTIONS], elsewhere=every_key())


def every_key() -> list[str]:
    """Return all keys of all sections, dotted."""
    return [words.dotted(path) for section in registry.SECTIONS for path, _ in leaves(section)]


def misnamed(name: str) -> str:
    """Say what is wrong with the name of a rule; empty when nothing is."""
    plain = name.replace("-", "").replace("_", "")
    good = plain.isascii() and plain.isalnum() and name[0].isalnum() and len(name) <= _NAME_LENGTH
    return "" if good else f"found the name {words.shown(name)}, expected {_NAME_FORM}"


def find_key(dotted: str) -> tuple[Path, Key]:
    """Return the path and the kind of a key such as rules.bun.max_memory; UsageError when there is none."""
    path = tuple(dotted.split("."))
    section = section_called(path[0])
    if section is None:
        raise UsageError(_no_section(path[0]))
    if section.named and len(path) > 1 and (wrong := misnamed(path[1])):
        raise UsageError(wrong)
    known = dict(leaves(section, path[1] if len(path) > 1 else ANY_NAME))
    if any(each[: len(path)] == path for each in known if each != path):
        keys = ", ".join(each[-1] for each in known)
        raise UsageError(f"is a table, expected one of its keys: {keys}")
    if path not in known:
        raise UsageError(words.unknown(dotted, map(words.dotted, known)))
    return path, known[path]


def read_tables(raw: Mapping[str, object], fault: Fault) -> Iterator[tuple[Path, object]]:
    """Yield path and value of every key of a file, and each [rules.NAME] itself with None.

    Raises what `fault` makes of the path and the words of the first thing that is wrong.
    """
    for name, table in raw.items():
        section = section_called(name)
        if section is None:
            raise fault((name,), _no_section(name))
        body = _table(table, (name,), fault, form=f"[{name}.{ANY_NAME}]" if section.named else f"[{name}]")
        yield from (_read_named if section.named else _read_plain)(section, body, fault)


def _read_plain(section: Section, body: Mapping[str, object], fault: Fault) -> Iterator[tuple[Path, object]]:
    return _read_table(keys_of(section), body, (section.name,), fault)


def _read_named(section: Section, body: Mapping[str, object], fault: Fault) -> Iterator[tuple[Path, object]]:
    for name, table in body.items():
        path = (section.name, name)
        if wrong := misnamed(name):
            raise fault(path, wrong)
        yield path, None
        inner = _table(table, path, fault, form=f"[{section.name}.{ANY_NAME}]")
        yield from _read_table(keys_of(section), inner, path, fault)


def _read_table(
    keys: Keys, body: Mapping[str, object], above: Path, fault: Fault
) -> Iterator[tuple[Path, object]]:
    for name, found in body.items():
        path, key = (*above, name), keys.get(name)
        if key is None:
            raise fault(path, words.unknown(name, keys, elsewhere=every_key()))
        if not isinstance(key, Key):
            inner = _table(found, path, fault, form=f"[{words.dotted(path)}]")
            yield from _read_table(key, inner, path, fault)
            continue
        try:
            yield path, key.read(found)
        except UsageError as error:
            raise fault(path, str(error)) from None


def _table(found: object, path: Path, fault: Fault, *, form: str) -> Mapping[str, object]:
    if isinstance(found, dict):
        return found
    raise fault(path, f"found {words.shown(found)}, expected a table {form}")
