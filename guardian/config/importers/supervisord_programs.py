"""What one [program:NAME] of supervisord becomes: one service, or `numprocs` of them."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from guardian import units
from guardian.config import words
from guardian.config.importers import fields
from guardian.config.importers.fields import Field, convert, expected, unknown
from guardian.config.importers.ini import pairs
from guardian.config.importers.services import plain_name
from guardian.services.faults import is_signal
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from guardian.config.importers.ini import Section

    Names = Mapping[str, str | int]
    Table = dict[str, object]

_MOST_PROCESSES = 1000
_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_STREAMS = ("stdout", "stderr")


def _truth(found: object) -> bool:
    word = str(found).strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise expected(found, "true or false")
    return word in _TRUE


def _policy(found: object) -> object:
    word = str(found).strip().lower()
    if word != "unexpected" and word not in (*_TRUE, *_FALSE):
        raise expected(found, "true, false or unexpected")
    return "on-failure" if word == "unexpected" else word in _TRUE


def _whole(found: object) -> int:
    if not re.fullmatch(r"\d{1,9}", str(found).strip()):
        raise expected(found, "a whole number, 0 or more")
    return int(str(found))


def _signal(found: object) -> str:
    word = str(found).strip().upper().removeprefix("SIG")
    if re.fullmatch(r"\d{1,3}", word) and int(word) in set(signal.Signals):
        word = signal.Signals(int(word)).name.removeprefix("SIG")
    if not is_signal(word):
        raise expected(found, "a signal such as TERM, INT or QUIT")
    return word


def _size(found: object) -> int:
    if not re.fullmatch(r"\d{1,15}\s*([KMG]B)?", str(found).strip(), re.IGNORECASE):
        raise expected(found, "bytes, or a size such as 50MB")
    return units.parse_size(str(found))


PROGRAM = {
    "directory": Field("cwd", fields.text),
    "user": Field("user", fields.text),
    "umask": Field("umask", fields.text),
    "autostart": Field("autostart", _truth),
    "stopsignal": Field("stop_signal", _signal),
    "stopwaitsecs": Field("stop_timeout", _whole),
    "startsecs": Field("stable_after", _whole),
    "startretries": Field("max_restarts", _whole),
}
"""What is said here as it is said there, or nearly so."""

NEARLY = {
    "startsecs": "is stable_after here: so long READY, and the delays between restarts begin again",
    "startretries": "is max_restarts here: every restart within restart_window (1h) counts",
}
CONSIDERED = (
    *("command", "process_name", "numprocs", "numprocs_start", "environment", "autorestart", "exitcodes"),
    *("redirect_stderr", "killasgroup", "stopasgroup"),
    *(f"{stream}_logfile{ending}" for stream in _STREAMS for ending in ("", "_maxbytes", "_backups")),
)
UNSAID = {
    "priority": "the order of starts is that of depends_on here, which waits until those are READY; left out",
    "serverurl": "is about supervisord itself; left out",
    **{f"{stream}_capture_maxbytes": "captures nothing here; left out" for stream in _STREAMS},
    **{f"{stream}_events_enabled": "guardian events has no output in it; left out" for stream in _STREAMS},
    **{f"{stream}_syslog": "guardian keeps output in its own files; left out" for stream in _STREAMS},
}
"""What supervisord has and guardian has not, and what a person is told."""

_NO_FILE = ("none", "off", "", "/dev/null")
_OWN_OUTPUT = ("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "syslog")


class Process(Value):
    """One process of a program: the section, and what fills its %(…)s."""

    section: Section
    names: Names

    def has(self, key: str) -> bool:
        """Whether the section says it."""
        return key in self.section.keys

    def text(self, key: str, default: str = "") -> str:
        """Return what the section says, filled in."""
        return self.section.filled(key, self.names) if self.has(key) else default


def say_unsaid(section: Section) -> None:
    """Note every key that guardian has nothing for."""
    for key in section.keys:
        if key in UNSAID:
            section.source.note(section.at(key), UNSAID[key])


def environment(section: Section, names: Names) -> dict[str, str]:
    """Return what the section's environment= says; ConfigError when it is no list of KEY=value."""
    text = section.filled("environment", names) if "environment" in section.keys else ""
    found = pairs(text)
    if found is None:
        message = f'found {words.shown(text)}, expected KEY="value",OTHER="value"'
        raise section.source.fault(section.at("environment"), message)
    return found


