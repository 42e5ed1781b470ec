"""Victims that do not hear, or do not act on what they hear."""

from __future__ import annotations

import ctypes
import os
import signal
import time

from tests.real.zoo.behaviour import LIMIT, behaviour
from tests.real.zoo.cage import (
    CLONE_VFORK,
    acted,
    child,
    clone,
    daemon,
    deafen,
    in_turn,
    lasting,
    leave,
    libc,
    rest,
    stop,
)

PTRACE_TRACEME = 0
CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM, signal.SIGCHLD}


def ignore_everything() -> None:
    """Ignore all that can be ignored; the fuse's alarm excepted."""
    deafen(*(signal.Signals(number) for number in CATCHABLE if number < signal.SIGRTMIN))


def block_everything() -> None:
    """Block all that can be blocked: signals stay pending, also the fuse's alarm (rest() has the clock)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


@behaviour("leader and child ignore SIGTERM")
def ignores_term() -> None:
    deafen()
    child()


@behaviour("leader and child ignore every signal that can be ignored")
def ignores_everything() -> None:
    ignore_everything()
    child()


@behaviour("leader and child block every signal")
def blocks_everything() -> None:
    block_everything()
    child()


@behaviour("a handler for every signal that goes on as if nothing had been said")
def catches_everything() -> None:
    for number in CATCHABLE:
        signal.signal(number, lambda *_: None)
    child()


@behaviour("an obedient leader with a child that ignores SIGTERM")
def deaf_child() -> None:
    child(deafen)


@behaviour("an obedient leader with a daemon that ignores everything")
def deaf_daemon() -> None:
    daemon(ignore_everything)


@behaviour("a SIGTERM handler that never returns, in the leader and in its child")
def lost_in_handler() -> None:
    signal.signal(signal.SIGTERM, lambda *_: rest())
    child()


@behaviour("a SIGTERM handler that tidies up for longer than anyone waits")
def slow_leaver() -> None:
    def tidy_up(*_: object) -> None:
        time.sleep(10)
        leave()

    signal.signal(signal.SIGTERM, tidy_up)
    child(os.setsid)


@behaviour("a leader that stops itself", modes=(LIMIT,))
def stops_itself() -> None:
    acted()
    stop()


@behaviour("a child that is stopped for ever")
def stopped_child() -> None:
    stopped = child(os.setsid, then=in_turn(stop, rest))
    os.waitpid(stopped, os.WUNTRACED)


@behaviour("a child that stops itself again whenever it is continued")
def stops_again() -> None:
    def insist() -> None:
        deafen(signal.SIGTERM, signal.SIGHUP)  # the kernel hangs up stopped groups that lose their last tie
        signal.signal(signal.SIGCONT, lambda *_: stop())

    child(insist, then=in_turn(stop, rest))


@behaviour("two that continue each other all the time: neither stays stopped")
def keep_each_other_going() -> None:
    def keep(other: int) -> None:
        while lasting(0.0005) and os.path.exists(f"/proc/{other}"):
            os.kill(other, signal.SIGCONT)
        rest()

    def pair() -> None:
        first = os.getpid()
        keep(os.fork() or first)

    child(deafen, os.setsid, then=pair)


@behaviour("a parent that waits in vfork: state D, deaf even to SIGSTOP until its child is gone")
def vfork_waiter() -> None:
    def wait_in_the_kernel() -> None:
        if clone(CLONE_VFORK):
            leave()

    child(os.setsid, wait_in_the_kernel, deafen)


@behaviour("a traced child, stopped by its tracer, who sits on its signals")
def traced() -> None:
    def offer() -> None:
        libc.ptrace(PTRACE_TRACEME, 0, ctypes.c_void_p(), ctypes.c_void_p())

    def trace() -> None:
        tracee = child(offer, deafen, then=in_turn(stop, rest))
        os.waitpid(tracee, os.WUNTRACED)

    daemon(deafen, trace)
