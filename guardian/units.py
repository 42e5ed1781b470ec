"""Durations and sizes as people write them: `500ms 10s 5m 1h`, `512MB 1GB 1.5GiB`.

Durations are seconds (float), sizes bytes (int); MB and MiB both mean 2^20 bytes, as the
documents that guardian grew from mean it. Written without `re`: `guardian run` imports this.
"""

from __future__ import annotations

from guardian.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Duration: TypeAlias = float  # seconds, 0 means none where it is a limit
    Size: TypeAlias = int  # bytes, 0 means none where it is a limit
    Percent: TypeAlias = float  # of one core

SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
BYTES |= {unit + ending: BYTES[unit] for unit in "kmgt" for ending in ("b", "ib")}
LONGEST = 10 * 365 * 86400.0  # ten years: longer than any machine runs, short enough for every timer
LARGEST = 1 << 60

DURATION_FORM = "a duration such as 500ms, 10s, 5m or 1h (a bare number is seconds)"
SIZE_FORM = "a size such as 512MB, 1GB or 1.5GiB (a bare number is bytes)"


def _split(text: str) -> tuple[float, str]:
    """Cut "1.5 GiB" into 1.5 and "gib"; ValueError unless the first part is a plain decimal number.

    A whole number stays an int: sizes are exact.
    """
    trimmed = text.strip()
    end = 0
    while end < len(trimmed) and (trimmed[end] in "0123456789."):
        end += 1
    number = trimmed[:end]
    return (float if "." in number else int)(number), trimmed[end:].strip().lower()


def _shown(value: object) -> str:
    """Return what was found, as long as one line may be."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _quantity(value: object, *, units: dict[str, float] | dict[str, int], form: str, most: float) -> float:
    """Read a number with a unit; UsageError names what was found and what was expected."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(f"found {_shown(value)}, expected {form}")
    try:
        number, unit = (value, "") if not isinstance(value, str) else _split(value)
        worth = units[unit]
        result = number * worth if worth >= 1 else number / (1 / worth)  # 9ms are 0.009, not 9 * 0.001
    except (ValueError, KeyError, OverflowError):
        raise UsageError(f"found {_shown(value)}, expected {form}") from None
    if not 0 <= result <= most:  # also refuses NaN
        raise UsageError(f"found {_shown(value)}, expected {form}, from 0 to {most:.0f}")
    return abs(result)  # no -0.0


def parse_duration(value: object) -> Duration:
    """Return seconds for "500ms", "5m", 10 or 0.5; UsageError on anything else, or past ten years."""
    return _quantity(value, units=SECONDS, form=DURATION_FORM, most=LONGEST)


def parse_size(value: object) -> Size:
    """Return bytes for "512MB", "1.5GiB" or 4096; UsageError on anything else.

    A part of a byte counts as one: only 0 means none.
    """
    size = _quantity(value, units=BYTES, form=SIZE_FORM, most=LARGEST)
    return int(size) or int(size > 0)


def parse_percent(value: object) -> Percent:
    """Return percent of one core for 80 or "80%"; UsageError on anything else."""
    units = {"": 1.0, "%": 1.0}
    return _quantity(value, units=units, form="a percentage of one core such as 80", most=1e6)


def format_duration(seconds: float) -> str:
    """Render seconds the way a person reads them: 350ms, 5.0s, 4m12s, 3h05m, 2d03h."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def format_size(size: float) -> str:
    """Render bytes with the unit that keeps it readable: 512 B, 14.2 MB, 1.5 GB (MB = 2^20)."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1023.5:  # what would be rounded to 1024 has the next unit
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def exact_duration(seconds: float) -> str:
    """Render a limit so that it can be read back: 5m, 90s, 500ms, 0.0333s."""
    if not seconds:
        return "0"
    for unit, worth in (("h", 3600.0), ("m", 60.0), ("s", 1.0)):
        if seconds % worth == 0:
            return f"{seconds / worth:.0f}{unit}"
    milliseconds = round(seconds * 1000)
    if milliseconds / 1000 == seconds:
        return f"{milliseconds}ms"
    decimals = (f"{seconds:.{places}f}" for places in range(1, 1100))  # repr would write 1e-05
    return next(text for text in decimals if float(text) == seconds) + "s"


def exact_size(size: int) -> str:
    """Render a limit so that it can be read back: 1GB, 512MB, 1000 bytes stay 1000B."""
    for unit, worth in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size and size % worth == 0:
            return f"{size // worth}{unit}"
    return f"{size}B" if size else "0"
