"""What is wrong with a service: every fault as (key, message), whatever stands in the fields. Pure.

Three tables say what may stand where: one about each field of a service, one about each field of
a check, and which fields a check of each type needs. A test proves that they are total. The
functions never raise: the Python API and the protocol bring values that no file reader has seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from guardian.procs.printable import printable
from guardian.services.spec import HealthSpec, ServiceSpec, words_of
from guardian.units import LARGEST, LONGEST, exact_duration
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fault = tuple[str, str]  # key within the service's table, and what is wrong there

RLIMITS = (
    *("as", "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile", "nproc"),
    *("rss", "rtprio", "rttime", "sigpending", "stack"),
)
SIGNALS = (
    *("ABRT", "ALRM", "CONT", "HUP", "INT", "IO", "KILL", "PIPE", "PROF", "QUIT", "TERM", "TSTP"),
    *("TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "STOP"),
)
_LONGEST_SHOWN = 60
_LONGEST_NAME = 64


class Fit(Value):
    """What fits a field: the test, and the words for it."""

    test: Callable[[object], bool]
    expected: str


def found(value: object) -> str:
    """Render what stood there on one short line; nothing that a value's own repr does can raise here."""
    try:
        text = str(value).lower() if isinstance(value, bool) else printable(repr(value))
    except (ValueError, RecursionError):  # an int of 5,000 digits; a list that holds itself
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def is_text(value: object) -> bool:
    """Whether it is a text that a process or a path can hold: without NUL."""
    return isinstance(value, str) and "\0" not in value


def is_filled(value: object) -> bool:
    """Whether it is such a text, and more than blanks."""
    return is_text(value) and bool(str(value).strip())


def is_name(value: object) -> bool:
    """Whether it can be the name of a service or of a group."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        return False
    return value.isascii() and value[0].isalnum() and value.replace("-", "").replace("_", "").isalnum()


def is_signal(value: object) -> bool:
    """Whether it names a signal, with or without SIG."""
    return isinstance(value, str) and value.upper().removeprefix("SIG") in SIGNALS


def is_mask(value: object) -> bool:
    """Whether it is an octal number up to 0777."""
    octal = isinstance(value, str) and len(value) <= 4 and set(value) <= set("01234567")
    return octal and int(f"0{value}", 8) <= 0o777


def is_number(value: object, least: float = 0, most: float = LONGEST) -> bool:
    """Whether it is a number in these bounds; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def is_whole(value: object, least: int = 0, most: int = 1_000_000_000) -> bool:
    """Whether it is a whole number in these bounds."""
    return isinstance(value, int) and is_number(value, least, most)


def is_status(value: object) -> bool:
    """Whether it is a status of HTTP, or 0 for any good one."""
    return is_whole(value, 100, 599) or is_whole(value, 0, 0)


def is_texts(value: object) -> bool:
    """Whether it is a sequence of texts."""
    return isinstance(value, (tuple, list)) and all(map(is_text, value))


def is_filled_texts(value: object) -> bool:
    """Whether it is a sequence of texts, none of them empty."""
    return isinstance(value, (tuple, list)) and all(map(is_filled, value))


def is_names(value: object) -> bool:
    """Whether it is a sequence of names."""
    return isinstance(value, (tuple, list)) and all(map(is_name, value))


def is_environment(value: object) -> bool:
    """Whether it maps names that an environment can hold to texts."""
    return isinstance(value, Mapping) and all(
        is_filled(name) and "=" not in name and is_text(content) for name, content in value.items()
    )


def is_rlimits(value: object) -> bool:
    """Whether it maps names of resource limits to numbers, -1 among them."""
    return isinstance(value, Mapping) and all(
        name in RLIMITS and is_whole(limit, least=-1, most=LARGEST) for name, limit in value.items()
    )


