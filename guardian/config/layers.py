"""The layers of a configuration, each checked by itself, and the higher speaking before the lower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.config import kinds, tables, words
from guardian.config import settings as registry
from guardian.config.settings import BUN_TEST
from guardian.config.variables import PREFIX, variable_of
from guardian.errors import ConfigError, UsageError
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guardian.config.document import Document
    from guardian.config.tables import Path

    Layer = Mapping[Path, "Entry"]

BUILT_IN = "built-in"
COMMAND_LINE = "command line"


class Entry(Value):
    """A checked value and where it came from: a file, a variable, the command line, or built-in."""

    value: object
    origin: str


def from_document(document: Document) -> Layer:
    """Return what a file says; ConfigError for the first key that is wrong."""
    read = tables.read_tables(document.tables, document.fault)
    return {path: Entry(value, document.path) for path, value in read}


def from_variables(variables: Iterable[tuple[str, str]]) -> Layer:
    """Return what GUARDIAN_<SECTION>_<KEY> variables say; ConfigError for the first that is wrong."""
    known = _variables()
    entries = {}
    for name, text in variables:
        if name not in known:
            raise ConfigError(_unknown_variable(name, known), key=words.dotted([name]))
        path, key = known[name]
        entries[path] = Entry(_read(key, text, name), name)
    return entries


def _variables() -> dict[str, tuple[Path, kinds.Key]]:
    plain = [leaf for section in registry.SECTIONS if not section.named for leaf in tables.leaves(section)]
    return {variable_of(path[0], path[-1]): (path, key) for path, key in plain if len(path) == 2}


def _unknown_variable(name: str, known: Iterable[str]) -> str:
    section = name.removeprefix(PREFIX).partition("_")[0]
    near = [each for each in known if each.startswith(f"{PREFIX}{section}_")]
    return words.unknown(name, near) if near else "is not known; tables with names of their own need a file"


def from_flags(flags: Iterable[tuple[str, object]]) -> Layer:
    """Return what the command line says by dotted key; ConfigError for the first that is wrong."""
    entries = {}
    for dotted, value in flags:
        try:
            path, key = tables.find_key(dotted)
        except UsageError as error:
            raise ConfigError(str(error), key=words.dotted(dotted.split("."))) from None
        entries[path] = Entry(_read(key, value, dotted), COMMAND_LINE)
    return entries


def _read(key: kinds.Key, value: object, name: str) -> object:
    found = list(value) if isinstance(value, tuple) else value
    try:
        return key.read(kinds.from_text(key.kind, found) if isinstance(found, str) else found)
    except UsageError as error:
        raise ConfigError(str(error), key=name) from None


def built_in(above: Iterable[Layer]) -> Layer:
    """Return the rule that applies when no layer above has one, or when one only adds to it."""
    named = {path[1] for layer in above for path in layer if path[0] == "rules"}
    if named and BUN_TEST.name not in named:
        return {}
    rule, selector = ("rules", BUN_TEST.name), BUN_TEST.selector
    said = {rule: None, (*rule, "names"): selector.names, (*rule, "command"): selector.command}
    return {path: Entry(value, BUILT_IN) for path, value in said.items()}


def merged(layers: Iterable[Layer]) -> dict[Path, Entry]:
    """Merge layers, highest precedence first: its values stand, and its rules are looked at first."""
    result: dict[Path, Entry] = {}
    for layer in layers:
        result |= {path: entry for path, entry in layer.items() if path not in result}
    return result
