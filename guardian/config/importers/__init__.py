"""Files of other tools that become a guardian.toml. A new one is one entry in IMPORTERS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import tomlkit

from guardian.config import words
from guardian.config.compose import compose_documents
from guardian.config.document import parse, read_text
from guardian.config.importers import bun_process_config
from guardian.config.places import FILE, working_directory
from guardian.config.write import create_file
from guardian.errors import ConfigError, UsageError
from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Importer(Value):
    """One foreign format: by which file names it is known, and how its text becomes our tables.

    `read` gets path and text, and raises ConfigError for the first thing that is wrong.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[str, str], Mapping[str, object]]


IMPORTERS = (Importer("bun-process-config", ("bun-process-config.json",), bun_process_config.read),)


def import_file(path: str, form: str = "") -> str:
    """Return the guardian.toml that says what a foreign file says; `form` names its format.

    Raises ConfigError for what is wrong in the file, UsageError for a format nobody knows.
    """
    importer = _importer(path, form)
    tables = importer.read(path, read_text(path, from_anyone=True))
    text = f"# imported from {printable(path)}\n\n{tomlkit.dumps(tables)}"
    compose_documents([parse(path, text)])
    return text


def _importer(path: str, form: str) -> Importer:
    known = {importer.name: importer for importer in IMPORTERS}
    if form:
        if form not in known:
            raise UsageError(f"--format {words.dotted([form])} {words.unknown(form, known)}")
        return known[form]
    by_name = [importer for importer in IMPORTERS if os.path.basename(path) in importer.files]
    if not by_name:
        files = ", ".join(file for importer in IMPORTERS for file in importer.files)
        message = (
            f"has a name that tells no format, expected one of {files}; or say --format {' | '.join(known)}"
        )
        raise ConfigError(message, file=printable(path))
    return by_name[0]


def write_new(text: str) -> str:
    """Write ./guardian.toml, return its path; ConfigError when there is one already."""
    path = os.path.join(working_directory(), FILE)
    create_file(path, text)
    return path
