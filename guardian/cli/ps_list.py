"""`guardian ps list`: how services stand, asked of the daemon; light enough for a shell's prompt."""

from __future__ import annotations

from guardian.cli.here import daemon_here, project_here
from guardian.cli.tables import show
from guardian.units import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["is_quick", "list_services", "project_here", "quick", "render"]

HEADS = ("name", "state", ">pid", ">uptime", ">restarts", "health", "groups", "why")
BAD = ("fatal", "unhealthy", "backoff")


def is_quick(words: Sequence[str]) -> bool:
    """Whether these words ask for nothing that needs Typer."""
    return all(not word.startswith("-") or word == "--json" for word in words)


def quick(words: Sequence[str]) -> int:
    """Answer `guardian ps list [--json] [NAME…]`; return the exit code."""
    return list_services([word for word in words if word != "--json"], as_json="--json" in words)


def list_services(words: Sequence[str], *, as_json: bool) -> int:
    """Print how these services stand, or all."""
    with daemon_here() as daemon:
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


def _cells(service: dict[str, Any]) -> tuple[str, ...]:
    return (
        service["name"],
        service["state"],
        str(service["pid"] or "-"),
        format_duration(service["uptime"]) if service["uptime"] is not None else "-",
        str(service["restarts"]),
        service["health"] or "-",
        ",".join(service["groups"]) or "-",
        reason(service),
    )


def reason(service: dict[str, Any]) -> str:
    """Say why a service is where it is, and what it waits for."""
    if service["waits_for"]:
        return f"waits for {', '.join(service['waits_for'])}"
    if service["state"] == "backoff" and service["due"]:
        return f"{service['why']}; starts again in {format_duration(service['due'])}"
    return str(service["why"])
