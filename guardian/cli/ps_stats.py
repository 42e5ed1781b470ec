"""`guardian ps stats`: what services use."""

from __future__ import annotations

import json
import sys
import time

from guardian.cli.here import daemon_here
from guardian.cli.tables import on_terminal, show
from guardian.units import format_duration, format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HEADS = ("name", "state", ">pid", ">cpu", ">memory", ">procs", ">cpu time", ">uptime")
MEASURED = 0.5  # seconds over which the CPU is measured
REFRESH = 2.0  # seconds


def show_stats(words: Sequence[str], *, watch: bool, as_json: bool) -> int:
    """Print what these services use, with `watch` again and again until ^C."""
    with daemon_here() as daemon:
        question = {"words": list(words), "stats": True}
        daemon.ask("list", **question)  # a share of the CPU needs two looks
        time.sleep(MEASURED)
        _print(daemon.ask("list", **question), watch=watch, as_json=as_json)
        while watch:
            time.sleep(REFRESH)
            _print(daemon.ask("list", **question), watch=True, as_json=as_json)
    return 0


def _print(services: list[dict[str, Any]], *, watch: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps([record(each) for each in services], ensure_ascii=True))
    else:
        if watch and on_terminal():
            print("\x1b[H\x1b[2J", end="")
        show(HEADS, [cells(each) for each in services])
    sys.stdout.flush()


def record(service: dict[str, Any]) -> dict[str, object]:
    """Return what JSON tells: CPU in percent of one core, memory in bytes, times in seconds."""
    usage = service["usage"] or {}
    return {
        **{key: service[key] for key in ("name", "state", "pid", "uptime", "restarts")},
        "cpu": round(usage["share"], 1) if usage else None,
        "cpu_seconds": round(usage["cpu"], 3) if usage else None,
        "memory": usage.get("memory"),
        "processes": usage.get("processes", 0),
    }


def cells(service: dict[str, Any]) -> tuple[str, ...]:
    """Return the row of one service."""
    usage = service["usage"]
    used = ("-", "-", "0", "-")
    if usage:
        share, memory, cpu = f"{usage['share']:.1f}%", format_size(usage["memory"]), usage["cpu"]
        used = (share, memory, str(usage["processes"]), format_duration(cpu))
    uptime = format_duration(service["uptime"]) if service["uptime"] is not None else "-"
    return (service["name"], service["state"], str(service["pid"] or "-"), *used, uptime)
