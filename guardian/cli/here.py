"""The project that a command is about, and its daemon."""

from __future__ import annotations

import json
import os
import time

from guardian.config.places import find_places, working_directory
from guardian.daemon.client import NoDaemon, connect
from guardian.daemon.places import Project
from guardian.errors import UsageError
from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from guardian.daemon.client import Connection


PATIENCE, LOOK = 10.0, 0.005  # seconds that a daemon may take to go, and between looks


def project_here() -> Project:
    """Return the project that this command is about: where the nearest guardian.toml lies."""
    places = find_places(os.environ)
    if not places.files:
        raise UsageError(
            f"there is no guardian.toml in {working_directory()} or above; write one, or go to one"
        )
    return Project(os.path.dirname(places.files[-1]))


def begin_daemon(project: Project) -> bool:
    """Start a project's daemon unless one runs; whether it was started. GuardianError when it cannot be.

    One that holds the lock and has no socket is about to go, or has just come: it is waited for.
    """
    from guardian.daemon.start import ensure  # late: who only asks starts nothing

    deadline = time.monotonic() + PATIENCE
    while not ensure(project):
        if os.path.exists(project.socket) or time.monotonic() > deadline:
            return False
        time.sleep(LOOK)  # no event tells of both a free lock and a new socket
    return True


def daemon_here() -> Connection:
    """Return a conversation with the daemon of this project; NoDaemon tells what still runs without it."""
    return daemon_of(project_here())


def daemon_of(project: Project) -> Connection:
    """Return a conversation with a project's daemon; NoDaemon tells what still runs without it."""
    try:
        return connect(project)
    except NoDaemon as error:
        left = remains(project)
        if not left:
            raise
        told = ", ".join(f"{printable(name)} (pid {pid})" for name, pid in left)
        raise NoDaemon(f"{error}; it takes over what still runs: {told}") from None


def remains(project: Project) -> list[tuple[str, int]]:
    """Return the services of which something runs, with the pid of the leader or else of another one.

    As far as the last daemon wrote it down, by (pid, start time) and by the mark of each tree.
    """
    try:
        with open(project.below("state.json"), encoding="utf-8") as file:
            trees = json.load(file)["trees"]
        found = [(str(tree["name"]), _somebody_of(tree)) for tree in trees.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # none, or half of one: the next daemon says so
    return [(name, pid) for name, pid in found if pid]


def _somebody_of(tree: Mapping[str, Any]) -> int:
    """Return the pid of somebody of a tree, the leader if he is there; 0 when nobody is."""
    leader = tree["leader"]
    if leader and _start_of(leader[0]) == leader[1]:
        return int(leader[0])
    from guardian.contain.mark import Mark  # late: only where a daemon was killed

    mark = Mark(*tree["mark"])
    everybody = map(int, filter(str.isdecimal, os.listdir("/proc"))) if mark.number else ()
    return next((pid for pid in everybody if mark.owns(pid) and _start_of(pid) is not None), 0)


def _start_of(pid: int) -> int | None:
    """Return the start time in ticks of the process that has this pid now (proc_pid_stat(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
