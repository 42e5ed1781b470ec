"""A foreign file that is being read, and all that could not be said in guardian's words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guardian.errors import ConfigError
from guardian.procs.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    Tables = Mapping[str, Mapping[str, object]]  # by section: its keys, or by name a table of them


class Source:
    """The text of one file, and the notes that its reader takes.

    `folder` is the one that relative paths in it start from.
    """

    def __init__(self, path: str, text: str, environ: Mapping[str, str]) -> None:
        self.path, self.text, self.environ = path, text.removeprefix("\ufeff"), environ
        self.folder = os.path.dirname(path)
        self.notes: list[str] = []

    def beside(self, path: str, text: str) -> Source:
        """Return another file that this one includes; its notes are told with those of this one."""
        made = Source(path, text, self.environ)
        made.notes = self.notes
        return made

    def note(self, key: str, message: str) -> None:
        """Remember what a person has to be told about a key that was left out, or means something else."""
        line = printable(f"{key}: {message}" if key else message)
        if line not in self.notes:
            self.notes.append(line)

    def fault(self, key: str, message: str, *, line: int | str = 0) -> ConfigError:
        """Return the error that names file, line (or line and column, "3:1") and key."""
        file = f"{printable(self.path)}:{line}" if line else printable(self.path)
        return ConfigError(message, file=file, key=printable(key))
