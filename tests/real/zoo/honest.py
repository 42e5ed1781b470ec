"""Commands that mean no harm: they get their work done, and their exit code comes through."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

from tests.real.zoo import cage
from tests.real.zoo.behaviour import EXIT, LEADER_CODE, LIMIT, behaviour
from tests.real.zoo.cage import acted, child, daemon, in_turn, leave, rest, shell, stop

TIDYING = 0.15  # seconds: half of the grace that the cases give


def tidy(*_: object) -> None:
    """Tidy up, as a SIGTERM handler does, and report that there was time for it."""
    time.sleep(TIDYING)
    acted()
    leave()


def tidy_on_term() -> None:
    """Promise to tidy up when asked to end."""
    signal.signal(signal.SIGTERM, tidy)


@behaviour("does nothing and ends", modes=(EXIT,), honest=True)
def ends_at_once() -> None:
    pass


@behaviour("sixty short children, each of them waited for", modes=(EXIT,), honest=True)
def short_burst() -> None:
    for pid in [child(then=leave) for _ in range(60)]:
        os.waitpid(pid, 0)


@behaviour("a pipeline that ends by SIGPIPE, as pipelines do", modes=(EXIT,), honest=True)
def pipeline() -> None:
    shell('[ "$(yes | head -n 1000 | wc -l)" -eq 1000 ] || exit 1')


@behaviour("a shell that waits for its background job", modes=(EXIT,), honest=True)
def waiting_shell() -> None:
    shell("sleep 0.2 & wait")


@behaviour("a pool of workers that is closed as it should be", modes=(EXIT,), honest=True)
def closed_pool() -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(abs, range(100))
        pool.close()
        pool.join()


@behaviour("a session of its own, waited for", modes=(EXIT,), needs=("setsid",), honest=True)
def awaited_session() -> None:
    shell("setsid --wait sleep 0.1")


@behaviour("tidies up when it is asked to end", modes=(LIMIT,), honest=True)
def tidy_leader() -> None:
    tidy_on_term()
    rest()


@behaviour("a daemon that tidies up when it is asked to end, also when its leader is long gone", honest=True)
def tidy_daemon() -> None:
    daemon(tidy_on_term)
    if cage.mode == EXIT:
        os._exit(LEADER_CODE)
    rest()


@behaviour("a stopped daemon: it has to be continued before it can tidy up", honest=True)
def stopped_tidy_daemon() -> None:
    daemon(tidy_on_term, then=in_turn(stop, rest))
    if cage.mode == EXIT:
        os._exit(LEADER_CODE)
    rest()
