from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Let doctor examine this machine, once."""
    folder = tmp_path_factory.mktemp("doctor")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "GUARDIAN_STATE_DIR": str(folder / "state"),
        "GUARDIAN_RUNTIME_DIR": str(folder / "run"),
        "GUARDIAN_CACHE_DIR": str(folder / "cache"),
        "GUARDIAN_CONFIG": "/dev/null",
    }
    done = subprocess.run(
        [sys.executable, "-m", "guardian", "doctor", "--json"],
        env=environment,
        capture_output=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done
    found: dict[str, object] = json.loads(done.stdout)
    return found


def trials(report: dict[str, object], way: str) -> dict[str, bool]:
    rows = report["trials"]
    assert isinstance(rows, list)
    return {row["runaway"]: row["contained"] for row in rows if row["way"] == way}


def test_the_way_in_force_holds_everybody(report: dict[str, object]) -> None:
    """Whatever is in force on this machine contains every runaway that doctor knows (P1)."""
    held = report["in_force"]
    assert held in ("cgroup", "subreaper")
    found = trials(report, str(held))
    assert len(found) == 6
    assert all(found.values()), found


def test_what_a_plain_tree_cannot_hold_is_shown(report: dict[str, object]) -> None:
    """A daemon that cleared its environment escapes `tree`, and doctor sees that it does (P11)."""
    found = trials(report, "tree")
    assert found["a daemon with an empty environment"] is False
    assert found["deaf to SIGTERM"] is True


def test_it_says_which_way_and_why(report: dict[str, object]) -> None:
    """Every way that is not available has its reason (P11)."""
    ways = report["ways"]
    assert isinstance(ways, list)
    assert [way["name"] for way in ways] == ["cgroup", "subreaper", "tree"]
    assert all(way["available"] or way["why"] for way in ways)
