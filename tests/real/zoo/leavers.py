"""Victims that leave the family: other parents, sessions, groups, namespaces."""

from __future__ import annotations

import os
import signal
import threading

from tests.real.zoo.behaviour import LIMIT, behaviour
from tests.real.zoo.cage import (
    CLONE_PARENT,
    EXIT_THREAD,
    acted,
    become_subreaper,
    child,
    clone,
    daemon,
    daemon_program,
    deafen,
    in_turn,
    lasting,
    leave,
    libc,
    rename,
    rest,
    stop,
)


@behaviour("a child in the leader's own group")
def plain_child() -> None:
    child()


@behaviour("a child in a session of its own")
def own_session() -> None:
    child(os.setsid)


@behaviour("a child in a process group of its own")
def own_group() -> None:
    child(os.setpgrp)


@behaviour("a daemon by the book: fork, session, fork")
def double_fork() -> None:
    daemon()


@behaviour("a session within a session: each forks before it leads one")
def setsid_twice() -> None:
    child(os.setsid, lambda: child(os.setsid, lambda: child(os.setsid), then=leave), then=leave)


@behaviour("a daemon without a past: no environment, no descriptors, another directory, name and program")
def bare_daemon() -> None:
    def forget() -> None:
        os.closerange(0, 3)
        os.chdir("/")

    child(forget, lambda: daemon_program("sleep", "20", env={}, title="cron"), then=leave)


@behaviour("a daemon that has closed its standard streams and everything else")
def no_descriptors() -> None:
    daemon(then=in_turn(lambda: os.closerange(0, 1024), rest))


@behaviour("a child that is in another process group every millisecond")
def group_hopper() -> None:
    home = os.getpgrp()

    def hop() -> None:
        while lasting(0.001):
            os.setpgid(0, 0)
            try:
                os.setpgid(0, home)
            except PermissionError:  # the leader's group is empty by now: nowhere to go back to
                pass

    child(then=hop)


@behaviour("fifty generations, each the only child of the one before")
def deep_tree() -> None:
    def dig(left: int) -> None:
        if left:
            child(lambda: dig(left - 1))

    dig(50)


@behaviour("a hundred children, every second one in a session of its own")
def wide_tree() -> None:
    for number in range(100):
        child(*([os.setsid] if number % 2 else []))


@behaviour("a grandchild that adopts its own orphans")
def own_subreaper() -> None:
    child(lambda: child(become_subreaper, os.setsid, daemon, daemon))


@behaviour("a subreaper that has stopped itself: orphans go to one who will never look")
def stopped_subreaper() -> None:
    child(become_subreaper, os.setsid, daemon, deafen, then=in_turn(stop, rest))


@behaviour("a child made with CLONE_PARENT: the wrapper has one more child than it started")
def sister_by_clone() -> None:
    if clone(CLONE_PARENT) == 0:
        deafen()
        rest()


@behaviour("the init of a PID namespace of its own, with a daemon inside", needs=("unshare",))
def own_pid_namespace() -> None:
    rights = [] if os.geteuid() == 0 else ["--user"]
    inside = "setsid sleep 20 & sleep 20"
    daemon_program("unshare", *rights, "--pid", "--fork", "sh", "-c", inside)


@behaviour("a child deaf to TERM that ignores SIGCHLD: its own children leave no zombies and no trace")
def ignores_sigchld() -> None:
    child(lambda: deafen(signal.SIGCHLD, signal.SIGTERM), lambda: child(then=leave), child)


@behaviour("fifty zombies that nobody reaps, around one child that is alive")
def among_zombies() -> None:
    def litter() -> None:
        for _ in range(50):
            child(then=leave)

    child(os.setsid, litter, child)


@behaviour("a leader that is a zombie in every listing, while its thread is alive", modes=(LIMIT,))
def zombie_leader() -> None:
    deafen()
    rename(b"zombie")
    threading.Thread(target=in_turn(acted, rest)).start()
    libc.syscall(EXIT_THREAD[os.uname().machine], 0)


@behaviour("a daemon with a controlling terminal of its own")
def own_terminal() -> None:
    def lead() -> None:
        master, slave = os.openpty()
        os.setsid()
        os.close(os.open(os.ttyname(slave), os.O_RDWR))  # a session's first terminal controls it

    daemon(lambda: child(lead))
