"""Keeping services running, beside the tools that people keep them running with (P12).

The services are `sleep`s without health checks. The settings take artificial delays away:

    guardian      as it comes; waits for its services with `up --wait`
    supervisord   startsecs = 0, autorestart = true, minfds for a thousand services, logs as it comes
    circus        warmup_delay = 0, check_delay = 0.1 s (it notices deaths by looking so often; it comes
                  with 5 s), copy_env; it neither captures nor keeps output
    pm2           a JSON ecosystem in fork mode, interpreter none, logs as it comes

A start ends when the tool says that all run: the end of `guardian up --wait` and of `pm2 start`,
all RUNNING by supervisord's XML-RPC, the count of circus' `numprocesses`. A stop ends when the
command has come back and no service is alive. A respawn is the time from the signal until the new
process has exec'ed, seen from outside; each service dies once. Memory is everything that the tool
runs: see `weighing.memory`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
import weighing
from house import House
from litter import Litter, end, start_of
from measure import Row, Table, alternate, shown_time, wall
from peers import KNOWN, Missing, folder_of
from supervisors import Guardian, Supervisor
from waiting import wait_until

MB = 1 << 20
SERVICES = 100
GROWTH = (100, 500, 1000)
ROUNDS = 3
DEATHS = 15
ASKED = 9
IDLE = 30  # seconds; 0.1 % of them are three ticks of the clock that /proc tells CPU time by
IDLE_GROWN = 15  # seconds, when they grow: there is more to see
SETTLED = 3  # seconds after which nobody is busy with the start any more

Figures = dict[str, float]  # by the name of the tool


class Field:
    """Makes supervisors, each life in a folder of its own."""

    def __init__(self, house: House, litter: Litter) -> None:
        self.house, self.litter = house, litter
        self.kinds: dict[str, tuple[type[Supervisor], Path]] = {
            "guardian": (Guardian, Path(sys.executable).parent)
        }
        self.missing: dict[str, str] = {}
        self._made = 0
        for kind, _, _ in KNOWN:
            try:
                self.kinds[kind.name] = kind, folder_of(kind)
            except Missing as why:
                self.missing[kind.name] = str(why)

    @contextmanager
    def one(self, name: str, count: int) -> Iterator[Supervisor]:
        """A supervisor that is ready to start so many services; it has ended afterwards."""
        kind, folder = self.kinds[name]
        self._made += 1
        made = kind(self.house.root / f"{name}-{self._made}", self.litter, folder)
        made.prepare(count)
        try:
            yield made
        finally:
            made.leave()


@pytest.fixture
def field(house: House, litter: Litter, table: Table) -> Field:
    """Return the tools that can be had here; a row tells of each that cannot."""
    made = Field(house, litter)
    for name, why in made.missing.items():
        table.rows.append(Row("supervision: skipped", "-", name, "-", why, ""))
    return made


def respawn(tool: Supervisor, number: int) -> float:
    """Kill a service that has not died before; return the seconds until another process is what it was."""
    word = tool.word(number)
    old = tool.services()[word]
    above, known, start = weighing.parent(old), set(weighing.children(weighing.parent(old))), start_of(old)

    def is_back() -> bool:
        new = set(weighing.children(above)) - known
        return any(weighing.command_line(pid)[1:] == [word] for pid in new)

    before = time.perf_counter()
    end(old, start)
    wait_until(is_back, 30, what=f"{tool.name} to start {word} again", every=0.0002)
    return time.perf_counter() - before


def idle(tools: list[Supervisor], seconds: float = IDLE) -> Figures:
    """Return the percent of a core that each tool uses while nothing happens, all over the same time."""
    time.sleep(SETTLED)
    own = {tool.name: tool.own() for tool in tools}
    before = {name: weighing.cpu(pids) for name, pids in own.items()}
    time.sleep(seconds)
    return {name: (weighing.cpu(pids) - before[name]) / seconds * 100 for name, pids in own.items()}


def compare(
    table: Table, work: str, figures: Figures, show: Callable[[float], str], *, aim: float | None = None
) -> None:
    """Add a row for each peer, or one for guardian alone; `aim` is what guardian's own is to be at most."""
    ours = figures["guardian"]
    wanted = "" if aim is None else f"≤ {show(aim)}"
    met = "" if aim is None else ("yes" if ours <= aim else "NO")
    others = {name: value for name, value in figures.items() if name != "guardian"} or {"": 0.0}
    for name, value in others.items():
        peer = f"{name} {show(value)}" if name else "-"
        ratio = f"{ours / value:.2f}" if value else "-"
        table.rows.append(Row(work, show(ours), peer, ratio, wanted, met))


def shown_size(value: float) -> str:
    """Render bytes as megabytes."""
    return f"{value / MB:.1f} MB"


def shown_share(value: float) -> str:
    """Render percent of a core."""
    return f"{value:.2f} %"


