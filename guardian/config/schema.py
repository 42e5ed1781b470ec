"""A JSON Schema of guardian.toml for editors, made from the same types that check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from guardian import units
from guardian.config import kinds, tables
from guardian.config import settings as registry
from guardian.config.kinds import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.config.settings import Section
    from guardian.config.tables import Keys

    Field = tuple[str, object, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


def schema() -> dict[str, object]:
    """Return the JSON Schema of a whole file."""
    sections = map(_section, registry.SECTIONS)
    whole = _struct("guardian.toml", sections, "What guardian watches, and the limits.")
    return {"$schema": DIALECT, **msgspec.json.schema(whole, schema_hook=_measure)}


def _section(section: Section) -> Field:
    inherited = {key for part in section.parts if part.inherits for key in part.shape._fields}
    table = _table(section.name.title(), tables.keys_of(section), section.shape.__doc__ or "", inherited)
    if section.named:
        return section.name, dict[_NAME, table], _unset()  # type: ignore[valid-type]
    return section.name, table, _unset()


def _table(name: str, keys: Keys, doc: str, inherited: Iterable[str] = ()) -> type[msgspec.Struct]:
    """Return the struct of a table; what it inherits has no default of its own."""
    fields: list[Field] = []
    for key_name, key in keys.items():
        if not isinstance(key, Key):
            fields.append((key_name, _table(f"{name}.{key_name}", key, ""), _unset()))
        else:
            silent = key_name in inherited or key.silent(key.default)
            fields.append((key_name, key.kind, _unset() if silent else _default(key)))
    return _struct(name, fields, doc)


def _struct(name: str, fields: Iterable[Field], doc: str) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, list(fields), namespace={"__doc__": doc}, forbid_unknown_fields=True)


def _unset() -> object:
    """Return a default that msgspec does not write down: the key may be missing."""
    return msgspec.field(default_factory=lambda: msgspec.UNSET)


def _default(key: Key) -> object:
    value = kinds.as_read(key.kind, key.default)
    if not isinstance(value, list | dict):
        return value
    return _unset() if value else msgspec.field(default_factory=type(value))  # no mutable default


def _measure(kind: type) -> dict[str, object]:
    """Return what a duration, size or percentage looks like in a file."""
    endings = {kinds.DurationKind: [*units.SECONDS], kinds.SizeKind: [*units.BYTES]}.get(kind, ["%"])
    said = {"type": "string", "pattern": _pattern(endings)}
    return {"description": kinds.expected(kind), "anyOf": [said, {"type": "number", "minimum": 0}]}


def _pattern(endings: Iterable[str]) -> str:
    """Return the pattern of a number with one of these units, in either case."""
    either = [
        "".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in each) for each in endings
    ]
    return rf"^\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*({'|'.join(filter(None, either))})?\s*$"
