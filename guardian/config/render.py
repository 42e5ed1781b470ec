"""Settings in force as text: a guardian.toml that says everything, or plain data for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.config import kinds, words
from guardian.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.config.kinds import Key
    from guardian.config.layers import Entry
    from guardian.config.tables import Path

    Row = tuple[Path, Key, Entry]

_ORIGIN_COLUMN = 36


def chosen(rows: Iterable[Row], dotted: str) -> list[Row]:
    """Return the rows of one key or of one table; ConfigError names the nearest when there is none."""
    said, path = list(rows), tuple(dotted.split("."))
    found = [row for row in said if row[0][: len(path)] == path]
    if not found:
        known = {".".join(row[0][:depth]) for row in said for depth in range(1, len(row[0]) + 1)}
        near = words.did_you_mean(dotted, sorted(known))
        tables = ", ".join(sorted({row[0][0] for row in said}))
        raise ConfigError(f"is not known{near or f'; known are {tables}'}", key=words.dotted(path))
    return found


def as_toml(rows: Iterable[Row], *, with_origin: bool = False) -> str:
    """Render rows as a file that could be read again; the origin is a comment behind each key."""
    lines: list[str] = []
    table: Path = ()
    for path, key, entry in rows:
        if key.silent(entry.value):
            continue
        if path[:-1] != table:
            table = path[:-1]
            lines += ["", f"[{words.dotted(table)}]"] if lines else [f"[{words.dotted(table)}]"]
        line = f"{path[-1]} = {kinds.written(key.kind, entry.value)}"
        lines.append(f"{line:<{_ORIGIN_COLUMN}}  # {entry.origin}" if with_origin else line)
    return "\n".join(lines)


def as_data(rows: Iterable[Row]) -> dict[str, object]:
    """Return rows as nested tables of plain numbers (seconds, bytes, percent), texts and lists."""
    result: dict[str, object] = {}
    for path, _, entry in rows:
        table = result
        for word in path[:-1]:
            table = table.setdefault(word, {})  # type: ignore[assignment]
        table[path[-1]] = list(entry.value) if isinstance(entry.value, tuple) else entry.value
    return result


def as_word(key: Key, value: object) -> str:
    """Render one value for a script: a text as it is, everything else as it stands in a file."""
    text = kinds.written(key.kind, value)
    measured = key.kind in (kinds.DurationKind, kinds.SizeKind)
    return value if isinstance(value, str) else text.strip('"') if measured else text
