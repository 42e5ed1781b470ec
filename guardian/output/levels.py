"""How serious a line of output is, as far as it says so itself."""

from __future__ import annotations

import re

NEAR = 64  # characters from the beginning in which a level is taken for the line's
FIELDS = 1000  # characters in which it may stand as a field: level=warn, "level": "warn"

LEVELS = {
    "trace": ("trace", "verbose", "silly", "10"),  # the numbers are those of bunyan and pino
    "debug": ("debug", "dbg", "20"),
    "info": ("info", "information", "notice", "30"),
    "warn": ("warn", "warning", "40"),
    "error": ("error", "err", "50"),
    "fatal": ("fatal", "critical", "crit", "panic", "emerg", "60"),
}
MEANT = {word: level for level, words in LEVELS.items() for word in words}
WORDS = "|".join(word for word in MEANT if word.isalpha())

FIELD = re.compile(
    r"""(?:"(?:level|severity|lvl)"\s*:|\b(?:level|severity|lvl)=)\s*["']?(\w+)""", re.IGNORECASE
)
WORD = re.compile(rf"[\[<(]\s*((?i:{WORDS}))\s*[\])>]|\b({WORDS.upper()})\b|(?:^|\s)((?i:{WORDS})):")


def level_of(text: str, stream: str) -> str:
    """Return trace, debug, info, warn, error or fatal; info and error where `stream` must tell.

    A field called level wins, then the first word for a level near the beginning: in capitals, in
    brackets, or with a colon behind it.
    """
    found = FIELD.search(text, 0, FIELDS)
    if found and (level := MEANT.get(found[1].lower())):
        return level
    found = WORD.search(text, 0, NEAR)
    if found:
        return MEANT[(found[1] or found[2] or found[3]).lower()]
    return "error" if stream == "stderr" else "info"
