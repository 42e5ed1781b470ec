"""The keys of pm2's apps: their aliases, what is said here as it is there, and what cannot be said.

From pm2's application declaration and its schema of it; what is not in that, pm2 ignores.
"""

from __future__ import annotations

import re
import shlex

from guardian import units
from guardian.config.importers import fields
from guardian.config.importers.fields import Field, expected

ALIASES = {
    "exec": "script",
    "cmd": "script",
    "command": "script",
    "exec_interpreter": "interpreter",
    **dict.fromkeys(("node_args", "interpreterArgs"), "interpreter_args"),
    **dict.fromkeys(("out", "output", "out_log"), "out_file"),
    **dict.fromkeys(("error", "err", "err_file", "err_log"), "error_file"),
    "log": "log_file",
    "user": "uid",
    "cron": "cron_restart",
    "combine_logs": "merge_logs",
    "pid": "pid_file",
}
"""What pm2 calls by several names, as one."""


def duration(found: object) -> float:
    """Read milliseconds, or a text such as "10s", as seconds."""
    if isinstance(found, str) and re.fullmatch(r"\d{1,12}[hms]", found):
        return units.parse_duration(found)
    return fields.milliseconds(int(found) if isinstance(found, str) and _is_number(found) else found)


def _is_number(found: str) -> bool:
    return re.fullmatch(r"\d{1,12}", found) is not None


def size(found: object) -> int:
    """Read bytes, or a text such as "200M"."""
    if isinstance(found, str) and re.fullmatch(r"\d{1,15}[GMK]?B?", found, re.IGNORECASE):
        return units.parse_size(found)
    if isinstance(found, bool) or not isinstance(found, int):
        raise expected(found, "bytes, or a size such as 200M")
    return int(fields.number(found))


def words_of(found: object) -> list[str]:
    """Read a list of words (numbers among them), or a line that is split as a shell would."""
    if isinstance(found, list):
        return [each if isinstance(each, str) else str(fields.number(each)) for each in found]
    try:
        return shlex.split(fields.text(found))
    except ValueError as error:
        raise expected(found, f"a list of texts, or a line whose quotes are closed ({error})") from None


def listed(found: object) -> list[str]:
    """Read a list of texts, or one text alone."""
    return [found] if isinstance(found, str) else fields.texts(found)


def _user(found: object) -> str:
    return str(fields.whole(found)) if isinstance(found, int) else fields.text(found)


APP = {
    "cwd": Field("cwd", fields.text),
    "args": Field("args", words_of),
    "env": Field("env", fields.environment),
    "uid": Field("user", _user),
    "autorestart": Field("autorestart", fields.truth),
    "max_restarts": Field("max_restarts", fields.whole),
    "min_uptime": Field("stable_after", duration),
    "restart_delay": Field("restart_delay", duration),
    "max_memory_restart": Field("max_memory", size),
    "kill_timeout": Field("stop_timeout", duration),
    "watch_delay": Field("watch_debounce", duration),
}
"""What is said here as it is said there."""

CONSIDERED = (
    *("name", "script", "interpreter", "interpreter_args", "instances", "instance_var", "exec_mode", "port"),
    *("namespace", "watch", "ignore_watch", "log_file", "out_file", "error_file"),
    *("exp_backoff_restart_delay", "stop_exit_codes"),
)
_LOGS = "guardian's own logs are described by log_file, log_max_size and log_keep; left out"
_TUNING = "is about pm2 itself; left out"
UNSAID = {
    "wait_ready": 'needs node\'s process.send; let it print a line and say ready = { type = "output", … }',
    "listen_timeout": "bounds wait_ready, which is not there; ready_timeout bounds `ready`; left out",
    "shutdown_with_message": "needs node's process.send; it is stopped by its stop_signal",
    "cron_restart": "guardian restarts nothing by the clock; left out",
    "gid": "guardian takes the groups of `user`; left out",
    "treekill": "guardian always ends the whole tree; left out",
    "watch_options": "are those of chokidar; left out",
    "filter_env": "say clean_env and keep_env instead; left out",
    "increment_var": "no variable counts up here; left out",
    "merge_logs": _LOGS,
    **dict.fromkeys(("disable_logs", "log_type", "log_date_format", "time"), _LOGS),
    **dict.fromkeys(
        (
            *("name_prefix", "install_url", "pid_file", "source_map_support", "disable_source_map_support"),
            *("vizion", "execute_command", "force", "append_env_to_name", "post_update", "trace", "v8"),
            *("disable_trace", "event_loop_inspector", "deep_monitoring", "pmx", "automation", "username"),
            *("windowsHide", "kill_retry_time", "write", "io", "node_version", "max_connection"),
        ),
        _TUNING,
    ),
}
"""What pm2 has and guardian has not, and what a person is told."""