def once(field: Field, name: str, count: int) -> tuple[float, float]:
    """Start and stop so many services; return the seconds that each took."""
    with field.one(name, count) as tool:
        return wall(tool.begin)(), wall(tool.stop_all)()


def bench_start_and_stop(field: Field, table: Table) -> None:
    """A hundred services run within 0.4 s of `up`, and are gone within 0.2 s of `stop` (P12)."""
    taken = {name: list[tuple[float, float]]() for name in field.kinds}
    for _ in range(ROUNDS):
        for name, times in taken.items():
            times.append(once(field, name, SERVICES))
    for at, (work, aim) in enumerate((("start", 0.4), ("stop", 0.2))):
        figures = {name: statistics.median(each[at] for each in times) for name, times in taken.items()}
        compare(table, f"{work} {SERVICES} services", figures, shown_time, aim=aim)


def bench_hundred(field: Field, table: Table) -> None:
    """With a hundred services: memory, idle CPU, respawn after a death, status, restart of one (P12)."""
    with ExitStack() as stack:
        tools = [stack.enter_context(field.one(name, SERVICES)) for name in field.kinds]
        for tool in tools:
            tool.begin()
        used = idle(tools)
        weights = {tool.name: float(weighing.memory(tool.own())) for tool in tools}
        divided = {tool.name: float(weighing.pss(tool.own())) for tool in tools}
        back: dict[str, list[float]] = {tool.name: [] for tool in tools}
        for number in range(DEATHS):
            for tool in tools:
                back[tool.name].append(respawn(tool, number))
        medians = {name: statistics.median(times) for name, times in back.items()}
        compare(table, f"memory with {SERVICES} services", weights, shown_size, aim=26 * MB)
        compare(table, "  with its files divided among all (PSS)", divided, shown_size)
        compare(table, f"idle CPU with {SERVICES} services", used, shown_share, aim=0.1)
        compare(table, "death noticed and respawned", medians, shown_time, aim=0.005)
        _ask(tools, table)


def _ask(tools: list[Supervisor], table: Table) -> None:
    names = [tool.name for tool in tools]
    ask = [wall(partial(tool.command, *tool.status)) for tool in tools]
    figures = dict(zip(names, alternate(ask, runs=ASKED), strict=True))
    others = [value for name, value in figures.items() if name != "guardian"]
    half = min(others) / 2 if others else None
    compare(table, f"status of {SERVICES} services", figures, shown_time, aim=half)
    again = [wall(partial(tool.command, *tool.restart, f"s{DEATHS}")) for tool in tools]
    figures = dict(zip(names, alternate(again, runs=ASKED), strict=True))
    compare(table, "restart of one service", figures, shown_time)


GREW: dict[str, Callable[[float], str]] = {
    "start": lambda value: f"{value:.2f}",
    "memory": lambda value: f"{value / MB:.1f}",
    "idle CPU": lambda value: f"{value:.2f}",
    "respawn": lambda value: f"{value * 1000:.1f}",
    "status": lambda value: f"{value * 1000:.0f}",
    "stop": lambda value: f"{value:.2f}",
}
UNITS = dict(zip(GREW, ("s", "MB", "%", "ms", "ms", "s"), strict=True))


def grown(field: Field, name: str, count: int) -> Figures:
    """Return every figure with so many services, as far as the tool got: what it cannot do is missing."""
    figures: Figures = {}
    try:
        with field.one(name, count) as tool:
            figures["start"] = wall(tool.begin)()
            figures["idle CPU"] = idle([tool], IDLE_GROWN)[name]
            figures["memory"] = weighing.memory(tool.own())
            figures["respawn"] = statistics.median(respawn(tool, number) for number in range(5))
            figures["status"] = alternate([wall(partial(tool.command, *tool.status))], runs=3)[0]
            figures["stop"] = wall(tool.stop_all)()
    except (AssertionError, OSError, subprocess.SubprocessError):
        if name == "guardian":
            raise
    return figures


@pytest.fixture(scope="module")
def grew() -> dict[str, list[Figures]]:
    """Hold what was found of each tool, so that a peer's row can show guardian's figures too."""
    return {}


@pytest.mark.parametrize("name", ["guardian", *(kind.name for kind, _, _ in KNOWN)])
def bench_growth(name: str, field: Field, grew: dict[str, list[Figures]], table: Table) -> None:
    """What a hundred services cost, five hundred cost five times and a thousand ten times, at most (P12)."""
    if name in field.missing:
        pytest.skip(field.missing[name])
    grew[name] = [grown(field, name, count) for count in GROWTH]
    for what, show in GREW.items():
        line = {
            each: " / ".join(show(found[what]) if what in found else "no" for found in grew.get(each, []))
            for each in ("guardian", name)
        }
        work = f"{what} of {' / '.join(map(str, GROWTH))} services, {UNITS[what]}"
        peer = "-" if name == "guardian" else f"{name} {line[name]}"
        table.rows.append(Row(work, line["guardian"] or "-", peer, "-", "", ""))
