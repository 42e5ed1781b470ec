"""What may stand at a key: the types of the annotations, read from a file or a text, and written back.

The annotations of the section types are the one description; msgspec checks against them.
Importing this costs 30 ms, so only a load that the cache cannot answer does.
"""

from __future__ import annotations

import json
import tomllib
from typing import Annotated, Literal, get_args, get_origin

import msgspec

from guardian import units
from guardian.config import words
from guardian.errors import UsageError
from guardian.values import Value


class DurationKind(float):
    """Seconds, written as units.DURATION_FORM says."""


class SizeKind(int):
    """Bytes, written as units.SIZE_FORM says."""


class PercentKind(float):
    """Percent of one core, written as a number, or as a text with %."""


Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Text = Annotated[str, msgspec.Meta(pattern="^[^\\x00]*$")]  # no process, program or path holds a NUL
Texts = tuple[Text, ...]
FilledTexts = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern="^[^\\x00]+$")], ...], msgspec.Meta(min_length=1)
]
Number = Annotated[float, msgspec.Meta(ge=0, le=1_000_000_000)]
Policy = bool | Literal["on-failure"]
TextTable = dict[Text, Text]
NumberTable = dict[Text, Annotated[int, msgspec.Meta(ge=-1, le=units.LARGEST)]]

# The names that annotations of section types use, and what stands for the plain types among them.
NAMES = {
    "Duration": DurationKind,
    "Size": SizeKind,
    "Percent": PercentKind,
    "Literal": Literal,
    "Mapping": dict,
}
STRICT: dict[object, object] = {
    int: Count,
    float: Number,
    str: Text,
    tuple[str, ...]: Texts,
    dict[str, str]: TextTable,
    dict[str, int]: NumberTable,
}

PARSERS = {
    DurationKind: units.parse_duration,
    SizeKind: units.parse_size,
    PercentKind: units.parse_percent,
}
EXPECTED: dict[object, str] = {
    DurationKind: f"{units.DURATION_FORM}, from 0 to {units.LONGEST / 86400:.0f}d",
    SizeKind: f"{units.SIZE_FORM}, from 0 to {units.LARGEST >> 40}TB",
    PercentKind: "a percentage of one core such as 80, from 0 to 1000000",
    Count: "a whole number from 0 to 1000000000",
    bool: "true or false",
    Text: "a text",
    Texts: 'a list of texts such as ["bun"]',
    FilledTexts: 'a list of texts such as ["bun"], with at least one, none of them empty',
    Number: "a number from 0 to 1000000000",
    Policy: 'true, false or "on-failure"',
    TextTable: 'a table of texts such as { PORT = "80" }',
    NumberTable: "a table of whole numbers such as { nofile = 1024 }, -1 for unlimited",
}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def kind_of(hint: object, *, filled: bool = False) -> object:
    """Return the type that msgspec checks for an annotation of a section type."""
    return FilledTexts if filled else STRICT.get(hint, hint)


def expected(kind: object) -> str:
    """Say what may stand at a key of that kind."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    return EXPECTED.get(kind) or str(kind)


def convert(kind: object, found: object) -> object:
    """Return `found` as a plain value of that kind; UsageError says what was found and expected."""
    try:
        return _plain(msgspec.convert(found, kind, dec_hook=_measure))
    except (msgspec.ValidationError, UsageError):
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        hint = words.did_you_mean(str(found), choices) if isinstance(found, str) else ""
        raise UsageError(f"found {words.shown(found)}, expected {expected(kind)}{hint}") from None


def _measure(kind: type, found: object) -> object:
    return kind(PARSERS[kind](found))


def _plain(made: object) -> object:
    """Drop the marker classes: settings hold the numbers that their types promise."""
    if isinstance(made, SizeKind):
        return int(made)
    return float(made) if isinstance(made, (DurationKind, PercentKind)) else made


def from_text(kind: object, text: str) -> object:
    """Return what `text`, from a variable or a command line, stands for in a file; not yet checked."""
    if kind in (bool, Policy):
        return _TRUTHS.get(text.strip().lower(), text)
    if kind in (Count, Number):
        return _numbered(text)
    if kind in (TextTable, NumberTable):
        return _as_toml(text)
    return _listed(text) if kind in (Texts, FilledTexts) else text


def _numbered(text: str) -> object:
    """Read a plain decimal number; another text stays one."""
    digits = text.strip().replace(".", "", 1)
    if not digits.isdecimal() or len(text) >= 20:
        return text
    return int(text) if "." not in text else float(text)


def _listed(text: str) -> object:
    """Read `a, b` or, for texts that hold commas, the array that would stand in a file."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",")] if text.strip() else []
    return _as_toml(text)


def _as_toml(text: str) -> object:
    """Read what could stand behind a key in a file; what could not stays a text."""
    try:
        read = tomllib.loads(f"x = {text}")
    except (ValueError, RecursionError):
        return text
    return read["x"] if len(read) == 1 else text


def written(kind: object, value: object) -> str:
    """Render a value as it stands in a file, so that reading it returns it again."""
    if kind is DurationKind and isinstance(value, (int, float)):
        return _bare_or_quoted(units.exact_duration(value))
    if kind is SizeKind and isinstance(value, int):
        return _bare_or_quoted(units.exact_size(value))
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(written(None, each) for each in value)}]"
    if isinstance(value, dict):
        return _table_written(value)
    # a JSON text is a TOML text but for DEL, which TOML wants escaped
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table_written(table: dict[str, object]) -> str:
    rows = [f"{written(None, key)} = {written(None, each)}" for key, each in table.items()]
    return f"{{ {', '.join(rows)} }}" if rows else "{}"


def as_read(kind: object, value: object) -> object:
    """Return what a reader of TOML gets where the value was written."""
    return tomllib.loads(f"x = {written(kind, value)}")["x"]


def literal(kind: object, text: str) -> str:
    """Render a text as it was typed, the way it stands in a file: a number bare where numbers may stand."""
    return _bare_or_quoted(text.strip()) if kind in PARSERS else written(kind, text)


def _bare_or_quoted(text: str) -> str:
    return str(int(text)) if text.isascii() and text.isdecimal() else json.dumps(text, ensure_ascii=False)


class Key(Value):
    """One key of a section: what may stand there, and from which value upwards."""

    name: str
    kind: object
    default: object = None
    least: float = 0.0
    required: bool = False  # a table that is there must have it

    def silent(self, value: object) -> bool:
        """Whether a file says this value by not having the key."""
        return value is None or (self.kind == FilledTexts and not value)

    def read(self, found: object) -> object:
        """Return the value that `found` means; UsageError says what was found and expected."""
        value = convert(self.kind, found)
        if self.least and isinstance(value, (int, float)) and value < self.least:
            bound = written(self.kind, int(self.least) if self.least.is_integer() else self.least).strip('"')
            raise UsageError(f"found {words.shown(found)}, expected {expected(self.kind)}, at least {bound}")
        return value
