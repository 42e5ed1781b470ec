"""The leader with children of every kind that leave a supervisor: a service for tests to end.

    python leader.py FOLDER MODE

A in its group, B in its group and deaf to SIGTERM, C in a session of its own, D double-forked,
E double-forked into a session of its own with a cleared environment. Each writes who it is into
FOLDER as LETTER.PID, and what happened to it behind that; each ends by itself after a minute.
MODE: polite (ends on SIGTERM), deaf (ignores it), crash (the first generation exits with 3).
"""

from __future__ import annotations

import os
import signal
import sys
import time

FUSE = 60
LETTERS = "ABCDE"


def start_of(pid: int) -> str:
    """Return when a process started; empty when nobody alive has the pid."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def note(folder: str, letter: str, what: str) -> None:
    """Add a line to one's own file."""
    with open(f"{folder}/{letter}.{os.getpid()}", "a") as file:
        file.write(f"{what} {time.monotonic()}\n")


def live(folder: str, letter: str) -> None:
    """Say who one is, and wait for the end; who is asked to needs a while for it."""

    def asked(number: int, _: object) -> None:
        note(folder, letter, "asked")
        time.sleep(0.2)
        note(folder, letter, "done")
        os._exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if letter == "B" else asked)
    signal.alarm(FUSE)
    note(folder, letter, f"start {start_of(os.getpid())}")
    while True:
        signal.pause()


def bear(folder: str, letter: str) -> None:
    """Start one of the five."""
    pid = os.fork()
    if pid:
        if letter in "DE":
            os.waitpid(pid, 0)
        return
    if letter in "CE":
        os.setsid()
    if letter in "DE" and os.fork():
        os._exit(0)
    if letter == "E":
        words = [sys.executable, "-S", "-E", os.path.abspath(__file__), folder, "E"]
        os.execve(sys.executable, words, {})
    live(folder, letter)


def known(folder: str) -> list[tuple[str, int, str]]:
    """Return letter, pid and start of everybody who has said who he is."""
    found = []
    for name in os.listdir(folder):
        letter, _, pid = name.partition(".")
        with open(f"{folder}/{name}") as file:
            words = file.readline().split()
        if letter in LETTERS + "L" and len(words) == 3:
            found.append((letter, int(pid), words[1]))
    return found


def alive(folder: str) -> list[str]:
    """Return the letters of those who live."""
    return sorted(letter for letter, pid, start in known(folder) if start_of(pid) == start)


def lead(folder: str, mode: str) -> None:
    """Be the leader."""
    before = known(folder)
    note(folder, "overlap", "".join(alive(folder)) or "-")
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for letter in LETTERS:
        bear(folder, letter)
    signal.alarm(FUSE)
    note(folder, "L", f"start {start_of(os.getpid())}")
    while len(known(folder)) < len(before) + len(LETTERS) + 1:
        time.sleep(0.01)
    if mode == "crash" and not before:
        os._exit(3)
    while True:
        signal.pause()


if __name__ == "__main__":
    if sys.argv[2] == "E":
        live(sys.argv[1], "E")
    lead(sys.argv[1], sys.argv[2])
