"""What the import contracts of pyproject.toml cannot say about the house."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "guardian"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Whoever can reach another process with one of these could harm a stranger.
SIGNALLING = {"os.kill", "os.killpg", "signal.pidfd_send_signal", "signal.pthread_kill"}

PSUTIL_SIGNALLING = (".send_signal", ".terminate", ".suspend", ".resume", ".kill")

# Who may name one of them all the same, and why no stranger can be hit.
ALLOWED = {
    "guardian/kill/signals.py": (SIGNALLING, "the one file"),
    "guardian/keep/keeper.py": ({"os.kill"}, "its brain: a child that it has not reaped"),
    "guardian/run/front.py": ({"os.kill"}, "its sentinel: a child that it has not reaped"),
    "guardian/run/handles.py": ({"signal.pidfd_send_signal", "os.kill"}, "the other guardian, which made it"),
    "guardian/run/leader.py": ({"os.kill"}, "the command: a child that it has not reaped"),
}

# What `guardian run` shares with the rest, and what would make it slow (values.py says how slow).
SHARED = (
    "guardian.procs.linux",
    "guardian.procs.tree",
    "guardian.procs.match",
    "guardian.kill.signals",
    "guardian.policy.limits",
)
HEAVY = {
    "typing", "dataclasses", "re", "json", "inspect", "typer", "rich", "asyncio", "loguru", "logging",
    "apscheduler", "msgspec", "psutil", "tomlkit", "tomllib", "httpx", "watchfiles", "subprocess", "pathlib",
}  # fmt: skip

# What decides, and what sees: the first gets values of the second, and imports it as a type at most.
DECIDING = (PACKAGE / "actions.py", *PACKAGE.glob("policy/*.py"), *PACKAGE.glob("kill/*.py"))
SEEING = {f"guardian.procs.{name}" for name in ("deaths", "linux", "machine", "portable", "table")}


def harmless(call: ast.Call) -> bool:
    """Whether a call reaches oneself only, or sends no signal and only asks who is there (kill(2))."""
    words = [ast.unparse(word) for word in call.args]
    return words[:1] == ["os.getpid()"] or words[1:2] == ["0"]


def named(path: Path) -> set[str]:
    """Return the dotted names that a module's source mentions, imports from a module included."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    spared = {id(node.func) for node in nodes if isinstance(node, ast.Call) and harmless(node)}
    names = {
        ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and id(node) not in spared
    }
    return names | {
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_file_sends_signals(path: Path) -> None:
    """Only kill/signals.py can reach a process by its number, but for one's own unreaped child (P2)."""
    allowed, _ = ALLOWED.get(str(path.relative_to(ROOT)), (set(), ""))
    assert not named(path) & SIGNALLING - allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_psutil_signals_nobody(path: Path) -> None:
    """Whoever reads through psutil calls none of its methods that signal (P2)."""
    if "import psutil" in path.read_text(encoding="utf-8"):
        assert not {name for name in named(path) if name.endswith(PSUTIL_SIGNALLING)}


def imported_with(*modules: str) -> set[str]:
    """Return all modules that importing these brings in, in a Python that has imported nothing else."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules);"
        f"import {', '.join(modules)};"
        "after = sorted(set(sys.modules) - before); import json; print(json.dumps(after))"
    )
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(run.stdout))


def test_what_run_shares_is_cheap_to_import() -> None:
    """Seeing, killing and limits pull in nothing that would slow `guardian run` down (P12)."""
    imported = imported_with(*SHARED)
    assert "guardian.kill.signals" in imported
    assert not imported & HEAVY


def test_what_decides_brings_in_nothing_that_sees_or_signals() -> None:
    """Importing every deciding module loads no table, no look at the machine and no sender of signals."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(DECIDING)]
    deciding = {name.removesuffix(".__init__") for name in names} - {"guardian.kill.signals"}
    imported = imported_with(*sorted(deciding))
    assert deciding <= imported
    assert not imported & (SEEING | {"guardian.kill.signals", "psutil", "subprocess"})


def test_every_package_says_what_it_is() -> None:
    """Each package of the house has an __init__.py with one line about it, or tools take it for none."""
    for folder in sorted({path.parent for path in MODULES}):
        init = folder / "__init__.py"
        assert init.exists(), f"{init} is missing"
        assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), f"{init} has no docstring"


@pytest.mark.parametrize(
    ("source", "reaches"),
    [
        ("import os\nos.kill(pid, 9)", True),
        ("import os\nsend = os.killpg", True),
        ("from os import kill as k\nk(1, 9)", True),
        ("import os\nos.kill(os.getpid(), 9)", False),
        ("import os\nos.killpg(group, 0)", False),
        ("import os\nos.getpid()", False),
    ],
)
def test_what_signals_is_recognised(source: str, reaches: bool, tmp_path: Path) -> None:
    """The check sees every spelling of a signal to another, and no more (P2)."""
    path = tmp_path / "module.py"
    path.write_text(source)
    assert bool(named(path) & SIGNALLING) == reaches
