"""`processes.json`: the process managers of tuix keep their ProcessConfig objects there.

A list of them, or an object with `processes`, by itself or as `processManager` of a larger
configuration. Times are milliseconds, memory is megabytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.importers import fields
from guardian.config.importers.fields import Field, below
from guardian.config.importers.json_file import object_at, objects_at, read_json
from guardian.config.importers.services import Services, never_again, plain_name, program, whole_check
from guardian.services.spec import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.config.importers.source import Source, Tables

BLOCK = "processManager"
MANAGER = {
    "autoRestart": Field("autorestart", fields.truth),
    "maxRestarts": Field("max_restarts", fields.whole),
}
FOLDERS = {"tuixDir": "guardian keeps its state in .guardian beside guardian.toml; left out"}
PROCESS = {
    "command": Field("command", fields.filled),
    "args": Field("args", fields.texts),
    "interpreter": Field("interpreter", fields.text),
    "cwd": Field("cwd", fields.text),
    "env": Field("env", fields.environment),
    "group": Field("group", fields.text),
    "autostart": Field("autostart", fields.truth),
    "autorestart": Field("autorestart", fields.truth),
    "restartDelay": Field("restart_delay", fields.milliseconds),
    "maxRestarts": Field("max_restarts", fields.whole),
    "maxMemory": Field("max_memory", fields.megabytes),
    "maxCpu": Field("max_cpu", fields.number),
    "watch": Field("watch", fields.truth),
    "watchPaths": Field("watch_paths", fields.texts),
    "ignoreWatch": Field("ignore_watch", fields.texts),
    "watchDebounce": Field("watch_debounce", fields.milliseconds),
    "logFile": Field("log_file", fields.text),
    "errorFile": Field("error_file", fields.text),
}
HEALTH = {
    "type": Field("type", fields.text),
    "url": Field("url", fields.text),
    "method": Field("method", lambda found: fields.text(found).upper()),
    "host": Field("host", fields.text),
    "port": Field("port", fields.whole),
    "outputPattern": Field("pattern", fields.text),
    "script": Field("script", fields.text),
    "interval": Field("interval", fields.milliseconds),
    "timeout": Field("timeout", fields.milliseconds),
    "retries": Field("retries", fields.whole),
    "startPeriod": Field("start_period", fields.milliseconds),
}
_JAVASCRIPT = ("\n", "await ", "process.exit", "=>")


def recognises(found: object) -> bool:
    """Whether parsed JSON looks like this format."""
    if isinstance(found, list):
        return any(isinstance(each, dict) and "command" in each for each in found)
    return isinstance(found, dict) and (BLOCK in found or "processes" in found)


def read(source: Source, base: str) -> Tables:
    """Return our tables for the foreign file; ConfigError names file and key of what is wrong."""
    services = Services(source, base)
    at, manager, processes = _parts(source, read_json(source))
    shared = fields.converted(source, at, manager, MANAGER)
    where = below(at, "processes") if manager else at
    for place, body in objects_at(source, processes, where, of="processes"):
        if "name" not in body:
            raise source.fault(place, "says no name, expected one")
        name = fields.convert(source, below(place, "name"), fields.filled, body["name"])
        services.add(place, str(name), _service(source, place, body, shared))
    return services.tables()


def _parts(source: Source, found: object) -> tuple[str, Mapping[str, object], object]:
    """Return where the manager's own keys stand, those keys, and the list of processes."""
    if isinstance(found, list):
        return "", {}, found
    at, body = "", object_at(source, found, "", of="processes, or a list of them")
    if BLOCK in body:
        for name in sorted(body.keys() - {BLOCK}):
            source.note(name, f"is not about processes; only {BLOCK} is imported")
        at, body = BLOCK, object_at(source, body[BLOCK], BLOCK, of="processes")
    fields.refuse_unknown(source, at, body, {**MANAGER, **FOLDERS, "processes": None})
    for name, message in FOLDERS.items():
        if name in body:
            source.note(below(at, name), message)
    return at, body, body.get("processes")


def _service(
    source: Source, at: str, body: Mapping[str, object], shared: dict[str, object]
) -> dict[str, object]:
    fields.refuse_unknown(source, at, body, {"name": None, "healthCheck": None, **PROCESS})
    if "command" not in body:
        raise source.fault(at, "says no command, expected a program, or a command line")
    table = {**shared, **fields.converted(source, at, body, PROCESS)}
    table = _command(source, at, table) | table
    if "group" in body:
        table["group"] = plain_name(source, below(at, "group"), str(table["group"])) if table["group"] else ""
    if table.get("max_restarts") == 0:
        never_again(source, below(at, "maxRestarts"), table)
    if "healthCheck" in body:
        table["health"] = _health(source, below(at, "healthCheck"), body["healthCheck"])
    return table


def _command(source: Source, at: str, table: dict[str, object]) -> dict[str, object]:
    """Take `command` and `args` out, and return them so that they mean what they meant."""
    command, args = str(table.pop("command")), table.pop("args", [])
    if not isinstance(args, list) or not args or not any(map(str.isspace, command)):
        return {"command": command, "args": args}
    source.note(below(at, "command"), f"{words.shown(command)} is split at its blanks, before args")
    try:
        return program([*words_of(command), *args])
    except ValueError as error:
        raise source.fault(below(at, "command"), f"found {words.shown(command)}: {error}") from None


def _health(source: Source, at: str, found: object) -> dict[str, object]:
    body = object_at(source, found, at, of="a health check")
    fields.refuse_unknown(source, at, body, HEALTH)
    if isinstance(body.get("outputPattern"), dict):
        message = "found an object, which is what JSON makes of a RegExp; write its source as a text"
        raise source.fault(below(at, "outputPattern"), message)
    check = whole_check(source, at, {"type": "http"} | fields.converted(source, at, body, HEALTH))
    script = str(check.get("script", ""))
    if any(sign in script for sign in _JAVASCRIPT):
        source.note(below(at, "script"), 'is taken for a program in JavaScript: interpreter = "bun run"')
        check["interpreter"] = "bun run"
    return check
