"""Change one key of a guardian.toml, or write a new one; what is not changed keeps its form.

The whole result is checked first, and appears by rename: nobody ever reads half of it.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from guardian.config import kinds, words
from guardian.config.compose import compose_documents
from guardian.config.document import parse, read_document, read_text
from guardian.config.places import FILE, find_places, user_file
from guardian.config.tables import find_key
from guardian.config.write import locked, write_file
from guardian.errors import ConfigError, UsageError
from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tomlkit.container import Container

    from guardian.config.document import Document
    from guardian.config.places import Places
    from guardian.config.tables import Path

_BOM = "\ufeff"


class Change(Value):
    """What was written where, the value as it stands in the file."""

    path: str
    key: str
    literal: str


def set_key(
    dotted: str, text: str, *, environ: Mapping[str, str], cwd: str | None = None, user: bool = False
) -> Change:
    """Set a key to what `text` means, in the project's file or the user's; ConfigError, and nothing done."""
    path, literal = _literal(dotted, text)
    places, own = find_places(environ, cwd), user_file(environ)
    target = _target(places, own, user=user)
    with locked(target):
        before = read_text(target) if os.path.lexists(target) else ""
        after = _edited(target, before, path, literal)
        _refuse_wrong(_documents(places, parse(target, after), user=user), target)
        write_file(target, after)
    return Change(target, dotted, literal)


def _literal(dotted: str, text: str) -> tuple[Path, str]:
    """Return where a value belongs and how it is written there: as it was typed, where that can be."""
    try:
        path, key = find_key(dotted)
        found = kinds.from_text(key.kind, text)
        value = key.read(found)
    except UsageError as error:
        raise ConfigError(str(error), key=words.dotted(dotted.split("."))) from None
    return path, kinds.literal(key.kind, found) if isinstance(found, str) else kinds.written(key.kind, value)


def _target(places: Places, own: str, *, user: bool) -> str:
    if user:
        if not own:
            raise UsageError("there is no home for a user's file; set HOME or XDG_CONFIG_HOME")
        return own
    project = [path for path in places.files if path != own or not places.folder]
    return project[-1] if project else os.path.join(places.folder, FILE)


def _documents(places: Places, changed: Document, *, user: bool) -> list[Document]:
    """Return the documents in force after the change, lowest precedence first."""
    if user and not places.folder:
        return [changed]  # GUARDIAN_CONFIG names another file: the user's is not in force
    files = list(places.files)
    if changed.path not in files:
        files.insert(0 if user else len(files), changed.path)
    return [changed if path == changed.path else read_document(path) for path in files]


def _refuse_wrong(documents: list[Document], changed: str) -> None:
    try:
        compose_documents(documents)
    except ConfigError as error:
        # a line of a text that nobody will see would lead astray
        file = printable(changed) if error.file.startswith(f"{printable(changed)}:") else error.file
        raise ConfigError(f"{error.message}; nothing was written", file=file, key=error.key) from None


def _edited(file: str, before: str, path: Path, literal: str) -> str:
    """Return the text with the key set, everything else as it was; ConfigError when that cannot be."""
    document = parse(file, before)
    try:
        after = _with(document.text, path, literal)
    except (TOMLKitError, TypeError, AttributeError):  # what it raises on tables it cannot reach into
        after = ""
    if parse(file, after).tables != _expected(
        document.tables, path, parse(file, f"x = {literal}").tables["x"]
    ):
        raise document.fault(path, "cannot be set without changing the rest of the file; edit it by hand")
    windows = "\r\n" in before
    return (_BOM if before.startswith(_BOM) else "") + (after.replace("\n", "\r\n") if windows else after)


def _with(text: str, path: Path, literal: str) -> str:
    document = tomlkit.parse(text)
    table: Container | Table = document
    for depth, word in enumerate(path[:-1], 1):
        if word not in table:
            table[word] = tomlkit.table(is_super_table=depth < len(path) - 1)
        table = cast(Table, table[word])
    table[path[-1]] = tomlkit.value(literal)
    return tomlkit.dumps(document)


def _expected(tables: Mapping[str, object], path: Path, value: object) -> dict[str, object]:
    result = copy.deepcopy(dict(tables))
    table: dict[str, object] = result
    for word in path[:-1]:
        below = table.setdefault(word, {})
        if not isinstance(below, dict):
            return {}
        table = below
    table[path[-1]] = value
    return result
