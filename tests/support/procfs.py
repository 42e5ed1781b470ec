"""A /proc written by hand: folders and files as the kernel renders them (proc(5)), hostile ones included."""

from __future__ import annotations

import shutil
from pathlib import Path

FIELDS_AFTER_STATE = 49  # of stat: the fields 4 to 52 of proc(5)


def stat_line(pid: int, *, name: bytes = b"proc", state: str = "S", **fields: int) -> bytes:
    """Return a line of stat; `fields` are named as in proc(5), all others are 0."""
    numbers = [0] * FIELDS_AFTER_STATE
    for field, value in ({"num_threads": 1, "tpgid": -1, "arg_start": 4096} | fields).items():
        numbers[NUMBER[field] - 4] = value
    return b"%d (%s) %s %s\n" % (pid, name, state.encode(), " ".join(map(str, numbers)).encode())


NUMBER = {  # of the fields that guardian reads, counted as proc(5) does
    "ppid": 4,
    "pgrp": 5,
    "session": 6,
    "tty_nr": 7,
    "tpgid": 8,
    "flags": 9,
    "utime": 14,
    "stime": 15,
    "cutime": 16,
    "cstime": 17,
    "num_threads": 20,
    "starttime": 22,
    "rss": 24,
    "arg_start": 48,
}


class ProcFolder:
    """Processes as files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, pid: int, *, cmdline: bytes = b"proc\0", **stat: object) -> Path:
        """Let a process exist, in place of whoever had its pid; return its folder."""
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_bytes(stat_line(pid, **stat))  # type: ignore[arg-type]
        (folder / "cmdline").write_bytes(cmdline)
        return folder

    def detail(self, pid: int, *, uid: int, pss: int, io: int, wchan: str) -> None:
        """Write what a closer look reads: uid, PSS and I/O in bytes (PSS whole KB), wchan."""
        folder = self.root / str(pid)
        (folder / "status").write_text(f"Name:\tproc\nUmask:\t0022\nUid:\t{uid}\t0\t0\t0\n")
        rollup = f"00-ff ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss: {pss // 1024} kB\nPss_Anon: 7 kB\n"
        (folder / "smaps_rollup").write_text(rollup + "SwapPss: 0 kB\n")
        (folder / "io").write_text(f"rchar: {io}\nwchar: 0\nsyscr: 1\nsyscw: 1\nread_bytes: 5\n")
        (folder / "wchan").write_text(wchan)

    def thread(self, pid: int, tid: int, *, cmdline: bytes = b"proc\0", **stat: object) -> Path:
        """Write a thread below a process that exists; return its folder."""
        folder = self.root / str(pid) / "task" / str(tid)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_bytes(stat_line(tid, **stat))  # type: ignore[arg-type]
        (folder / "cmdline").write_bytes(cmdline)
        return folder

    def remove(self, pid: int) -> None:
        """Let a process be gone."""
        shutil.rmtree(self.root / str(pid))