_NAME_FORM = f"letters, digits, - and _, a letter or digit first, at most {_LONGEST_NAME}"
TEXT = Fit(is_text, "a text")
TEXTS = Fit(is_texts, 'a list of texts such as ["--port", "80"]')
FILLED_TEXTS = Fit(is_filled_texts, "a list of texts, none of them empty")
TRUTH = Fit(lambda value: isinstance(value, bool), "true or false")
COUNT = Fit(is_whole, "a whole number, 0 or more")
SECONDS = Fit(is_number, "seconds, 0 or more, at most ten years")
SOME_SECONDS = Fit(lambda value: is_number(value, 0.001), "a duration of at least 1ms")
BYTES = Fit(lambda value: is_whole(value, most=LARGEST), "bytes, 0 or more")
ONE_OR_MORE = Fit(lambda value: is_whole(value, 1), "a whole number, 1 or more")
CHECK = Fit(lambda value: value is None or isinstance(value, HealthSpec), "a table of a check, or nothing")


def one_of(*choices: object) -> Fit:
    """Return what fits where one of these has to stand."""
    allowed = [(type(choice), choice) for choice in choices]
    return Fit(lambda value: (type(value), value) in allowed, f"one of {', '.join(map(found, choices))}")


SERVICE: dict[str, Fit] = {
    "name": Fit(is_name, _NAME_FORM),
    "command": Fit(is_filled, "a program, or a command line"),
    "args": TEXTS,
    "interpreter": TEXT,
    "cwd": TEXT,
    "env": Fit(is_environment, 'names and texts such as { PORT = "80" }'),
    "env_files": FILLED_TEXTS,
    "clean_env": TRUTH,
    "keep_env": FILLED_TEXTS,
    "user": TEXT,
    "umask": Fit(is_mask, 'an octal number as a text such as "022"'),
    "rlimits": Fit(is_rlimits, f"whole numbers, -1 for unlimited, of {', '.join(RLIMITS)}"),
    "group": Fit(lambda value: value == "" or is_name(value), _NAME_FORM),
    "groups": Fit(is_names, f"a list of names: {_NAME_FORM}"),
    "autostart": TRUTH,
    "autorestart": one_of(True, False, "on-failure"),
    "max_restarts": COUNT,
    "restart_window": SECONDS,
    "restart_delay": SECONDS,
    "backoff_multiplier": Fit(lambda value: is_number(value, 1, 100), "a number from 1 to 100"),
    "max_restart_delay": SECONDS,
    "stable_after": SECONDS,
    "ready_timeout": SECONDS,
    "max_memory": BYTES,
    "max_cpu": Fit(lambda value: is_number(value, 0, 1e6), "percent of one core, 0 or more"),
    "cpu_window": Fit(lambda value: is_number(value, 1), "a duration of at least 1s"),
    "stop_signal": Fit(is_signal, "a signal such as TERM, INT or QUIT"),
    "stop_timeout": SECONDS,
    "depends_on": FILLED_TEXTS,
    "watch": TRUTH,
    "watch_paths": FILLED_TEXTS,
    "ignore_watch": FILLED_TEXTS,
    "watch_debounce": SECONDS,
    "log_file": TEXT,
    "error_file": TEXT,
    "log_max_size": Fit(lambda value: is_whole(value, 4096, LARGEST), "bytes, at least 4096"),
    "log_keep": Fit(lambda value: is_whole(value, most=1000), "a whole number from 0 to 1000"),
    "health": CHECK,
    "ready": CHECK,
}

HEALTH: dict[str, Fit] = {
    "type": one_of("http", "tcp", "output", "script", "notify"),
    "url": TEXT,
    "method": one_of("GET", "POST", "HEAD"),
    "expected_status": Fit(is_status, "a status from 100 to 599, or 0 for any from 200 to 399"),
    "host": Fit(is_filled, "a host name or an address"),
    "port": Fit(lambda value: is_whole(value, most=65535), "a port from 1 to 65535"),
    "pattern": TEXT,
    "script": TEXT,
    "interpreter": TEXT,
    "interval": SOME_SECONDS,
    "timeout": SOME_SECONDS,
    "retries": ONE_OR_MORE,
    "start_period": SECONDS,
    "success_threshold": ONE_OR_MORE,
    "max_silence": SECONDS,
}

