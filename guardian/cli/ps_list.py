"""`guardian ps list`: how services stand, asked of the daemon; light enough for a shell's prompt."""

from __future__ import annotations

import os

from guardian.cli.tables import show
from guardian.config.places import find_places, working_directory
from guardian.daemon.client import connect
from guardian.daemon.places import Project
from guardian.errors import UsageError
from guardian.units import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HEADS = ("name", "state", ">pid", ">uptime", ">restarts", "health", "groups", "why")


def is_quick(words: Sequence[str]) -> bool:
    """Whether these words ask for nothing that needs Typer."""
    return all(not word.startswith("-") or word == "--json" for word in words)


def quick(words: Sequence[str]) -> int:
    """Answer `guardian ps list [--json] [NAME…]`; return the exit code."""
    return list_services([word for word in words if word != "--json"], as_json="--json" in words)


def project_here() -> Project:
    """Return the project that this command is about: where the nearest guardian.toml lies."""
    places = find_places(os.environ)
    if not places.files:
        raise UsageError(
            f"there is no guardian.toml in {working_directory()} or above; write one, or go to one"
        )
    return Project(os.path.dirname(places.files[-1]))


def list_services(words: Sequence[str], *, as_json: bool) -> int:
    """Print how these services stand, or all."""
    with connect(project_here()) as daemon:
        found = daemon.ask("list", words=list(words))
    if as_json:
        import json  # loaded by the client already

        print(json.dumps(found, ensure_ascii=True))
    else:
        render(found)
    return 0


def render(services: list[dict[str, Any]]) -> None:
    """Print them as a table."""
    if not services:
        print("no services; write [services.NAME] into guardian.toml, then: guardian reload")
        return
    show(HEADS, [_cells(each) for each in services], marked=[each["state"] in BAD for each in services])


BAD = ("fatal", "unhealthy", "backoff")


def _cells(service: dict[str, Any]) -> tuple[str, ...]:
    waits = f"waits for {', '.join(service['waits_for'])}" if service["waits_for"] else service["why"]
    return (
        service["name"],
        service["state"],
        str(service["pid"] or "-"),
        format_duration(service["uptime"]) if service["uptime"] is not None else "-",
        str(service["restarts"]),
        service["health"] or "-",
        ",".join(service["groups"]) or "-",
        waits,
    )
