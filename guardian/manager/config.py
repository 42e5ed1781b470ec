"""What the Python API is told: services and their checks, with units as a guardian.toml has them.

Durations are seconds, or texts such as "500ms", "30s" and "5m"; sizes are bytes, or texts such as
"512MB" and "1.5GiB" (MB = 2^20 bytes); max_cpu is percent of one core. 0 means no limit where
nothing else is said.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from re import Pattern
from typing import Literal

from guardian.config import tables
from guardian.config.kinds import Key
from guardian.config.words import unknown
from guardian.daemon.places import FOLDER
from guardian.errors import ConfigError, UsageError
from guardian.services.faults import faults
from guardian.services.spec import INHERITED, HealthSpec, ServiceSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Duration: TypeAlias = float | str  # seconds, or "30s"
    Size: TypeAlias = int | str  # bytes, or "512MB"
    Path: TypeAlias = str | os.PathLike[str]

OWN_NAMES = {"health_check": "health", "output_pattern": "pattern"}  # what the file calls otherwise


@dataclass(frozen=True)
class HealthCheck:
    """How one finds out that a service is well; what each type needs is named behind the field.

    With http, tcp and script guardian asks; with output and notify (sd_notify(3)) the service tells. The
    first success makes it ready. Faults are told by `start`: ConfigError, one line.
    """

    type: Literal["http", "tcp", "output", "script", "notify"] = "http"
    url: str = ""  # http
    method: Literal["GET", "POST", "HEAD"] = "GET"  # http
    expected_status: int = 0  # http; 0: any from 200 to 399
    host: str = "localhost"  # tcp
    port: int = 0  # tcp
    output_pattern: str | Pattern[str] = ""  # output: a line of either stream has to hold it
    script: str = ""  # script: a command line, or the text of a program for the interpreter
    interpreter: str = ""  # script: what the text is given to, e.g. "python3" or "bun run"
    interval: Duration = 30.0  # from one look to the next; looks are closer together until it is ready
    timeout: Duration = 5.0  # of one look
    retries: int = 3  # failed looks in a row that make a service unhealthy
    start_period: Duration = 10.0  # after the start, in which no failed look counts before a good one
    success_threshold: int = 1  # good looks in a row that make it ready, or well again
    max_silence: Duration = 0.0  # output, notify: unhealthy when nothing came for so long; 0: never


@dataclass(frozen=True)
class ProcessConfig:
    """One service that is kept running: [services.NAME] of a guardian.toml, as Python.

    The command is a program with `args`, or without them a whole command line, split as a shell
    would split it. Paths are relative to the manager's folder. Faults are told by `start`:
    ConfigError, one line that names the field.
    """

    name: str  # letters, digits, - and _
    command: Path
    args: Sequence[str | os.PathLike[str]] = ()
    interpreter: str = ""  # what runs the command as its script, e.g. "python3" or "bun run"
    cwd: Path = ""
    env: Mapping[str, str | None] = field(default_factory=dict)  # None: as if it was not named
    env_files: Sequence[Path] = ()  # files of NAME=value lines, the last wins
    clean_env: bool = False  # inherit only the variables of keep_env
    keep_env: Sequence[str] = INHERITED  # globs
    user: str = ""  # name or number; another one than guardian's own needs root
    umask: str = ""  # octal, such as "022"
    rlimits: Mapping[str, int] = field(default_factory=dict)  # nofile, core, … (setrlimit(2)); -1: unlimited
    group: str = ""
    groups: Sequence[str] = ()  # further groups
    autostart: bool = False  # started by init() of a manager that knows it already
    autorestart: bool | Literal["on-failure"] | None = None  # None: the manager's auto_restart
    max_restarts: int | None = None  # within restart_window, then it is fatal; None: the manager's
    restart_window: Duration = 3600.0  # 0: for ever
    restart_delay: Duration = 0.0  # before the first restart
    backoff_multiplier: float = 2.0  # of the delay, from one restart to the next
    max_restart_delay: Duration = 60.0
    stable_after: Duration = 30.0  # ready for so long, and the delays begin anew
    ready_timeout: Duration = 0.0  # not ready so long after its start: it has failed; 0: no bound
    max_memory: Size = 0  # of the whole tree; over it: restarted
    max_cpu: float | str = 0.0  # percent of one core, of the whole tree, over all of cpu_window
    cpu_window: Duration = 60.0
    stop_signal: str = "TERM"
    stop_timeout: Duration = 10.0  # after stop_signal; whoever is left then is killed
    depends_on: Sequence[str] = ()  # names, groups or globs that have to be ready before it starts
    watch: bool = False  # restart when files change
    watch_paths: Sequence[str] = ()  # globs from cwd, ** crosses folders; empty: everything below cwd
    ignore_watch: Sequence[str] = ()  # globs; one without a slash fits at any depth
    watch_debounce: Duration = 1.0  # so long has to be quiet before a change restarts
    log_file: Path = ""  # of what it prints; empty: in guardian's own folder
    error_file: Path = ""  # of stderr; empty: log_file
    log_max_size: Size = 10 << 20  # of one file, then it is rotated
    log_keep: int = 5  # rotated files besides the one that is written
    health_check: HealthCheck | None = None
    ready: HealthCheck | None = None  # what makes it ready, where that is not health_check's first success


@dataclass(frozen=True)
class ProcessManagerConfig:
    """What a manager needs to know.

    guardian_dir  where state, logs and the socket are, from the manager's folder
    auto_restart  for services that do not say: True, False or "on-failure"
    max_restarts  for services that do not say: within an hour, then fatal
    processes     services to know from the beginning; those with autostart are started by init()
    """

    guardian_dir: Path = FOLDER
    auto_restart: bool | Literal["on-failure"] = True
    max_restarts: int = 10
    processes: Sequence[ProcessConfig] = ()


def spec_of(config: ProcessConfig, defaults: ProcessManagerConfig) -> ServiceSpec:
    """Return the service that is meant; ConfigError names the field and what was expected there."""
    said = _said(config)
    said["autorestart"] = defaults.auto_restart if config.autorestart is None else config.autorestart
    said["max_restarts"] = defaults.max_restarts if config.max_restarts is None else config.max_restarts
    said["env"] = {name: text for name, text in dict(config.env).items() if text is not None}
    keys = _keys()
    checks = {name: _check(config.name, name, said.pop(name), keys[name]) for name in ("health", "ready")}
    values = _read(config.name, said, keys)
    spec = ServiceSpec(name=config.name, **values, **checks)  # type: ignore[arg-type]  # as read
    for key, message in faults(spec):
        raise ConfigError(message, key=f"{config.name}.{key}")
    return spec


def _keys() -> Mapping[str, object]:
    section = tables.section_called("services")
    assert section is not None, "there is a section about services"
    return tables.keys_of(section)


def _said(config: ProcessConfig | HealthCheck) -> dict[str, object]:
    """Return the fields, called as in a file, paths and patterns as texts."""
    return {
        OWN_NAMES.get(each.name, each.name): _plain(getattr(config, each.name))
        for each in fields(config)
        if each.name != "name"
    }


def _plain(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Pattern):
        return str(value.pattern) if not value.flags & ~32 else f"(?{_flags(value)}){value.pattern}"
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _flags(pattern: Pattern[str]) -> str:
    """Return the flags of a pattern as letters that stand before it (re: (?aimsx))."""
    letters = {"a": 256, "i": 2, "m": 8, "s": 16, "x": 64}
    return "".join(letter for letter, flag in letters.items() if pattern.flags & flag)


def _check(service: str, name: str, check: object, keys: object) -> HealthSpec | None:
    if check is None:
        return None
    if not isinstance(check, HealthCheck) or not isinstance(keys, dict):
        raise ConfigError("expected a HealthCheck, or None", key=f"{service}.{name}")
    said = _said(check)
    return HealthSpec(**_read(f"{service}.{name}", said, keys))  # type: ignore[arg-type]  # as read


def _read(owner: str, said: Mapping[str, object], keys: Mapping[str, object]) -> dict[str, object]:
    found = {}
    for name, value in said.items():
        key = keys.get(name)
        if not isinstance(key, Key):
            raise ConfigError(unknown(name, keys), key=owner)
        try:
            found[name] = key.read(value)
        except UsageError as error:
            raise ConfigError(str(error), key=f"{owner}.{name}") from None
    return found
