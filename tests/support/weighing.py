"""What processes weigh and use, from /proc: for benches."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

KB, TICKS = 1024, os.sysconf("SC_CLK_TCK")


def everybody() -> list[int]:
    """Return all pids."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_line(pid: int) -> list[str]:
    """Return a process's words; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def parent(pid: int) -> int:
    """Return the pid of a process's parent; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Return the pids of a process's children, whichever of its threads started them."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        texts = [Path(f"/proc/{pid}/task/{thread}/children").read_text() for thread in threads]
    except OSError:
        return []
    return [int(child) for text in texts for child in text.split()]


def memory(pids: Iterable[int]) -> int:
    """Return the bytes that these processes take, each page that they share counted once.

    Anonymous pages are shared at most with each other: their part of them (PSS) is added up. Pages
    of a file, which anybody on the machine may have mapped too, count whole, once for each file: PSS
    would make a tool the lighter the more of its libraries others use.
    """
    anonymous, files = 0, dict[tuple[str, str], int]()
    for pid in pids:
        for mapping, sizes in mappings(pid):
            anonymous += sizes["Pss"] if sizes["Anonymous"] else 0
            if not sizes["Anonymous"]:
                files[mapping] = max(files.get(mapping, 0), sizes["Rss"])
    return anonymous + sum(files.values())


def pss(pids: Iterable[int]) -> int:
    """Return the bytes that these processes take, each page divided among all who have mapped it (PSS)."""
    return sum(sizes["Pss"] for pid in pids for _, sizes in mappings(pid))


def mappings(pid: int) -> list[tuple[tuple[str, str], dict[str, int]]]:
    """Return a process's mappings: the file with the offset in it, and bytes by name (proc_pid_smaps(5))."""
    found: list[tuple[tuple[str, str], dict[str, int]]] = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if words[0].endswith(":"):
            if words[-1] == "kB":
                found[-1][1][words[0][:-1]] = int(words[1]) * KB
        else:
            found.append(((" ".join(words[5:]), words[2]), {}))
    return found


def cpu(pids: Iterable[int]) -> float:
    """Return the seconds of CPU that these processes have used, in ticks of 10 ms."""
    return sum(_ticks(pid) for pid in pids) / TICKS


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
