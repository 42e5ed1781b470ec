"""What one app of pm2 becomes: one service, or as many as it has instances."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.importers import fields
from guardian.config.importers.fields import below, convert, converted
from guardian.config.importers.pm2_keys import APP, duration, listed, words_of
from guardian.config.importers.services import below_folder, never_again, plain_name, program, shell_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guardian.config.importers.source import Source

    Body = Mapping[str, object]
    Table = dict[str, object]

INTERPRETERS = {
    **dict.fromkeys((".js", ".cjs", ".mjs"), "node"),
    **dict.fromkeys((".ts", ".tsx"), "bun"),
    ".py": "python3",
    ".sh": "bash",
    ".rb": "ruby",
    ".pl": "perl",
    ".php": "php",
    ".coffee": "coffee",
}
BACKOFF, LONGEST_BACKOFF = 1.5, 15.0  # exp_backoff_restart_delay: the factor, and the most seconds
_REGULAR = re.compile(r"[\\^$|+]|\(\?")  # signs of a regular expression that no glob has
_NOWHERE = ("/dev/null", "NULL", "null")
_MOST_INSTANCES = 1000


def service(source: Source, at: str, body: Body) -> Table:
    """Return the table of one app; ConfigError names the key of what is wrong."""
    table = converted(source, at, body, APP)
    table = _executed(source, at, body, table) | table
    table["stop_signal"] = "INT"
    if "port" in body:
        port = convert(source, below(at, "port"), fields.whole, body["port"])
        env = table.get("env")
        table["env"] = {"PORT": str(port)} | (env if isinstance(env, dict) else {})
    if body.get("namespace", "default") != "default":
        group = convert(source, below(at, "namespace"), fields.filled, body["namespace"])
        table["group"] = plain_name(source, below(at, "namespace"), str(group))
    return (
        table
        | _restarts(source, at, body, table)
        | _watched(source, at, body)
        | _from_cwd(table, _logs(source, at, body))
    )


def _executed(source: Source, at: str, body: Body, table: Table) -> Table:
    """Return command, args and interpreter; takes `args` out of the table."""
    script = str(convert(source, below(at, "script"), fields.filled, body["script"]))
    args = table.pop("args", [])
    rest = [str(each) for each in args] if isinstance(args, list) else []
    folder = os.path.join(source.folder, str(table.get("cwd", "")))
    if any(map(str.isspace, script)) and not os.path.exists(os.path.join(folder, script)):
        return _line(source, at, script, rest)
    return program([_path(folder, script), *rest]) | _interpreter(source, at, body, script)


def _line(source: Source, at: str, script: str, args: list[str]) -> Table:
    """Return a whole command line, which pm2 gives to a shell."""
    try:
        return shell_line(" ".join([script, *map(shlex.quote, args)]))
    except ValueError as error:
        raise source.fault(below(at, "script"), f"found {words.shown(script)}: {error}") from None


def _path(folder: str, script: str) -> str:
    """Return the script so that it is not looked for in PATH where it lies in the folder."""
    beside = "/" not in script and os.path.isfile(os.path.join(folder, script))
    return f"./{script}" if beside else script


def _interpreter(source: Source, at: str, body: Body, script: str) -> Table:
    args = convert(source, below(at, "interpreter_args"), words_of, body.get("interpreter_args", []))
    said = convert(source, below(at, "interpreter"), fields.text, body.get("interpreter", ""))
    name = said or INTERPRETERS.get(os.path.splitext(script)[1], "none")
    if name == "none":
        if args:
            source.note(below(at, "interpreter_args"), "there is no interpreter to give them to; left out")
        return {}
    return {"interpreter": shlex.join([str(name), *(args if isinstance(args, list) else [])])}


def _restarts(source: Source, at: str, body: Body, table: Table) -> Table:
    if table.get("max_restarts") == 0:
        never_again(source, below(at, "max_restarts"), table)
    elif "max_restarts" in table:
        source.note(
            below(at, "max_restarts"),
            "counts every restart within restart_window (1h) here, not only those before min_uptime",
        )
    if "stop_exit_codes" in body:
        _stop_codes(source, below(at, "stop_exit_codes"), body["stop_exit_codes"], table)
    first = convert(
        source, below(at, "exp_backoff_restart_delay"), duration, body.get("exp_backoff_restart_delay", 0)
    )
    if first:
        return {"restart_delay": first, "backoff_multiplier": BACKOFF, "max_restart_delay": _longest(first)}
    return {"backoff_multiplier": 1.0} if table.get("restart_delay") else {}


def _longest(first: object) -> float:
    return max(LONGEST_BACKOFF, first) if isinstance(first, (int, float)) else LONGEST_BACKOFF


def _stop_codes(source: Source, at: str, found: object, table: Table) -> None:
    codes = found if isinstance(found, list) else [found]
    if codes != [0]:
        source.note(
            at, 'only exit 0 can mean that it is done: autorestart = "on-failure"; the others are left out'
        )
    if 0 in codes and table.get("autorestart", True):
        table["autorestart"] = "on-failure"


def _watched(source: Source, at: str, body: Body) -> Table:
    watch, ignored = body.get("watch", False), body.get("ignore_watch", [])
    result: Table = {}
    if watch is True or watch:
        result["watch"] = True
    if not isinstance(watch, bool):
        result["watch_paths"] = convert(source, below(at, "watch"), listed, watch)
    globs = convert(source, below(at, "ignore_watch"), listed, ignored)
    kept: list[str] = []
    for glob in globs if isinstance(globs, list) else []:
        if _REGULAR.search(glob):
            source.note(
                below(at, "ignore_watch"), f"{words.shown(glob)} is a regular expression, no glob; left out"
            )
        else:
            kept.append(glob)
    return result | {"ignore_watch": kept}


def _from_cwd(table: Table, logs: Table) -> Table:
    """Let relative log files start in the app's own folder, as they do for pm2."""
    return {
        key: below_folder(str(table.get("cwd", "")), str(path)) if path else "" for key, path in logs.items()
    }


