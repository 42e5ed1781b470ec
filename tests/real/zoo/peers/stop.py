"""`stop.py HOW LIMIT GRACE COMMAND…`: end a command after LIMIT seconds the way others do, or wait for it.

ask      SIGTERM to the leader, and nothing else: what every behaviour of the zoo has to survive
leader   SIGTERM to the leader, after the grace SIGKILL (supervisord, honcho, tini or dumb-init behind it)
group    a session of its own, SIGTERM and SIGKILL to its process group (supervisord with group flags)
tree     psutil's recipe: list the descendants, terminate them, wait, kill those who are left
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Command = subprocess.Popen[bytes]


def _patient(command: Command, grace: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        command.wait(grace)


def ask(command: Command, grace: float) -> None:
    """Ask the leader and leave."""
    command.terminate()
    _patient(command, grace)


def leader(command: Command, grace: float) -> None:
    """Ask, then force, the leader."""
    ask(command, grace)
    command.kill()
    command.wait()


def group(command: Command, grace: float) -> None:
    """Ask the group, then force whoever of it is left."""
    os.killpg(command.pid, signal.SIGTERM)
    _patient(command, grace)
    with suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)
    command.wait()


def tree(command: Command, grace: float) -> None:
    """Ask all descendants and the leader, then force whoever of them is left."""
    import psutil

    root = psutil.Process(command.pid)
    family = [*root.children(recursive=True), root]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.terminate()
    for one in psutil.wait_procs(family, timeout=grace)[1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family, timeout=grace)


WAYS: dict[str, Callable[[Command, float], None]] = {
    "ask": ask,
    "leader": leader,
    "group": group,
    "tree": tree,
}


def main(how: str, limit: str, grace: str, *argv: str) -> int:
    """Run the command; 124 when it had to be ended, else its own exit code."""
    command = subprocess.Popen(argv, start_new_session=how == "group")
    try:
        return command.wait(float(limit))
    except subprocess.TimeoutExpired:
        WAYS[how](command, float(grace))
        return 124


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
