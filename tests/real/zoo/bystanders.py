"""Honest processes near the victim that nobody may touch: each tells of every signal that reaches it.

twin      same command line, own session, an orphan of the same user
stranger  same command line, marked as the member of another run
sleeper   same command line, stopped by its owner: it has to stay stopped
agent     the wrapper's parent: what called it, with the very command line of the victim
sibling   the agent's other child, in the wrapper's session and process group, older than the wrapper
newcomer  the same, but younger than the wrapper
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

OUTSIDE: dict[str, dict[str, str]] = {  # started by the stage, each with more environment
    "twin": {},
    "stranger": {"GUARDIAN_RUN_ID": "zoo-another-run"},
    "sleeper": {},
}
BESIDE = ("agent", "sibling", "newcomer")
GOES_HOME = time.monotonic() + 60.0  # longer than any case: who ends by itself would look harmed
UNCATCHABLE = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE}


def tell(line: str) -> None:
    """Write a line to the stage."""
    os.write(int(os.environ["ZOO_TELL"]), f"{line}\n".encode())


def _watch(name: str) -> None:
    """Write down whatever signal reaches this process."""
    harm = os.open(os.environ["ZOO_HARM"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
    for number in signal.valid_signals() - UNCATCHABLE:
        signal.signal(
            number, lambda got, _: os.write(harm, f"{name} got {signal.Signals(got).name}\n".encode())
        )


def _stand() -> NoReturn:
    """Do nothing; unlike a victim, without an alarm, which would count as harm."""
    while (left := GOES_HOME - time.monotonic()) > 0:
        time.sleep(left)
    os._exit(0)


def bystander() -> NoReturn:
    """Watch, tell that, and stand there."""
    name = os.environ["ZOO_NAME"]
    _watch(name)
    tell(f"{name} {os.getpid()}")
    os.close(int(os.environ["ZOO_TELL"]))
    _stand()


def agent() -> NoReturn:
    """Start sibling, wrapper and newcomer; report how the wrapper ended, and stay."""
    import json  # the other five need not wait for it

    _watch("agent")
    os.set_inheritable(int(os.environ["ZOO_TELL"]), False)
    own = {key: value for key, value in os.environ.items() if not key.startswith("ZOO_")}
    handed = {key: os.environ[key] for key in ("ZOO_ACTED", "ZOO_BUN") if key in os.environ}
    handed["ZOO_AGENT"] = str(os.getpid())
    tell(f"agent {os.getpid()}")
    os.read(_accompany("sibling"), 100)  # it is on the watch before anything can happen to it
    began = time.monotonic()
    wrapper = _start(json.loads(os.environ["ZOO_WRAPPED"]), own | handed, job="ZOO_JOB" in os.environ)
    tell(f"wrapper {wrapper}")
    _accompany("newcomer")
    status = os.waitpid(wrapper, 0)[1]
    tell(f"exit {os.waitstatus_to_exitcode(status)} {time.monotonic() - began:.3f}")
    _stand()


def _accompany(name: str) -> int:
    """Start a bystander beside the wrapper; return where it will tell that it is on the watch."""
    hearing, telling = os.pipe()
    os.set_inheritable(telling, True)
    role = {"ZOO_ROLE": "bystander", "ZOO_NAME": name, "ZOO_TELL": str(telling)}
    tell(f"{name} {_start(sys.orig_argv, dict(os.environ) | role)}")
    os.close(telling)
    return hearing


def _start(argv: list[str], env: Mapping[str, str], *, job: bool = False) -> int:
    """Fork and exec, with SIGPIPE as a shell would leave it; as a `job` in a process group of its own."""
    pid = os.fork()
    if pid == 0:
        if job:
            os.setpgid(0, 0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            os.execvpe(argv[0], argv, env)
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
            os._exit(127)
    return pid


ROLES: dict[str, Callable[[], NoReturn]] = {"bystander": bystander, "agent": agent}
