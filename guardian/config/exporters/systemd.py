"""A systemd unit that keeps `guardian up` running for one project.

Quoting and escaping by systemd.syntax(7) and systemd.service(5), "Command lines": in quotes a
backslash escapes, `%` begins a specifier everywhere and `$` a variable in ExecStart=. The values
of WorkingDirectory= and Description= are not unquoted: what stands there is meant.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from guardian.config.exporters.project import Exported
from guardian.errors import ConfigError, UsageError
from guardian.procs.printable import printable
from guardian.services.order import stop_waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardian.config.exporters.project import Project

SPARE = 15.0  # seconds that guardian has to end everything, besides what the services have to end
USAGE = 2  # the exit code for a configuration that is wrong: starting again would not help


def unit(project: Project, *, program: Sequence[str], path: str, user: str = "") -> Exported:
    """Return the unit; `user` makes it one of the system, whose services run as that user.

    `program` is how guardian is started (absolute), `path` the PATH that the services get. Raises
    UsageError for names, ConfigError for a folder that a unit cannot name.
    """
    if project.words:
        raise UsageError("a unit is for the whole project; autostart = false leaves a service out of it")
    lines = [
        "[Unit]",
        f"Description=guardian: services of {_plain(project.folder, 'folder')}",
        *(["After=network-online.target", "Wants=network-online.target"] if user else []),
        "",
        "[Service]",
        "Type=exec",
        f"WorkingDirectory={_plain(project.folder, 'folder')}",
        *([f"User={_plain(user, 'user')}"] if user else []),
        *(_environment("PATH", value) for value in [path] if value),
        *(_environment("GUARDIAN_CONFIG", value) for value in [project.named] if value),
        f"ExecStart={_command([*program, 'up'])}",
        "# guardian ends its services itself; whoever is left after that is killed",
        "KillMode=mixed",
        f"TimeoutStopSec={_longest_stop(project) + SPARE:.0f}",
        "Restart=on-failure",
        f"RestartPreventExitStatus={USAGE}",
        "# a cgroup of its own for each service; one that runs out of memory does not end the others",
        "Delegate=yes",
        "OOMPolicy=continue",
        "",
        "[Install]",
        f"WantedBy={'multi-user' if user else 'default'}.target",
    ]
    return Exported("\n".join(lines), _notes(project, system=bool(user)))


def _notes(project: Project, *, system: bool) -> tuple[str, ...]:
    name = f"{unit_name(project.folder)}.service"
    if system:
        return (f"put it into /etc/systemd/system/{name}, then: systemctl enable --now {name}",)
    return (
        f"put it into ~/.config/systemd/user/{name}, then: systemctl --user enable --now {name}",
        "loginctl enable-linger lets it run while you are not logged in",
    )


def unit_name(folder: str) -> str:
    """Return a name for the unit of a folder, of characters that need no escape in it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(folder)).strip("-")
    return f"guardian-{plain}" if plain else "guardian"


def _longest_stop(project: Project) -> float:
    """Return the seconds that the services have to stop: those of one wave stop together."""
    specs = project.roster.specs
    waves = stop_waves(project.roster, project.chosen)
    return sum(max(specs[name].stop_timeout for name in wave) for wave in waves)


def _plain(value: str, what: str) -> str:
    """Return a value that is taken as it stands; ConfigError where that cannot be."""
    if not value.isprintable() or value != value.strip() or value.endswith("\\"):
        message = "expected no control character in it, and neither a blank nor a backslash at its end"
        raise ConfigError(f"the {what} {printable(repr(value))} cannot stand in a unit: {message}")
    return value.replace("%", "%%")


def _command(words: Sequence[str]) -> str:
    """Return a command line; where a $ is in it, the sign : says that it is no variable.

    systemd takes no program whose path holds a quote or a backslash: a shell starts such a one.
    """
    if any(char in words[0] for char in "\"'\\"):
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *words]
    sign = ":" if any("$" in word for word in words) else ""
    return sign + " ".join(map(quoted, words))


def _environment(name: str, value: str) -> str:
    return f"Environment={quoted(f'{name}={value}')}"


def quoted(word: str) -> str:
    """Return a word so that systemd reads exactly it; ConfigError for what is no text."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{printable(word)} cannot stand in a unit: expected UTF-8") from None
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = "".join(char if char.isprintable() else _escape(char) for char in escaped)
    return escaped if re.fullmatch(r"[A-Za-z0-9_./:=@+,-]+", word) else f'"{escaped}"'


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x80 else f"\\U{ord(char):08x}"
