"""`.kiro/bun-process-config.json`: the limits of the scripts that guardian grew from.

They looked at every bun process, so the rule has no pattern for the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.importers.json_file import object_at, read_json
from guardian.config.tables import find_key
from guardian.errors import UsageError
from guardian.values import Value

if TYPE_CHECKING:
    from guardian.config.importers.source import Source, Tables

RULE = "bun"


class Field(Value):
    """One key of the foreign file: where it belongs here, and what one of its units is in ours."""

    key: str
    worth: float
    unit: str


FIELDS = {
    "maxConcurrentProcesses": Field(f"rules.{RULE}.max_concurrent", 1, "processes"),
    "maxCpuUsagePercent": Field(f"rules.{RULE}.max_cpu", 1, "percent"),
    "maxMemoryUsageMB": Field(f"rules.{RULE}.max_memory", 1 << 20, "megabytes"),
    "processTimeoutMs": Field(f"rules.{RULE}.timeout", 0.001, "milliseconds"),
    "monitoringIntervalMs": Field("monitor.interval", 0.001, "milliseconds"),
}


def read(source: Source, base: str) -> Tables:
    """Return our tables for the foreign file; ConfigError names file and key of what is wrong."""
    rule: dict[str, object] = {"names": ["bun"]}
    result: dict[str, dict[str, object]] = {"monitor": {}, "rules": {RULE: rule}}
    for name, found in object_at(source, read_json(source), "", of="limits").items():
        if name not in FIELDS:
            raise source.fault(words.dotted([name]), words.unknown(name, FIELDS))
        own, value = _converted(source, name, found)
        (result["monitor"] if own.startswith("monitor.") else rule)[own.rpartition(".")[2]] = value
    return {table: keys for table, keys in result.items() if keys}


def _converted(source: Source, name: str, found: object) -> tuple[str, object]:
    """Return our key and the value as our file has it."""
    field = FIELDS[name]
    _, key = find_key(field.key)
    try:
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise UsageError("no number")
        value = key.read(found if field.worth == 1 else found * field.worth)
    except (UsageError, OverflowError):
        message = f"found {words.shown(found)}, expected a number of {field.unit}{_bound(key.least, field)}"
        raise source.fault(name, message) from None
    return field.key, value


def _bound(least: float, field: Field) -> str:
    return f", at least {least / field.worth:.0f}" if least else ", 0 or more"
