"""`guardian ps status`: everything about a service, in rows."""

from __future__ import annotations

import json

from guardian.cli.here import daemon_of, project_here
from guardian.cli.logs_here import known_specs
from guardian.cli.ps_list import reason
from guardian.daemon.outputs import logs_of
from guardian.procs.printable import printable
from guardian.units import exact_duration, exact_size, format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.services.spec import HealthSpec, ServiceSpec

WIDTH = 12  # of the first column


def tell(words: Sequence[str], *, as_json: bool) -> int:
    """Print everything about these services, or all."""
    project = project_here()
    with daemon_of(project) as daemon:
        found = daemon.ask("list", words=list(words))
    specs = {spec.name: spec for spec in known_specs(project)}
    if as_json:
        told = [each | extras(specs.get(each["name"]), project) for each in found]
        print(json.dumps(told, ensure_ascii=True))
        return 0
    print("\n\n".join("\n".join(page(each, specs.get(each["name"]), project)) for each in found))
    return 0


def extras(spec: ServiceSpec | None, project: Project) -> dict[str, object]:
    """Return what JSON tells besides: limits and log files."""
    if spec is None:
        return {"limits": {}, "logs": []}
    limits = {"max_memory": spec.max_memory, "max_cpu": spec.max_cpu, "max_restarts": spec.max_restarts}
    return {"limits": limits, "logs": [log.file for log in logs_of(spec, project)]}


def page(service: dict[str, Any], spec: ServiceSpec | None, project: Project) -> list[str]:
    """Return the lines about one service."""
    rows = [*_standing(service), *(_configured(spec, project) if spec is not None else ())]
    return [
        printable(service["name"]),
        *(f"  {name.ljust(WIDTH)}{printable(text)}" for name, text in rows if text),
    ]


def _standing(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    since = f" for {format_duration(service['since'])}" if service["since"] is not None else ""
    wanted = "" if service["wanted"] == "up" else f", wanted {service['wanted']}"
    yield "state", f"{service['state']}{since}{wanted}"
    yield "why", reason(service)
    yield "pid", str(service["pid"] or "")
    yield "uptime", format_duration(service["uptime"]) if service["uptime"] is not None else ""
    yield "restarts", f"{service['restarts']} that nobody asked for"
    yield "last exit", service["exit"] or ""
    note = f": {service['health_note']}" if service["health_note"] else ""
    yield "health", f"{service['health']}{note}" if service["health"] else ""
    yield "groups", ", ".join(service["groups"])
    yield "command", service["command"]


def _configured(spec: ServiceSpec, project: Project) -> Iterator[tuple[str, str]]:
    yield "depends on", ", ".join(spec.depends_on)
    yield "checked", _check(spec.health) if spec.health is not None else ""
    yield "limits", ", ".join(_limits(spec))
    for log in logs_of(spec, project):
        yield f"std{log.stream}", log.file
    yield "restarted", _policy(spec)


def _check(health: HealthSpec) -> str:
    what = {"http": f"{health.method} {health.url}", "tcp": f"{health.host}:{health.port}"}
    text = what.get(health.type) or health.pattern or health.script
    return f"{health.type} {text}".rstrip() + f", every {exact_duration(health.interval)}"


def _limits(spec: ServiceSpec) -> Iterator[str]:
    if spec.max_memory:
        yield f"max_memory {exact_size(spec.max_memory)}"
    if spec.max_cpu:
        yield f"max_cpu {spec.max_cpu:g} % over {exact_duration(spec.cpu_window)}"


def _policy(spec: ServiceSpec) -> str:
    if spec.autorestart is False:
        return "never"
    when = "on failure" if spec.autorestart == "on-failure" else "always"
    if not spec.max_restarts:
        return when
    within = f" within {exact_duration(spec.restart_window)}" if spec.restart_window else ""
    return f"{when}, at most {spec.max_restarts} times{within}"
