"""What a service prints when it is well: a regular expression, searched in each of its lines."""

from __future__ import annotations

import re

from guardian.errors import UsageError
from guardian.probes.finding import shown

# A search can take time that grows with a power of the length (or worse, by a foolish pattern):
# of a longer line only the beginning is searched.
LONGEST = 1024  # bytes
COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # control sequences of terminals (ECMA-48)


class Pattern:
    """The compiled pattern of one check."""

    def __init__(self, pattern: str) -> None:
        try:
            self._search = re.compile(pattern).search
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"pattern: found {pattern!r}, expected a regular expression: {error}") from None

    def heard(self, line: bytes) -> str | None:
        """Return the note when a line of the service's output holds the pattern, else None.

        Colours are taken out before: a pattern is written as a person sees the line.
        """
        text = line[:LONGEST].decode("utf-8", "replace").rstrip("\r\n")
        if "\x1b" in text:
            text = COLOURS.sub("", text)
        return f'printed "{shown(text)}"' if self._search(text) else None
