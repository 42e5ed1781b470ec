"""Victims that are many, or never the same one for long."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial

from tests.real.zoo.behaviour import LIMIT, behaviour
from tests.real.zoo.cage import (
    Gate,
    Tokens,
    acted,
    become,
    child,
    daemon,
    deafen,
    in_turn,
    lasting,
    leave,
    rest,
    shell,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def walk(*, pause: float = 0.0, step: Callable[[], object] = lambda: None) -> None:
    """Fork and leave, again and again: one process at a time, each with a pid of its own."""
    while lasting(pause):
        if os.fork():
            os._exit(0)
        step()


@behaviour("a chain of forks: each child forks and its parent exits, faster than anyone can list them")
def fork_chain() -> None:
    child(then=walk)


@behaviour("a chain of forks in which each link leads a session of its own")
def session_chain() -> None:
    child(then=lambda: walk(step=os.setsid))


@behaviour("a chain of forks that ignores SIGTERM")
def deaf_chain() -> None:
    child(deafen, then=walk)


@behaviour("a chain of shells, each a program of its own that starts the next in the background")
def exec_chain() -> None:
    link = 'N=$((N+1)); [ $N -lt 2000 ] && sleep 0.005 && { setsid sh -c "$LINK" & }'
    os.environ |= {"LINK": link, "N": "0"}
    shell('sh -c "$LINK" &')


@behaviour("thirty processes that walk: each moves to another pid every few milliseconds")
def walkers() -> None:
    gate = Gate()
    for number in range(30):
        pause = 0.01 + number / 10_000
        child(os.setsid, then=in_turn(gate.wait, partial(walk, pause=pause)))
    gate.open()


@behaviour("a fork bomb: every process doubles until two hundred are there")
def bomb() -> None:
    tokens = Tokens(200)

    def explode() -> None:
        while tokens.take():
            os.fork()
        rest()

    child(then=explode)


@behaviour("a bomb that waits for SIGTERM to go off: sixty children, each in a session of its own")
def late_bomb() -> None:
    def explode(*_: object) -> None:
        for _number in range(60):
            child(deafen, os.setsid)
        leave()

    signal.signal(signal.SIGTERM, explode)
    child()


@behaviour("two that watch each other: whoever is left starts another, in a session of its own")
def respawner_pair() -> None:
    tokens = Tokens(2000)

    def partner() -> None:
        while lasting() and tokens.take():
            other = os.getpid()
            if os.fork():
                os.wait()
                continue
            os.setsid()
            while os.getppid() == other:
                time.sleep(0.001)

    daemon(then=partner)


@behaviour("answers SIGTERM by leaving a copy of itself behind, and so does the copy")
def respawns_on_term() -> None:
    def hand_on(*_: object) -> None:
        if os.fork():
            os._exit(0)
        os.setsid()

    signal.signal(signal.SIGTERM, hand_on)
    child()


@behaviour("forks 250 ms after SIGTERM, when everyone believes that it is tidying up")
def forks_after_term() -> None:
    def fork_late(*_: object) -> None:
        time.sleep(0.25)
        daemon(deafen)
        leave()

    signal.signal(signal.SIGTERM, fork_late)
    child()


@behaviour("a pool that is deaf to SIGTERM and replaces each worker that dies")
def worker_pool() -> None:
    def keep() -> None:
        tokens = Tokens(2000)
        workers = {child(undeafen) for _ in range(5)}
        while lasting() and tokens.take():
            workers.discard(os.wait()[0])
            workers.add(child(undeafen))

    def undeafen() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    child(deafen, os.setsid, then=keep)


@behaviour("eight threads that fork at once, sixty children in all")
def forking_threads() -> None:
    tokens = Tokens(60)

    def fork() -> None:
        while lasting(0.002) and tokens.take():
            if os.fork() == 0:
                os.setsid()
                rest()

    threads = [threading.Thread(target=fork) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@behaviour("sixty processes that wake every other millisecond, so that the guard hardly gets to run")
def crowd() -> None:
    gate = Gate()

    def fidget() -> None:
        while lasting(0.002):
            pass

    for _ in range(60):
        child(os.setsid, then=in_turn(gate.wait, fidget))
    gate.open()


@behaviour("becomes another program every few milliseconds, with another command line", modes=(LIMIT,))
def re_executes() -> None:
    deafen()
    acted()
    again = 'N=$((N+1)); export N; [ $N -lt 4000 ] && sleep 0.002 && exec sh -c "$AGAIN" "round-$N"'
    become("sh", "-c", again, env=dict(os.environ) | {"AGAIN": again, "N": "0"})
