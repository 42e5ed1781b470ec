"""A Procfile, as foreman, honcho and overmind read it: `name: command line`, each line for a shell.

They give every process a PORT: 5000 (or the PORT of .env) for the first, 100 more for each next one.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.document import read_text
from guardian.config.importers.services import Services, shell_line

if TYPE_CHECKING:
    from guardian.config.importers.source import Source, Tables

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
_PORT = re.compile(r"""^[ \t]*(?:export[ \t]+)?PORT[ \t]*=[ \t]*["']?(\d{1,5})["']?[ \t]*$""", re.MULTILINE)
FIRST_PORT, NEXT_PORT = 5000, 100
ENVIRONMENT = ".env"
_LARGEST_PORT = 65535


def read(source: Source, base: str) -> Tables:
    """Return our tables for a Procfile; ConfigError names file and line of what is wrong."""
    services = Services(source, base)
    shared, port = _environment(source)
    for number, line in enumerate(source.text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, command = _parts(source, number, line)
        if port > _LARGEST_PORT:
            message = f"{name} would get PORT {port}, which is past {_LARGEST_PORT}"
            raise source.fault("", message, line=number)
        table = _command(source, number, command) | {"env": {"PORT": str(port)}}
        services.add(f"line {number}", name, table | shared)
        port += NEXT_PORT
    return _told(source, services.tables())


def _parts(source: Source, number: int, line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise source.fault("", f"found {words.shown(line.strip())}, expected NAME: COMMAND LINE", line=number)
    return found[1], found[2]


def _command(source: Source, number: int, command: str) -> dict[str, object]:
    try:
        return shell_line(command)
    except ValueError as error:
        raise source.fault("", f"found {words.shown(command)}: {error}", line=number) from None


def _environment(source: Source) -> tuple[dict[str, object], int]:
    """Return what the file beside the Procfile adds to every process, and the first port."""
    path = os.path.join(source.folder, ENVIRONMENT)
    if not os.path.exists(path):
        return {}, FIRST_PORT
    found = _PORT.search(read_text(path, from_anyone=True))
    source.note("", f"{ENVIRONMENT} is read by every service: env_files")
    return {"env_files": [ENVIRONMENT]}, int(found[1]) if found else FIRST_PORT


def _told(source: Source, tables: Tables) -> Tables:
    source.note(
        "",
        "each service gets its PORT as foreman gives it, the first the lowest and each next one "
        f"{NEXT_PORT} more; guardian starts a service again that ends, foreman ends all the others",
    )
    return tables
