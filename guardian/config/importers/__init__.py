"""Files of other tools that become a guardian.toml. A new one is one entry in IMPORTERS."""

from __future__ import annotations

import json
import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.document import read_text
from guardian.config.importers import bun_process_config, pm2, processes, procfile, supervisord
from guardian.config.importers.merge import as_toml, merge, refuse_invalid
from guardian.config.importers.source import Source
from guardian.config.places import FILE, working_directory
from guardian.errors import ConfigError, UsageError
from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardian.config.importers.source import Tables


class Importer(Value):
    """One foreign format: by what it is known, and how it becomes our tables.

    `read` gets the file and the way from ours to its folder, and raises ConfigError for the first
    thing that is wrong. `in_json` and `in_text` say whether a file of an unknown name is one.
    """

    name: str
    files: tuple[str, ...]  # globs of base names
    read: Callable[[Source, str], Tables]
    in_json: Callable[[object], bool] = lambda found: False
    in_text: Callable[[str], bool] = lambda text: False


class Imported(Value):
    """What a foreign file says: the text of a guardian.toml, its tables, and what a person has to know."""

    text: str
    tables: Tables
    notes: tuple[str, ...]


IMPORTERS = (
    Importer("bun-process-config", ("bun-process-config.json",), bun_process_config.read),
    Importer("processes", ("processes.json",), processes.read, in_json=processes.recognises),
    Importer(
        "pm2",
        ("ecosystem.config.json", "ecosystem*.json", "pm2*.json", "process.json"),
        pm2.read,
        in_json=pm2.recognises,
    ),
    Importer("procfile", ("Procfile", "Procfile.*", "*.procfile"), procfile.read),
    Importer(
        "supervisord",
        ("supervisord.conf", "supervisord*.conf", "supervisor*.ini"),
        supervisord.read,
        in_text=supervisord.recognises,
    ),
)

# Programs that would have to be executed to know what they say, and how a person does that instead.
PROGRAMS = {
    ("*.config.js", "*.config.cjs", "ecosystem*.js", "pm2*.js", "processes.js"): (
        "node -p 'JSON.stringify(require(\"./{file}\"))' > {stem}.json"
    ),
    ("*.config.mjs", "*.config.ts", "*.config.mts", "processes.ts", "ecosystem*.ts"): (
        "bun -p 'JSON.stringify((await import(\"./{file}\")).default)' > {stem}.json"
    ),
}


def import_file(path: str, form: str = "", *, environ: Mapping[str, str] = os.environ) -> Imported:
    """Return what a foreign file says as a guardian.toml of the working directory; `form` names its format.

    Raises ConfigError for what is wrong in the file, UsageError for a format nobody knows.
    """
    _refuse_programs(path)
    source = Source(path, read_text(path, from_anyone=True), environ)
    importer = _importer(source, form)
    base = os.path.relpath(source.folder, working_directory())
    tables = importer.read(source, base)
    text = as_toml(source, tables)
    refuse_invalid(source, text)
    return Imported(text, tables, tuple(source.notes))


def _refuse_programs(path: str) -> None:
    file = os.path.basename(path)
    for globs, hint in PROGRAMS.items():
        if any(fnmatchcase(file, glob) for glob in globs):
            how = hint.format(file=file, stem=file.rpartition(".")[0])
            message = f"is a program, and an import executes nothing; make JSON of it and import that: {how}"
            raise ConfigError(message, file=printable(path))


def _importer(source: Source, form: str) -> Importer:
    known = {importer.name: importer for importer in IMPORTERS}
    if form:
        if form not in known:
            raise UsageError(f"--format {words.dotted([form])} {words.unknown(form, known)}")
        return known[form]
    file = os.path.basename(source.path)
    by_name = [importer for importer in IMPORTERS if any(fnmatchcase(file, glob) for glob in importer.files)]
    for importer in _by_content(source.text) or by_name:
        return importer
    files = ", ".join(importer.files[0] for importer in IMPORTERS)
    message = f"has a name and a content that tell no format, expected one of {files}"
    raise source.fault("", f"{message}; or say --format {' | '.join(known)}")


def _by_content(text: str) -> list[Importer]:
    """Return the one format that the content is clearly of; what is no JSON is text to all of them."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    sure = [each for each in IMPORTERS if each.in_json(found) or each.in_text(text)]
    return sure if len(sure) == 1 else []


def write_import(imported: Imported, *, force: bool = False) -> str:
    """Add what was imported to ./guardian.toml, return its path; ConfigError, and nothing is written.

    What is there already is replaced only with `force`.
    """
    path = os.path.join(working_directory(), FILE)
    merge(path, imported.text, imported.tables, force=force)
    return path
