"""Where the peers' commands are: on PATH, or installed beside the repository, or not to be had."""

from __future__ import annotations

import shutil
import subprocess
import venv
from functools import cache
from pathlib import Path

from supervisors import Circus, Pm2, Supervisor, Supervisord

BENCH = Path(__file__).parents[2] / ".bench"
PATIENCE = 300  # seconds that an installation may take

KNOWN: tuple[tuple[type[Supervisor], str, tuple[str, ...]], ...] = (
    (Supervisord, "supervisord", ("supervisor", "setuptools<81")),
    (Circus, "circusd", ("circus",)),
    (Pm2, "pm2", ("pm2",)),
)


class Missing(Exception):
    """A peer cannot be had here; says why."""


def folder_of(kind: type[Supervisor]) -> Path:
    """Return the folder of a peer's commands; Missing when it is neither there nor can be installed."""
    command, packages = next((command, packages) for each, command, packages in KNOWN if each is kind)
    there = shutil.which(command)
    if there:
        return Path(there).parent
    return from_npm(command, packages) if kind is Pm2 else from_pypi(command, packages)


@cache
def from_pypi(command: str, packages: tuple[str, ...]) -> Path:
    """Install Python packages into an environment of their own; return the folder of its commands."""
    folder = BENCH / packages[0]
    if not (folder / "bin" / command).exists():
        venv.create(folder, with_pip=True, clear=True)
        python = folder / "bin/python"
        _install([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages])
    return folder / "bin"


@cache
def from_npm(command: str, packages: tuple[str, ...]) -> Path:
    """Install packages of node's; return the folder of their commands."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise Missing(f"{command} needs node and npm on PATH")
    folder = BENCH / packages[0]
    if not (folder / "node_modules/.bin" / command).exists():
        folder.mkdir(parents=True, exist_ok=True)
        _install([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *packages])
    return folder / "node_modules/.bin"


def _install(words: list[str]) -> None:
    try:
        subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise Missing(f"could not install {words[-1]}: {said[-1] if said else 'no reason given'}") from None
