"""Python that has to run in a process of its own: without rights, without descriptors, in namespaces."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534

# Everything is imported before rights are dropped: the interpreter may lie where only root may read.
PREAMBLE = """
import json, os, resource, select, signal, subprocess, sys, time
from guardian.errors import SeeError
from guardian.kill.signals import SIGNALS, send
from guardian.actions import How
from guardian.procs import tree
from guardian.procs.linux import LinuxTable
from guardian.procs.portable import PortableTable
from guardian.procs.model import ProcId, Snapshot, Wants
signal.alarm(60)
def tell(**facts): print(json.dumps(facts), flush=True)
def become_nobody():
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
"""


def alone(code: str, *, inside: tuple[str, ...] = (), timeout: float = 60) -> dict[str, Any]:
    """Run `code` after PREAMBLE, behind the command `inside`; return what it told."""
    command = [*inside, sys.executable, "-c", PREAMBLE + code]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@functools.cache
def namespace(*kinds: str) -> tuple[str, ...]:
    """Return the command that starts another in new namespaces (unshare(1)); skip where that is forbidden."""
    command = ("unshare", *kinds)
    if os.geteuid() != 0:
        command += ("--user", "--map-root-user")
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        return pytest.skip("needs unshare(1)")
    return command if tried.returncode == 0 else pytest.skip(f"needs namespaces: {tried.stderr.strip()}")
