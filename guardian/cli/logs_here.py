"""Which logs a project's services have, known without the daemon."""

from __future__ import annotations

from guardian.config.load import load_settings
from guardian.daemon.outputs import logs_of
from guardian.daemon.store import Store
from guardian.errors import UsageError
from guardian.output.logfile import Source
from guardian.services.names import book, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guardian.daemon.places import Project
    from guardian.services.spec import ServiceSpec


def known_specs(project: Project) -> tuple[ServiceSpec, ...]:
    """Return the services as the daemon has or had them; before the first daemon those of guardian.toml."""
    configured, added, *_ = Store(project).load_roster()
    return (*configured, *added) or load_settings().services


def chosen_specs(project: Project, words: Sequence[str]) -> tuple[ServiceSpec, ...]:
    """Return the services that the words mean, all without words; UsageError names an unknown word."""
    specs = known_specs(project)
    if not specs:
        raise UsageError("there are no services; write [services.NAME] into guardian.toml")
    names = select(book(specs), words) if words else [spec.name for spec in specs]
    return tuple(spec for spec in specs if spec.name in names)


def sources_of(specs: Iterable[ServiceSpec], project: Project, *, stream: str = "") -> list[Source]:
    """Return the logs of these services; `stream` out or err: only those of that stream."""
    return [
        Source(log.service, f"std{log.stream}", log.file, project.below("times"))
        for spec in specs
        for log in logs_of(spec, project)
        if stream in ("", log.stream)
    ]
