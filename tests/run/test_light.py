"""What `guardian run` imports, since it stands in front of every command (P12)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from house import House
from waiting import wait_until

HEAVY = {
    *(
        "typer",
        "click",
        "rich",
        "asyncio",
        "loguru",
        "apscheduler",
        "psutil",
        "msgspec",
        "tomlkit",
        "tomllib",
    ),
    *("httpx", "watchfiles", "typing", "dataclasses", "inspect", "re", "json", "subprocess", "socket"),
    *("threading", "logging", "tempfile", "shutil", "ctypes", "pathlib", "datetime", "importlib.metadata"),
}


@pytest.fixture(autouse=True)
def warm(house: House) -> None:
    """Let the configuration be read once: after that it comes from a cache until a file changes."""
    house.write_config("")
    wait_until(lambda: "msgspec" not in imported("--", "true"), what="a cache that is trusted")


def imported(*words: str) -> set[str]:
    """Return every module that both processes of a run have imported."""
    command = [sys.executable, "-X", "importtime", "-m", "guardian", "run", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stderr
    lines = (line for line in said.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def bare() -> set[str]:
    """Return what Python itself imports, for a module as for ours."""
    command = [sys.executable, "-X", "importtime", "-m", "this"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stderr
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")}


def test_guarding_true_imports_nothing_heavy() -> None:
    """No framework, no argument parser, no regular expressions in front of every command."""
    modules = imported("--", "true")
    assert "guardian.run.sentinel" in modules
    assert (modules - bare()) & HEAVY == set()


def test_a_slot_is_light_too() -> None:
    """A rule with a gate costs no more of them."""
    modules = imported("--slots", "x", "--max-concurrent", "2", "--", "true")
    assert (modules - bare()) & HEAVY == set()


def test_judging_is_light_too() -> None:
    """Nor does a command that lives on, and is judged by its limits."""
    modules = imported("--memory", "1GB", "--", "sleep", "0.3")
    assert "guardian.policy.runlimits" in modules
    assert (modules - bare()) & HEAVY == set()
