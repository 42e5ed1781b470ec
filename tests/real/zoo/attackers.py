"""Victims that go for the wrapper: one of its processes, by number. (P6 promises for any one.)"""

from __future__ import annotations

import os
import signal
import time

from tests.real.zoo.behaviour import LIMIT, behaviour
from tests.real.zoo.cage import acted, child, daemon, deafen, in_turn, rest


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the name: state, parent, …"""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].decode().split()


def parent_of(pid: int) -> int:
    """Return the parent of `pid`, 0 where there is none."""
    return int(stat(pid)[1])


def front() -> int:
    """Return the topmost of the wrapper's processes: the one whose parent is the agent; else 0."""
    agent, pid = int(os.environ["ZOO_AGENT"]), os.getppid()
    while pid > 1 and (above := parent_of(pid)) != agent:
        pid = above
    return pid if pid > 1 else 0


def attack(pid: int, number: signal.Signals) -> None:
    """Signal one process by its number; 0 and 1 are nobody (kill(0) would be the own group)."""
    if pid > 1:
        os.kill(pid, number)


def with_company() -> None:
    """Start a child and a daemon that are deaf: whoever holds the wrapper's work has some."""
    child(deafen)
    daemon(deafen)


@behaviour("stops its parent", attacks=True)
def stops_parent() -> None:
    with_company()
    attack(os.getppid(), signal.SIGSTOP)


@behaviour("kills its parent", attacks=True)
def kills_parent() -> None:
    with_company()
    acted()
    attack(os.getppid(), signal.SIGKILL)


@behaviour("stops the front of the wrapper, the process that its caller waits for", attacks=True)
def stops_front() -> None:
    with_company()
    attack(front(), signal.SIGSTOP)


@behaviour("kills the front of the wrapper, the process that its caller waits for", attacks=True)
def kills_front() -> None:
    with_company()
    acted()
    attack(front(), signal.SIGKILL)


@behaviour("a daemon that kills the parent of the leader it came from", attacks=True)
def kills_parent_from_outside() -> None:
    target = os.getppid()
    daemon(with_company, acted, then=in_turn(lambda: attack(target, signal.SIGKILL), rest))


@behaviour(
    "kills its process group, itself included, once a daemon is away",
    modes=(LIMIT,),
    limit_code=137,
    job=True,
)
def kills_own_group() -> None:
    with_company()
    acted()
    os.kill(0, signal.SIGKILL)


@behaviour("asks its process group to end, hangs it up, interrupts it; only itself is deaf to that", job=True)
def signals_own_group() -> None:
    deafen(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    child()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        os.kill(0, number)


@behaviour(
    "stops its whole process group, itself included; a child elsewhere wakes the leader again", job=True
)
def stops_own_group() -> None:
    leader = os.getpid()

    def wake() -> None:
        while state_of(leader) != "T":
            time.sleep(0.001)
        os.kill(leader, signal.SIGCONT)

    deafen(signal.SIGHUP, signal.SIGTERM)  # the kernel hangs up stopped groups that lose their last tie
    child()
    child(os.setsid, then=in_turn(wake, rest))
    os.kill(0, signal.SIGSTOP)


def state_of(pid: int) -> str:
    """Return the state letter of `pid`."""
    return stat(pid)[0]