# By type of check: the fields that only it, and those that share them, can use.
FIELDS: dict[str, tuple[str, ...]] = {
    "http": ("url", "method", "expected_status"),
    "tcp": ("port", "host"),
    "output": ("pattern", "max_silence"),
    "script": ("script", "interpreter"),
    "notify": ("max_silence",),
}
_NEEDS = {"http": "url", "tcp": "port", "output": "pattern", "script": "script", "notify": ""}


def faults(spec: ServiceSpec) -> tuple[Fault, ...]:
    """Return every fault of one service; keys of its checks are `health.url` and the like."""
    wrong = list(_unfit(spec, SERVICE))
    keys = {key for key, _ in wrong}
    wrong += [fault for fault in _contradictions(spec) if fault[0] not in keys]
    for key in ("health", "ready"):
        check = getattr(spec, key)
        if isinstance(check, HealthSpec):
            wrong += [(f"{key}.{inner}".rstrip("."), message) for inner, message in health_faults(check)]
    return tuple(wrong)


def health_faults(check: HealthSpec) -> tuple[Fault, ...]:
    """Return every fault of one check; the key is empty where one is missing."""
    wrong = list(_unfit(check, HEALTH))
    keys = {key for key, _ in wrong}
    if "type" in keys:
        return tuple(wrong)
    return (*wrong, *(fault for fault in _of_its_type(check) if fault[0] not in keys))


def _unfit(value: Value, table: dict[str, Fit]) -> Iterator[Fault]:
    for key, fit in table.items():
        content = getattr(value, key)
        if not fit.test(content):
            yield key, f"found {found(content)}, expected {fit.expected}"


def _contradictions(spec: ServiceSpec) -> Iterator[Fault]:
    """Yield what a field's own test allows and the rest of the service does not."""
    numbers = is_number(spec.restart_delay) and is_number(spec.max_restart_delay)
    if numbers and spec.restart_delay > spec.max_restart_delay:
        most = exact_duration(spec.max_restart_delay)
        yield "restart_delay", f"found {exact_duration(spec.restart_delay)}, but max_restart_delay is {most}"
    for key in ("interpreter",) if spec.args else ("command", "interpreter"):
        if not _splits(getattr(spec, key)):
            yield key, f"found {found(getattr(spec, key))}, expected a program, and every quote closed"


def _splits(line: object) -> bool:
    """Whether a shell could split the line, and its first word is not empty; no text is another fault."""
    try:
        return not isinstance(line, str) or all(words_of(line)[:1])
    except ValueError:
        return False


def _of_its_type(check: HealthSpec) -> Iterator[Fault]:
    """Yield what a check of this type needs and lacks, and what only another type could use."""
    needed = _NEEDS[check.type]
    if needed and not getattr(check, needed):
        yield "", f'says no {needed}, a check of type "{check.type}" needs one'
    for key in sorted({key for keys in FIELDS.values() for key in keys} - set(FIELDS[check.type])):
        if getattr(check, key) != HealthSpec._defaults[key]:
            owners = [f'"{kind}"' for kind, keys in FIELDS.items() if key in keys]
            yield key, f'is for checks of type {" or ".join(owners)}, this one is of type "{check.type}"'
    if check.type == "http" and check.url and is_text(check.url) and not _is_url(check.url):
        yield "url", f"found {found(check.url)}, expected http://HOST… or https://HOST…"
    if check.type == "output" and is_text(check.pattern) and (wrong := _wrong_pattern(check.pattern)):
        yield "pattern", f"found {found(check.pattern)}, expected a regular expression: {wrong}"


def _is_url(url: str) -> bool:
    """Whether a request can be sent there: a scheme we speak, a host, a port that exists, no blanks."""
    from urllib.parse import urlsplit  # late, as `re` below

    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, brackets that are not closed
        return False
    return known and url.isprintable() and " " not in url


def _wrong_pattern(pattern: str) -> str:
    """Return why a regular expression is none; nothing when it is one."""
    import re  # late: `guardian run` reads its settings past this module

    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""
