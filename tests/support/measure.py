"""Measuring guardian beside a peer, and the table that is printed of it."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = ("work", "ours", "peer", "ratio", "aim", "met?")


@dataclass(frozen=True)
class Row:
    """One line of the table, as it is printed."""

    work: str
    ours: str
    peer: str
    ratio: str
    aim: str
    met: str


def wall(work: Callable[[], object]) -> Callable[[], float]:
    """Return a call that does `work` and returns the seconds that it took."""

    def timed() -> float:
        before = time.perf_counter()
        work()
        return time.perf_counter() - before

    return timed


def command(*words: str) -> Callable[[], float]:
    """Return a call that runs a command as a shell would, and returns the seconds until its end.

    Raises CalledProcessError when it fails: what fails fast would win.
    """
    return wall(lambda: subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True))


def alternate(works: Sequence[Callable[[], float]], *, runs: int) -> list[float]:
    """Return each work's median over `runs` calls in turn (A B A B …), after one that is not counted.

    In turn, so that what else the machine does in the meantime falls on all of them alike.
    """
    taken: list[list[float]] = [[] for _ in works]
    for run in range(runs + 1):
        for work, times in zip(works, taken, strict=True):
            took = work()
            if run:
                times.append(took)
    return [statistics.median(times) for times in taken]


def shown_time(value: float) -> str:
    """Render seconds as milliseconds."""
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:,.0f} ms"


class Table:
    """Collects rows; they are printed when the benches are done."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def compare(
        self,
        work: str,
        ours: Callable[[], float],
        peers: dict[str, Callable[[], float]],
        *,
        runs: int,
        aims: dict[str, float],
    ) -> None:
        """Measure `ours` and every peer in turn; one row for each peer, `aims` are ratios.

        What is measured returns its own seconds: see `wall` and `command`.
        """
        own, *others = alternate([ours, *peers.values()], runs=runs)
        for name, other in zip(peers, others, strict=True):
            aim = aims.get(name)
            self.add(work, shown_time(own), f"{name} {shown_time(other)}", ratio=own / other, aim=aim)

    def add(self, work: str, ours: str, peer: str, *, ratio: float, aim: float | None) -> None:
        """Add a row whose ratio is to be at most `aim`; None: it is only told."""
        met = "" if aim is None else ("yes" if ratio <= aim else "NO")
        self.rows.append(Row(work, ours, peer, f"{ratio:.2f}", "" if aim is None else f"≤ {aim:g}", met))

    def alone(self, work: str, value: float, *, unit: str, aim: float | None = None) -> None:
        """Add a row of something that has no peer, whose value is to be at most `aim`; None: only told."""
        met = "" if aim is None else ("yes" if value <= aim else "NO")
        wanted = "" if aim is None else f"≤ {aim:g} {unit}"
        self.rows.append(Row(work, f"{value:.3g} {unit}", "-", "-", wanted, met))

    def lines(self) -> list[str]:
        """Return the table as lines of text, columns aligned."""
        cells = [HEAD, *((r.work, r.ours, r.peer, r.ratio, r.aim, r.met) for r in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
        text = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        return [text[0], "-+-".join("-" * width for width in widths), *text[1:]]
