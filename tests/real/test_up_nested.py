"""A guardian within a service of another one: the inner services end with the outer service."""

from __future__ import annotations

import sys

import pytest
from house import House
from litter import Litter, start_of
from project import GUARDIAN, PATIENCE, ROOT, Project, python, service
from waiting import wait_until

INNER = """
import os, signal, sys
signal.alarm(100)
open(sys.argv[1], "w").write(f"{os.getpid()} ")
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    open(sys.argv[1], "a").write(f"{os.getpid()} ")
else:
    os.wait()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "a").write("up ")
signal.pause()
"""


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_inner_services_end_with_the_outer_one(
    house: House, litter: Litter, containment: str, detach: bool
) -> None:
    """Whoever an inner guardian keeps, detached or not, is gone when the outer service is stopped (P1)."""
    inner, outer = (Project(house, litter, house.root / name) for name in ("inner", "outer"))
    try:
        notes = inner.root / "pids"
        inner.write(service("inside", stop_timeout="1s", **python(INNER, str(notes))))
        words = [*GUARDIAN[1:], "up", *(["--detach"] if detach else [])]
        command: dict[str, object] = {"command": sys.executable, "args": words, "cwd": str(inner.root)}
        env = {"PYTHONPATH": str(ROOT), "GUARDIAN_CONFIG": str(inner.config)}
        if detach:  # whose leader ends: what a service leaves behind is ended with it, so it has to stay
            script = f"{sys.executable} {' '.join(words)}; sleep 100"
            command = {"command": "sh", "args": ["-c", script], "cwd": str(inner.root)}
        outer.environment["GUARDIAN_CONTAINMENT"] = containment
        outer.up(section(command, env))
        wait_until(lambda: notes.exists() and notes.read_text().count("up") == 2, PATIENCE, what=outer.said())
        pids = [int(word) for word in notes.read_text().split() if word.isdigit()]
        daemon = [inner.keeper(), inner.brain()]
        assert all(start_of(pid) for pid in [*pids, *daemon])
        outer.ask("do", wish="stop", words=["outside"], wait=True)
        assert not [pid for pid in [*pids, *daemon] if start_of(pid) is not None]
        assert outer.down().code == 0
    finally:
        inner.clear()
        outer.clear()


def section(command: dict[str, object], env: dict[str, str]) -> str:
    """Return the outer service."""
    table = ", ".join(f'{name} = "{value}"' for name, value in env.items())
    return service("outside", f"env = {{ {table} }}", stop_timeout="1s", **command)
