"""What guardian can do on this machine, proven: harmless runaways are launched, and who escapes is told.

Each runaway holds the writing end of a pipe, whatever becomes of its session, its environment or
its parents; when the reading end tells the end of the file, nobody of it is left (pipe(7)).
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time

from guardian.contain.choose import LADDER, choose
from guardian.errors import GuardianError
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

FUSE = 8  # seconds after which every runaway ends by itself
PATIENCE = 1.0  # seconds after the run's end in which the kernel may still be cleaning up
LIMITS = ("--timeout", "500ms", "--grace", "100ms", "--max-concurrent", "0", "--quiet")

_PRELUDE = f"""
import os, signal, sys, time
def arm():
    signal.alarm({FUSE})
def stay():
    arm(); os.write(int(sys.argv[1]), b"x")
    while True: signal.pause()
def child(what):
    if os.fork() == 0:
        arm(); what(); os._exit(0)
def daemon(what):
    def once():
        os.setsid(); child(what)
    child(once)
def chain():
    for _ in range(200):
        if os.fork(): os._exit(0)
        arm(); time.sleep(0.001)
    stay()
def bare():
    code = "import os,signal;signal.alarm({FUSE});os.write(%s,b'x');signal.pause()" % sys.argv[1]
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code], {{}})
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN); stay()
arm()
"""

RUNAWAYS: dict[str, str] = {
    "a child in a session of its own": "child(lambda: (os.setsid(), stay())); stay()",
    "deaf to SIGTERM": "deaf()",
    "a daemon (double fork)": "daemon(stay); stay()",
    "a daemon with an empty environment": "daemon(bare); stay()",
    "a chain that forks and exits": "child(chain); stay()",
    "a deaf daemon, left behind at a normal exit": "daemon(deaf); time.sleep(0.3)",
}


class Trial(Value):
    """One runaway under one way to contain."""

    runaway: str
    way: str
    contained: bool
    seconds: float
    note: str = ""


class Way(Value):
    """One way to contain on this machine."""

    name: str
    available: bool
    why: str = ""  # why not


def ways() -> tuple[Way, ...]:
    """Return the ways to contain, the strongest first; the first that is available is in force."""
    return tuple(_try(name) for name in LADDER)


def _try(name: str) -> Way:
    """Try a way in a process of its own: who owns a tree adopts orphans, and we do not want any."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            containment, _ = choose(name, "doctor")
            containment.close()
            said = "yes"
        except GuardianError as error:
            said = str(error)
        os.write(writing, said.encode("utf-8", "backslashreplace")[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode("utf-8", "replace")
    os.waitpid(pid, 0)
    return Way(name, said == "yes", "" if said == "yes" else said or "it failed without a word")


def trials(found: tuple[Way, ...]) -> Iterator[Trial]:
    """Launch every runaway under every way that is available; yield each result as it is known."""
    with tempfile.TemporaryDirectory(prefix="guardian-doctor-") as folder:
        for way in found:
            for runaway in RUNAWAYS if way.available else ():
                yield _trial(runaway, way.name, folder)


def _trial(runaway: str, way: str, folder: str) -> Trial:
    reading, writing = os.pipe()
    began = time.monotonic()
    with open(os.path.join(folder, "said"), "w+b") as said:  # no pipe: who escapes would hold it open
        note = _launched(_words(runaway, way, writing), writing, said, folder)
    seconds = time.monotonic() - began
    os.close(writing)
    started, alone = _drained(reading)
    os.close(reading)
    if not started:
        return Trial(runaway, way, contained=False, seconds=seconds, note=note or "it did not start")
    return Trial(runaway, way, contained=alone, seconds=seconds, note=note)


def _launched(words: list[str], pipe: int, said: BinaryIO, folder: str) -> str:
    """Run one runaway under guardian to its end; return what guardian said to it."""
    try:
        subprocess.run(
            words,
            pass_fds=(pipe,),
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            timeout=3 * FUSE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"guardian run was not done after {3 * FUSE} s"
    said.seek(0)
    return said.read().decode("utf-8", "replace").strip()


def _drained(reading: int) -> tuple[bool, bool]:
    """Return whether somebody was there, and whether nobody is left."""
    started, deadline = False, time.monotonic() + PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            break
        if not os.read(reading, 4096):
            return started, True
        started = True
    return started, False


def _words(runaway: str, way: str, pipe: int) -> list[str]:
    code = _PRELUDE + RUNAWAYS[runaway]
    python = [sys.executable, "-I", "-S", "-c", code, str(pipe)]
    return [sys.executable, "-m", "guardian", "run", "--containment", way, *LIMITS, "--", *python]


def _environment(folder: str) -> dict[str, str]:
    """Return an environment in which nothing of the user's is touched: no configuration, no journal."""
    own = {"GUARDIAN_CONFIG": os.devnull, "GUARDIAN_STATE_DIR": folder, "GUARDIAN_CACHE_DIR": folder}
    return {**os.environ, **own}
