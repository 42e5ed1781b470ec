"""The services that a foreign file describes, while they are put together."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.services import faults
from guardian.services.spec import ServiceSpec
from guardian.units import exact_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guardian.config.importers.source import Source, Tables

_LONGEST_DELAY: float = ServiceSpec._defaults["max_restart_delay"]
_SECRET = re.compile(
    r"(^|_)(api_?key|auth|credentials?|dsn|key|pass|passphrase|passwd|password|private|pwd|secret|token)s?(_|$)",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_SHELL = re.compile(r"[$`|&;<>()*?\[\]{}~#!\n\\]|^\s*\w+=")  # what only a shell understands; in doubt a shell
_BUILT_IN = frozenset(
    (
        *(
            ".",
            ":",
            "[",
            "alias",
            "cd",
            "eval",
            "exec",
            "exit",
            "export",
            "for",
            "if",
            "read",
            "set",
            "source",
        ),
        *("test", "time", "trap", "ulimit", "umask", "unset", "until", "while"),
    )
)


class Services:
    """The services of one file by name; each foreign name becomes one that guardian allows."""

    def __init__(self, source: Source, base: str) -> None:
        self.source, self.base = source, base
        self._tables: dict[str, dict[str, object]] = {}

    def add(self, at: str, name: str, table: dict[str, object]) -> None:
        """Take a service; ConfigError when there is one of that name. `at` is the place in the file."""
        own = plain_name(self.source, at, name)
        if own in self._tables:
            raise self.source.fault(at, f"the name {own} is there twice, expected another one")
        _allow_delay(self.source, at, table)
        _tell_secrets(self.source, at, table)
        table = {key: value for key, value in table.items() if value not in ("", [], {}, None)}
        self._tables[own] = self._in_place(table)

    def _in_place(self, table: dict[str, object]) -> dict[str, object]:
        """Let a service of a file in another folder start where that file meant it to."""
        if self.base == os.curdir:
            return table
        start = os.path.normpath(os.path.join(self.base, str(table.pop("cwd", ""))))
        head = {key: table.pop(key) for key in ("command", "args", "interpreter") if key in table}
        for key in ("log_file", "error_file"):
            if key in table:
                table[key] = below_folder(self.base, str(table[key]))
        files = table.get("env_files")
        if isinstance(files, list):
            table["env_files"] = [below_folder(self.base, file) for file in files]
        return head | {"cwd": start} | table

    def tables(self) -> Tables:
        """Return what was taken; ConfigError when that is nothing."""
        if not self._tables:
            raise self.source.fault("", "describes no service; nothing to import")
        for table in self._tables.values():
            self._rename_groups(table)
        return {"services": self._tables}

    def _rename_groups(self, table: dict[str, object]) -> None:
        """Give a group another name that one of the services has: a word means either."""
        for key in ("group", "groups"):
            if found := table.get(key):
                own = [self._group(str(each)) for each in (found if isinstance(found, list) else [found])]
                table[key] = own if isinstance(found, list) else own[0]

    def _group(self, name: str) -> str:
        if name not in self._tables:
            return name
        self.source.note("", f"the group {name} is {name}-group here, because a service has its name")
        return f"{name}-group"


def below_folder(folder: str, path: str) -> str:
    """Return a path that starts in `folder`, unless it starts at the root or at home."""
    return path if path.startswith("~") else os.path.normpath(os.path.join(folder, path))


def plain_name(source: Source, at: str, name: str) -> str:
    """Return a name that guardian allows, and note where that is another one."""
    own = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64]
    if not own:
        raise source.fault(at, f"found the name {words.shown(name)}, expected one with a letter or a digit")
    if own != name:
        source.note(at, f"the name {words.shown(name)} is {own} here: letters, digits, - and _ only")
    return own


def program(line_words: Sequence[str]) -> dict[str, object]:
    """Return `command` and `args` that execute exactly these words."""
    first, *rest = line_words
    return {"command": first, "args": list(rest)} if rest else {"command": shlex.quote(first)}


def needs_shell(line: str) -> bool:
    """Whether a command line means more to a shell than to be split at its blanks."""
    first = line.split(maxsplit=1)[0] if line.strip() else ""
    return first in _BUILT_IN or _SHELL.search(line) is not None


def shell_line(line: str) -> dict[str, object]:
    """Return `command` and `args` for a line that was written for a shell; ValueError for an open quote."""
    shlex.split(line)
    return program(["sh", "-c", line]) if needs_shell(line) else {"command": line}


def _allow_delay(source: Source, at: str, table: dict[str, object]) -> None:
    delay = table.get("restart_delay", 0.0)
    if isinstance(delay, (int, float)) and delay > _LONGEST_DELAY:
        table["max_restart_delay"] = delay
        source.note(at, f"max_restart_delay is raised to {exact_duration(delay)}, which is its restart_delay")


def _tell_secrets(source: Source, at: str, table: dict[str, object]) -> None:
    env = table.get("env")
    if isinstance(env, dict) and (names := secrets(env.items())):
        verb = "looks" if len(names) == 1 else "look"
        source.note(
            at,
            f"env: {', '.join(names)} {verb} like a secret and would stand in guardian.toml as it is; "
            "better put it into a file that only you can read, and that into env_files",
        )


def secrets(env: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names of the variables that look as if nobody else should read them."""
    return [name for name, value in env if value and (_SECRET.search(name) or _PASSWORD_IN_URL.search(value))]


def never_again(source: Source, at: str, table: dict[str, object]) -> None:
    """Say 0 restarts, which is no limit in guardian's words."""
    source.note(at, "0 is autorestart = false here, where max_restarts = 0 means no limit")
    table["autorestart"] = False
    del table["max_restarts"]


def whole_check(source: Source, at: str, check: dict[str, object]) -> dict[str, object]:
    """Return a check without the keys that only a check of another type can use; those are noted."""
    kind = str(check.get("type", "http"))
    foreign = {key for keys in faults.FIELDS.values() for key in keys} - set(faults.FIELDS.get(kind, ()))
    for key in sorted(foreign & check.keys()) if kind in faults.FIELDS else ():
        source.note(at, f"{key} is of no use to a check of type {kind}; left out")
        del check[key]
    return check
