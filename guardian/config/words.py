"""The words of a message about a configuration: what was found, and what was probably meant."""

from __future__ import annotations

import datetime
import difflib

from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 60


def shown(found: object) -> str:
    """Render what was found on one short line, the way a person wrote it."""
    text = _rendered(found)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _rendered(found: object) -> str:
    if isinstance(found, dict):
        return "a table"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int) and found.bit_length() > 64:
        return f"a number of {found.bit_length()} bits"  # Python refuses the decimal form of a long one
    if isinstance(found, (datetime.date, datetime.time)):
        return found.isoformat()
    if isinstance(found, list):
        return f"[{', '.join(map(shown, found))}]"
    return printable(repr(found))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like this one, or nothing when none is."""
    return next(iter(difflib.get_close_matches(word[:_LONGEST], list(known), n=1)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the nearest known word, or nothing."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def unknown(word: str, known: Iterable[str], *, elsewhere: Iterable[str] = ()) -> str:
    """Say that a word is not known, which one is nearest, or else which ones there are.

    `elsewhere` are dotted keys of other tables: a key may be right and only stand in the wrong one.
    """
    known = list(known)
    hint = did_you_mean(word, known)
    moved = [key for key in elsewhere if key.rpartition(".")[2] == word]
    if moved:
        hint = f"; did you mean {' or '.join(moved[:2])}?"
    return f"is not known{hint}" if hint else f"is not known; known are {', '.join(known)}"


def dotted(path: Iterable[str]) -> str:
    """Join the words of a key the way a file has them; a word with odd characters is quoted and escaped."""
    return ".".join(_word(word) for word in path)


def _word(word: str) -> str:
    plain = word.isascii() and word.replace("-", "").replace("_", "").isalnum()
    return word if plain else shown(word)