def processes(section: Section, shared: Table, groups: list[str]) -> Iterator[tuple[str, Table]]:
    """Yield name and table of each process of a program; ConfigError names section and key."""
    known = {**PROGRAM, **UNSAID, **dict.fromkeys(CONSIDERED)}
    for key in section.keys:
        if key not in known:
            raise section.source.fault(section.at(key), unknown(key, known))
    if "command" not in section.keys:
        raise section.source.fault(f"[{section.name}]", "says no command")
    program = section.name.partition(":")[2].strip()
    for process in _numbered(section, program, groups):
        name = process.text("process_name", program)
        yield name, _service(process, shared) | _member(process, program, groups)
    say_unsaid(section)
    for key, message in NEARLY.items():
        if key in section.keys:
            section.source.note(section.at(key), message)


def _numbered(section: Section, program: str, groups: list[str]) -> Iterator[Process]:
    common = {"program_name": program, "group_name": (*groups, program)[0]}
    count, first = (
        convert(section.source, section.at(key), _whole, Process(section, common).text(key, default))
        for key, default in (("numprocs", "1"), ("numprocs_start", "0"))
    )
    if not isinstance(count, int) or not 0 < count <= _MOST_PROCESSES or not isinstance(first, int):
        raise section.source.fault(section.at("numprocs"), f"found {count}, expected 1 to {_MOST_PROCESSES}")
    if count > 1 and "%(process_num)" not in section.keys.get("process_name", ""):
        message = "expected %(process_num)02d in it, because numprocs is more than 1"
        raise section.source.fault(section.at("process_name"), message)
    for number in range(first, first + count):
        yield Process(section, {**common, "process_num": number, "numprocs": count})


def _member(process: Process, program: str, groups: list[str]) -> Table:
    if groups:
        return {"group": groups[0], "groups": groups[1:]}
    many = process.names["numprocs"] != 1
    return {"group": plain_name(process.section.source, f"[{process.section.name}]", program)} if many else {}


def _service(process: Process, shared: Table) -> Table:
    section = process.section
    table: Table = {"command": process.text("command")} | shared
    for key, field in PROGRAM.items():
        if process.has(key):
            table[field.key] = convert(section.source, section.at(key), field.read, process.text(key))
    if table.get("max_restarts") == 0:
        section.source.note(section.at("startretries"), "0 is max_restarts = 1 here, where 0 means no limit")
        table["max_restarts"] = 1
    above = table.get("env")
    own = environment(section, process.names)
    table["env"] = (above if isinstance(above, dict) else {}) | own
    _tell_trees(section)
    return table | {"autorestart": _restarted(process)} | _logs(process)


def _tell_trees(section: Section) -> None:
    for key in ("stopasgroup", "killasgroup"):
        if key in section.keys and not convert(
            section.source, section.at(key), _truth, section.filled(key, {})
        ):
            section.source.note(section.at(key), "guardian always ends the whole tree; left out")


def _restarted(process: Process) -> object:
    """Return the policy: supervisord's own, where nothing is said, is `unexpected`."""
    section = process.section
    policy = convert(
        section.source, section.at("autorestart"), _policy, process.text("autorestart", "unexpected")
    )
    codes = {code.strip() for code in process.text("exitcodes", "0").split(",")}
    if policy == "on-failure" and codes != {"0"}:
        section.source.note(section.at("exitcodes"), "only exit 0 is expected here; the others are left out")
    return policy


def _logs(process: Process) -> Table:
    section = process.section
    result: Table = {"log_file": _log(process, "stdout_logfile")}
    redirected = convert(
        section.source, section.at("redirect_stderr"), _truth, process.text("redirect_stderr", "false")
    )
    if not redirected:
        result["error_file"] = _log(process, "stderr_logfile")
    elif process.has("stderr_logfile"):
        section.source.note(
            section.at("stderr_logfile"), "redirect_stderr sends it to stdout's file; left out"
        )
    for ending, own, read in (("maxbytes", "log_max_size", _size), ("backups", "log_keep", _whole)):
        result |= _bound(process, ending, own, read)
    return result


def _log(process: Process, key: str) -> str:
    path, section = process.text(key, "AUTO").strip(), process.section
    if path.lower() == "auto":
        return ""
    if path.lower() in (*_NO_FILE, *_OWN_OUTPUT):
        section.source.note(
            section.at(key), "guardian keeps output in its own files, as much as log_keep says"
        )
        return ""
    return path


def _bound(process: Process, ending: str, own: str, read: Callable[[object], int]) -> Table:
    """Return the bound of the log files, which is one for both streams here."""
    result: Table = {}
    section = process.section
    for key in (f"{stream}_logfile_{ending}" for stream in _STREAMS):
        if not process.has(key):
            continue
        value = convert(section.source, section.at(key), read, process.text(key))
        if own == "log_max_size" and value == 0:
            section.source.note(section.at(key), "0 is no bound, and here there always is one; left out")
        elif result.setdefault(own, value) != value:
            section.source.note(section.at(key), f"{own} is one for both streams, that of stdout; left out")
    return result
