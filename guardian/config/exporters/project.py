"""The services of one project, as an exporter needs them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guardian.config.compose import compose
from guardian.config.load import requested
from guardian.errors import ConfigError
from guardian.services import names
from guardian.services.order import Roster, closure, roster
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Project(Value):
    """The folder of a guardian.toml, its services, and those of them that were asked for."""

    folder: str
    roster: Roster
    words: tuple[str, ...]  # as they were asked for; empty: all
    chosen: tuple[str, ...]  # with all that they depend on, in the order of the file
    named: str = ""  # GUARDIAN_CONFIG, where that told which file


class Exported(Value):
    """The text for the other tool, and what a person has to know about it."""

    text: str
    notes: tuple[str, ...] = ()


def project(words: Sequence[str], environ: Mapping[str, str], cwd: str | None = None) -> Project:
    """Return the project here with the services that the words mean; none means all.

    Raises ConfigError where there are no services, UsageError for a word that means none.
    """
    settings = compose(requested(environ, cwd=cwd)).settings
    files = settings.sources
    if not files or not settings.services:
        message = "there are no services here; write [services.NAME] into guardian.toml"
        raise ConfigError(message, file=files[-1] if files else "")
    of = roster(settings.services)
    asked = names.select(of.book, words) if words else tuple(of.specs)
    wanted = set(closure(of.needs, asked))
    folder = os.path.dirname(os.path.abspath(files[-1]))
    named = os.path.abspath(files[-1]) if environ.get("GUARDIAN_CONFIG") else ""
    return Project(folder, of, tuple(words), tuple(name for name in of.specs if name in wanted), named)
