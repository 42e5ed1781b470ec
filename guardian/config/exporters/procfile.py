"""A Procfile for foreman, honcho or overmind: name and command line, with its variables and its folder."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from guardian.config.exporters.project import Exported
from guardian.errors import ConfigError
from guardian.services.spec import ServiceSpec

if TYPE_CHECKING:
    from guardian.config.exporters.project import Project

SAID = ("name", "command", "args", "interpreter", "cwd", "env")


def procfile(project: Project) -> Exported:
    """Return one line for each service; ConfigError for one that a line cannot hold."""
    specs = [project.roster.specs[name] for name in project.chosen]
    return Exported("\n".join(map(_line, specs)), tuple(note for spec in specs for note in _notes(spec)))


def _line(spec: ServiceSpec) -> str:
    folder = [f"cd {shlex.quote(spec.cwd)} &&"] if spec.cwd else []
    env = [shlex.quote(f"{name}={value}") for name, value in spec.env.items()]
    words = [*folder, "exec", *(["env", *env] if env else []), shlex.join(spec.argv)]
    line = f"{spec.name}: {' '.join(words)}"
    if not line.isprintable():
        raise ConfigError("holds a control character, which no line can", key=f"services.{spec.name}")
    return line


def _notes(spec: ServiceSpec) -> list[str]:
    left = [key for key in spec._fields if key not in SAID and getattr(spec, key) != spec._defaults[key]]
    return [f"services.{spec.name}: {', '.join(left)}: no Procfile can say that; left out"] if left else []
