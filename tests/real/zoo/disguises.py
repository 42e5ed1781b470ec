"""Daemons that are not what they look like."""

from __future__ import annotations

import os

from tests.real.zoo.behaviour import behaviour
from tests.real.zoo.cage import PR_SET_DUMPABLE, daemon, daemon_program, libc, rename, shell

NOBODY_ELSE = 65533  # a user that no account has


@behaviour("a name that breaks naive readers of /proc/PID/stat: a parenthesis, a newline, an escape")
def hostile_name() -> None:
    daemon(lambda: rename(b") Z 1 1\n\x1b[31m("))


@behaviour("calls itself sshd")
def borrowed_name() -> None:
    daemon_program("sleep", "20", title="sshd: root@pts/0")


@behaviour("looks like a kernel thread")
def kernel_thread() -> None:
    daemon_program("sleep", "20", title="[kworker/0:1]")


@behaviour("calls itself guardian, which guardian never signals")
def named_guardian() -> None:
    os.symlink("/bin/sleep", "guardian")
    daemon_program("./guardian", "20", title="guardian")


@behaviour("has cleared its environment")
def no_environment() -> None:
    daemon_program("sleep", "20", env={})


@behaviour("wears the mark of another run")
def foreign_mark() -> None:
    daemon_program("sleep", "20", env=dict(os.environ) | {"GUARDIAN_RUN_ID": "zoo-another-run"})


@behaviour("runs a program that has been deleted meanwhile", needs=("setsid",))
def deleted_program() -> None:
    shell("cp /bin/sleep gone; setsid ./gone 20 & until [ /proc/$!/exe -ef gone ]; do :; done; rm gone")


@behaviour("runs a program that never had a file: a memfd")
def memory_program() -> None:
    with open("/bin/sleep", "rb") as file:
        program = os.memfd_create("sleep", 0)
        os.write(program, file.read())
    daemon_program(f"/proc/{os.getpid()}/fd/{program}", "20", env={}, title="sleep")


@behaviour("is not dumpable: its /proc entries belong to root")
def undumpable() -> None:
    daemon(lambda: libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))


@behaviour("has become another user", root_only=True)
def other_user() -> None:
    daemon(lambda: os.setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE))