def _logs(source: Source, at: str, body: Body) -> Table:
    both = body.get("log_file", False)
    if isinstance(both, str) and both not in _NOWHERE:
        for name in ("out_file", "error_file"):
            if name in body:
                source.note(below(at, name), "log_file has both streams already; left out")
        return {"log_file": both}
    if isinstance(both, bool) or both in _NOWHERE:
        return _log(source, at, body, "out_file", "log_file") | _log(
            source, at, body, "error_file", "error_file"
        )
    raise source.fault(below(at, "log_file"), f"found {words.shown(both)}, expected a path, true or false")


def _log(source: Source, at: str, body: Body, key: str, own: str) -> Table:
    path = convert(source, below(at, key), fields.text, body.get(key, ""))
    if path in _NOWHERE:
        source.note(
            below(at, key), "guardian keeps what is printed, as much as log_max_size and log_keep say"
        )
        return {}
    return {own: path}


def instances_of(source: Source, at: str, body: Body) -> int:
    """Return how many services an app becomes; 0 is one without a number."""
    found, here = body.get("instances", 1), os.cpu_count() or 1
    mode = body.get("exec_mode", "fork")
    if mode not in ("fork", "fork_mode", "cluster", "cluster_mode"):
        raise source.fault(below(at, "exec_mode"), f"found {words.shown(mode)}, expected fork or cluster")
    if mode.startswith("cluster"):
        source.note(below(at, "exec_mode"), "cluster is not supported: nobody shares a port among them")
    count = _counted(source, at, found, here)
    if count == 1:
        return 0
    source.note(
        below(at, "instances"), f"{count} services of their own, which cannot listen on one port together"
    )
    return count


def _counted(source: Source, at: str, found: object, here: int) -> int:
    if found in ("max", 0, -1, "0", "-1") and not isinstance(found, (bool, float)):
        source.note(below(at, "instances"), f"{words.shown(found)} is by the {here} CPUs of this machine")
        return max(1, here - 1) if str(found) == "-1" else here
    number = int(found) if isinstance(found, str) and re.fullmatch(r"\d{1,4}", found) else found
    count = convert(source, below(at, "instances"), fields.whole, number)
    if not isinstance(count, int) or not 0 < count <= _MOST_INSTANCES:
        raise source.fault(below(at, "instances"), f"found {count}, expected 1 to {_MOST_INSTANCES}")
    return count


def numbered(name: str, table: Table, *, count: int, variable: str) -> Iterator[tuple[str, Table]]:
    """Yield name and table of each instance, which finds its number in the variable; `count` 0: just one."""
    if not count:
        yield name, table
        return
    env = table.get("env")
    for number in range(count):
        own = table | {"group": table.get("group") or re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64]}
        own["env"] = (env if isinstance(env, dict) else {}) | {variable: str(number)}
        for key in ("log_file", "error_file"):
            if path := str(own.get(key) or ""):
                stem, ending = os.path.splitext(path)
                own[key] = f"{stem}-{number}{ending}"
        yield f"{name}-{number}", own
