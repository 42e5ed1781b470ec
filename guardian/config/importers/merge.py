"""Put imported tables into a guardian.toml: behind what is there, which keeps its form and its comments."""

from __future__ import annotations

import copy
import os
import tomllib
from typing import TYPE_CHECKING

from guardian.config import render, tables
from guardian.config.compose import compose_documents
from guardian.config.document import parse, read_text
from guardian.config.layers import Entry
from guardian.config.write import locked, write_file
from guardian.errors import ConfigError, UsageError
from guardian.procs.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guardian.config.document import Document
    from guardian.config.importers.source import Source, Tables
    from guardian.config.kinds import Key
    from guardian.config.render import Row
    from guardian.config.tables import Path

_BOM = "\ufeff"


def as_toml(source: Source, said: Tables) -> str:
    """Render imported tables; ConfigError names the foreign file where one of their values cannot stand."""
    text = render.as_toml([row for path, table in named(said) for row in _rows(source, path, table)])
    try:
        text.encode()
    except UnicodeEncodeError:
        raise source.fault("", "holds half of a character (a lone surrogate), which no file can") from None
    return f"# imported from {printable(source.path)}\n\n{text}\n"


def named(said: Tables) -> Iterator[tuple[Path, Mapping[str, object]]]:
    """Yield the path and the keys of each table that stands by itself: [monitor], [services.web]."""
    for name, body in said.items():
        section = tables.section_called(name)
        if section and section.named:
            for inner, table in body.items():
                if isinstance(table, dict):
                    yield (name, inner), table
        else:
            yield (name,), body


def _rows(source: Source, above: Path, table: Mapping[str, object]) -> Iterator[Row]:
    section = tables.section_called(above[0])
    known = dict(tables.leaves(section, above[-1])) if section else {}
    for path, found in _flat(above, table, known):
        try:
            yield path, known[path], Entry(known[path].read(found), "")
        except UsageError as error:
            raise source.fault(".".join(path), str(error)) from None


def _flat(
    above: Path, table: Mapping[str, object], known: Mapping[Path, Key]
) -> Iterator[tuple[Path, object]]:
    """Yield path and value of each key, those of tables below last: what stands behind a head is its."""
    later: list[tuple[Path, Mapping[str, object]]] = []
    for key, found in table.items():
        path = (*above, key)
        if isinstance(found, dict) and path not in known:
            later.append((path, found))
        else:
            yield path, found
    for path, inner in later:
        yield from _flat(path, inner, known)


def merge(path: str, text: str, said: Tables, *, force: bool) -> None:
    """Add the tables, which are those of `text`, to the file; ConfigError, and nothing was written.

    What is there already is only replaced with `force`, and then as whole tables.
    """
    with locked(path):
        before = read_text(path) if os.path.lexists(path) else ""
        document = parse(path, before)
        body = _made_room(document, said, force=force)
        after = f"{_trimmed(body, text)}{text}"
        _checked(document, after, text, said)
        whole = after.replace("\n", "\r\n") if "\r\n" in before else after
        write_file(path, (_BOM if before.startswith(_BOM) else "") + whole)


def _made_room(document: Document, said: Tables, *, force: bool) -> str:
    """Return the text without the tables that are imported anew, ending in a whole line."""
    there = [path for path, _ in named(said) if _holds(document.tables, path)]
    for path in there:
        if not force:
            raise document.fault(path, "is there already; --force replaces it; nothing was written")
        if len(path) == 1:
            message = "is there already, and is more than what was imported; use guardian config set"
            raise document.fault(path, f"{message}; nothing was written")
    body = _without(document.text, set(there)) if there else document.text
    return body if not body or body.endswith("\n") else f"{body}\n"


def _trimmed(body: str, text: str) -> str:
    """Return the text without blanks at its end, and without the first line of an import that is gone."""
    kept = body.rstrip("\n").removesuffix(text.partition("\n")[0]).rstrip("\n")
    return f"{kept}\n\n" if kept else ""


def _holds(body: Mapping[str, object], path: Path) -> bool:
    found: object = body
    for word in path:
        if not isinstance(found, dict) or word not in found:
            return False
        found = found[word]
    return True


def _without(text: str, gone: set[Path]) -> str:
    """Return the text without these tables; comments that stand right above the next table stay.

    Goes by the heads of tables alone. Where that is not how the file has them, the result says
    something else than it should, and the caller refuses it.
    """
    kept: list[str] = []
    dropped: list[str] | None = None  # lines of a table that goes, since its last key
    for line in text.split("\n"):
        head = _head(line)
        if head:
            kept += dropped or []
            dropped = [] if head[:2] in gone else None
        if dropped is None:
            kept.append(line)
        elif head or (line.strip() and not line.lstrip().startswith("#")):
            dropped = []
        else:
            dropped.append(line)
    return "\n".join([*kept, *(dropped or [])])


def _head(line: str) -> Path:
    """Return the path of a table's head; nothing for another line."""
    if not line.lstrip().startswith("["):
        return ()
    try:
        found: object = tomllib.loads(line)
    except ValueError:
        return ()
    path: list[str] = []
    while isinstance(found, dict) and found:
        path += list(found)[:1]
        found = found[path[-1]]
    return tuple(path)


def _checked(before: Document, after: str, added: str, said: Tables) -> None:
    """Raise ConfigError where the new text says anything but the old tables and the imported ones."""
    new = tomllib.loads(added)
    expected = copy.deepcopy(dict(before.tables))
    for path, _ in named(said):
        _put(expected, path, new)
    try:
        document = parse(before.path, after)
    except ConfigError:
        document = before
    if document.tables != expected:
        message = "cannot be added to without changing the rest; print the import and put it in by hand"
        raise ConfigError(f"{message}; nothing was written", file=printable(before.path))
    try:
        compose_documents([document])
    except ConfigError as error:
        raise ConfigError(
            f"{error.message}; nothing was written", file=printable(before.path), key=error.key
        ) from None


def _put(tables: dict[str, object], path: Path, new: Mapping[str, object]) -> None:
    """Set what stands at the path to what `new` has there; the comparison finds where that cannot be."""
    below = tables.setdefault(path[0], {}) if len(path) > 1 else tables
    source = new[path[0]] if len(path) > 1 else new
    if isinstance(below, dict) and isinstance(source, dict):
        below[path[-1]] = source[path[-1]]


def refuse_invalid(source: Source, text: str) -> None:
    """Raise ConfigError, about the foreign file, for what its tables cannot mean here."""
    try:
        compose_documents([parse(source.path, text)])
    except ConfigError as error:
        raise source.fault(error.key, error.message) from None
