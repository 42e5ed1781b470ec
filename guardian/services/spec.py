"""The sections of guardian.toml about services: [services.NAME], and [services.NAME.health] below it.

Cheap to import, because `guardian run` reads its settings past these classes. What is wrong with
one is told by `services.faults`.
"""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from guardian.units import Duration, Percent, Size

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TERM", "TMPDIR")


class HealthSpec(Value):
    """[services.NAME.health] and [services.NAME.ready]: how one finds out that a service is well.

    With http, tcp and script guardian asks; with output and notify the service tells. Its first
    success makes a service READY; after that `health` goes on looking, `ready` does not.
    """

    type: Literal["http", "tcp", "output", "script", "notify"] = "http"
    url: str = ""  # http
    method: Literal["GET", "POST", "HEAD"] = "GET"  # http
    expected_status: int = 0  # http; 0: any from 200 to 399
    host: str = "localhost"  # tcp
    port: int = 0  # tcp
    pattern: str = ""  # output: a regular expression that a line of either stream has to hold
    script: str = ""  # script: a command line, or the text of a program for the interpreter
    interpreter: str = ""  # script: what the text is given to, e.g. "python3" or "bun run"
    interval: Duration = 30.0  # from one look to the next; looks are closer together until it is READY
    timeout: Duration = 5.0  # of one look
    retries: int = 3  # failed looks in a row that make a service unhealthy; at most one an interval counts
    start_period: Duration = 10.0  # after the start, in which no failed look counts before a good one
    success_threshold: int = 1  # good looks in a row that make it READY, or well again
    max_silence: Duration = 0.0  # output, notify: unhealthy when it has told nothing for so long; 0: never

    @property
    def tells(self) -> bool:
        """Whether the service tells by itself that it is well, and nobody asks."""
        return self.type in ("output", "notify")


class ServiceSpec(Value):
    """[services.NAME]: one service that is kept running. 0 means no limit where nothing else is said."""

    name: str
    command: str  # program; without `args` a whole command line, split as a shell would split it
    args: tuple[str, ...] = ()
    interpreter: str = ""  # what runs the command as its script, e.g. "python3" or "bun run"
    cwd: str = ""  # from the folder of guardian.toml; empty: that folder
    env: Mapping[str, str] = {}  # over env_files, over what is inherited
    env_files: tuple[str, ...] = ()  # files of NAME=value lines, the last wins
    clean_env: bool = False  # inherit only the variables of keep_env
    keep_env: tuple[str, ...] = INHERITED  # globs
    user: str = ""  # name or number; empty: guardian's own; another one needs root
    umask: str = ""  # octal, such as "022"; empty: guardian's own
    rlimits: Mapping[str, int] = {}  # nofile, core, …: soft and hard limit (setrlimit(2)); -1: unlimited
    group: str = ""
    groups: tuple[str, ...] = ()  # further groups
    autostart: bool = True  # started by `guardian up`
    autorestart: bool | Literal["on-failure"] = True  # true: however it ended; on-failure: not after exit 0
    max_restarts: int = 10  # within restart_window; one more and the service is FATAL until asked
    restart_window: Duration = 3600.0  # slow crashes count too; 0: for ever
    restart_delay: Duration = 0.0  # before the first restart; 0: at once, and from 100ms for the next
    backoff_multiplier: float = 2.0  # from one restart to the next, until it was stable
    max_restart_delay: Duration = 60.0
    stable_after: Duration = 30.0  # READY for so long, and the delays begin again at restart_delay
    ready_timeout: Duration = 0.0  # not READY so long after its start: it has failed; 0: no bound
    max_memory: Size = 0  # of the whole tree, pages that it shares counted once; over it: restarted
    max_cpu: Percent = 0.0  # percent of one core, of the whole tree, over all of cpu_window
    cpu_window: Duration = 60.0
    stop_signal: str = "TERM"  # the polite one; whoever is left after stop_timeout is killed
    stop_timeout: Duration = 10.0
    depends_on: tuple[str, ...] = ()  # names, groups or globs that have to be READY before it starts
    watch: bool = False  # restart when files change
    watch_paths: tuple[str, ...] = ()  # globs from cwd, ** crosses folders; empty: everything below cwd
    ignore_watch: tuple[str, ...] = ()  # globs; one without a slash fits at any depth
    watch_debounce: Duration = 1.0  # so long has to be quiet before a change restarts
    log_file: str = ""  # of what it prints, from the folder of guardian.toml; empty: in .guardian/logs
    error_file: str = ""  # of stderr; empty: where stdout goes if that is named, else in .guardian/logs
    log_max_size: Size = 10 << 20  # of one file, then it is rotated
    log_keep: int = 5  # rotated files besides the one that is written
    health: HealthSpec | None = None
    ready: HealthSpec | None = None  # what makes it READY, where that is not the first success of `health`

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the command line that is executed; ValueError when a quote is not closed."""
        command = (self.command,) if self.args else words_of(self.command)
        return (*words_of(self.interpreter), *command, *self.args)

    @property
    def member_of(self) -> tuple[str, ...]:
        """The groups that it belongs to, each once."""
        return tuple(dict.fromkeys(group for group in (self.group, *self.groups) if group))

    def __repr__(self) -> str:
        return f"<ServiceSpec {self.name}: {' '.join((self.command, *self.args))}>"


def words_of(line: str) -> tuple[str, ...]:
    """Split a command line as a shell would; ValueError when a quote is not closed."""
    if line.isascii() and not any(char in line for char in " \t\n'\"\\"):
        return (line,) if line else ()
    import shlex  # late: it imports `re`, and `guardian run` reads its settings past this module

    return tuple(shlex.split(line))
