"""What every victim has around and in it: its fuse, its caps, and the few moves they all make.

Whatever is tried in here ends by itself: `FUSE` seconds after the start each process is killed by
its own alarm; those that are deaf to it leave their loops by the clock; spinning ones meet
RLIMIT_CPU, whose hard limit is SIGKILL; stopped ones go with their namespace (stage.py).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time

from tests.real.zoo.behaviour import EXIT, LEADER_CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Step = Callable[[], object]

FUSE = 20  # seconds; the longest case takes a third of it
CPU_SECONDS = 10
MEMORY = 1 << 30
PROCESSES = 4000  # of the user, whatever else they run: a backstop; each behaviour counts its own forks
CLONE_VFORK, CLONE_PARENT = 0x4000, 0x8000  # linux/sched.h
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 4, 15, 36  # linux/prctl.h
CLONE = {"x86_64": 56, "aarch64": 220}  # syscall numbers
EXIT_THREAD = {"x86_64": 60, "aarch64": 93}

libc = ctypes.CDLL(None, use_errno=True)
end = time.monotonic() + FUSE
mode = EXIT
_acted = os.environ.get("ZOO_ACTED", os.devnull)


def enter(chosen: str, *, roomy: bool) -> None:
    """Arm the fuse and set the caps of this process and of all that it starts."""
    global mode
    mode = chosen
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
    signal.alarm(FUSE)
    os.register_at_fork(after_in_child=_rearm)
    cap(resource.RLIMIT_CPU, CPU_SECONDS)
    cap(resource.RLIMIT_CORE, 0)
    cap(resource.RLIMIT_NPROC, PROCESSES)
    if not roomy:
        cap(resource.RLIMIT_AS, MEMORY)


def cap(kind: int, most: int) -> None:
    """Lower a limit to `most`, unless it is lower already."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _rearm() -> None:
    signal.alarm(max(1, round(end - time.monotonic())))  # fork(2) clears alarms


def acted() -> None:
    """Tell the stage that the act stands: a victim that is ended before that proves nothing."""
    os.close(os.open(_acted, os.O_CREAT | os.O_WRONLY, 0o666))


def rest() -> NoReturn:
    """Do nothing until the fuse has burnt down."""
    while lasting():
        time.sleep(max(0.0, end - time.monotonic()))
    os._exit(0)


def lasting(pause: float = 0.0) -> bool:
    """Sleep for `pause` seconds, then say whether there is fuse left: the condition of every loop."""
    if pause:
        time.sleep(pause)
    return time.monotonic() < end


def child(*steps: Step, then: Callable[[], object] = rest) -> int:
    """Fork; the child takes `steps`, reports, then does `then`. Returns its pid once it has reported."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # an error in here unwinds to the interpreter, which prints it and ends
        for step in steps:
            step()
        os.write(writing, b".")
        then()
        os._exit(0)
    os.close(writing)
    if not os.read(reading, 1):
        raise RuntimeError(f"child {pid} has ended before it was ready")
    os.close(reading)
    return pid


def in_turn(*steps: Step) -> Step:
    """Return a step that takes these, one after the other."""

    def walk() -> None:
        for step in steps:
            step()

    return walk


def leave() -> NoReturn:
    """End this process, without the interpreter's farewell."""
    os._exit(0)


def daemon(*steps: Step, then: Callable[[], object] = rest) -> None:
    """Fork, lead a session, fork again, and leave the grandchild alone with `steps` and `then`."""
    middle = child(os.setsid, lambda: child(*steps, then=then), then=leave)
    os.waitpid(middle, 0)


def deafen(*signals: signal.Signals) -> None:
    """Ignore these signals, SIGTERM when none is named; children and exec inherit that."""
    for number in signals or (signal.SIGTERM,):
        signal.signal(number, signal.SIG_IGN)


def stop() -> None:
    """Stop this process; it goes on only with SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def rename(name: bytes) -> None:
    """Set the name that /proc/PID/comm shows; PR_SET_NAME(2const), at most 15 bytes count."""
    libc.prctl(PR_SET_NAME, name, 0, 0, 0)


def become_subreaper() -> None:
    """Adopt the orphans among our descendants; PR_SET_CHILD_SUBREAPER(2const)."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def clone(flags: int) -> int:
    """Call clone(2) without CLONE_VM: a fork with `flags`. Returns 0 in the child."""
    pid = libc.syscall(CLONE[os.uname().machine], flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return int(pid)


def become(*argv: str, env: dict[str, str] | None = None, title: str = "") -> NoReturn:
    """Turn into another program, under `title` as argv[0] when given; the alarm goes along."""
    os.execvpe(argv[0], [title or argv[0], *argv[1:]], dict(os.environ) if env is None else env)


def daemon_program(*argv: str, env: dict[str, str] | None = None, title: str = "") -> None:
    """Leave a daemon alone that has become another program by the time we return.

    What it forgets by that (environment, name) it has forgotten then: the pipe is closed by its exec.
    """
    reading, writing = os.pipe()

    def forget() -> NoReturn:
        os.closerange(3, writing)
        os.closerange(writing + 1, 1024)
        become(*argv, env=env, title=title)

    daemon(then=forget)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)


def shell(script: str, *, program: str = "sh") -> NoReturn:
    """Become a shell that runs `script`, reports, and then ends as the mode of the case says."""
    ending = f"exit {LEADER_CODE}" if mode == EXIT else f"exec sleep {FUSE}"
    become(program, "-c", f'{script}\n: > "$ZOO_ACTED"\n{ending}')


def finish() -> NoReturn:
    """Report, and end as the mode of the case says: by itself, or when it is ended."""
    acted()
    if mode == EXIT:
        os._exit(LEADER_CODE)
    rest()


class Tokens:
    """A number of forks that many processes share: bytes in a pipe. Nobody forks without one."""

    def __init__(self, number: int) -> None:
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.write(writing, b"." * number)  # at most PIPE_BUF: in one piece
        self.writing = writing  # kept open, or an empty pipe would look like its end

    def take(self) -> bool:
        """Take a token; False when none is left."""
        try:
            return bool(os.read(self.reading, 1))
        except BlockingIOError:
            return False


class Gate:
    """A start line for many children: nobody sets off before all are there, and slows the others' start."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def wait(self) -> None:
        """Wait in a child until the gate is open, or whoever could open it is gone."""
        os.close(self.writing)
        os.read(self.reading, 1)

    def open(self) -> None:
        """Let all set off."""
        os.close(self.writing)
