"""Lines of several services on one terminal: each behind its name, in a colour of its own."""

from __future__ import annotations

import json
import os
import re
import sys
import time

from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from guardian.output.reading import LogLine

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # ECMA-48 SGR; red is for errors
RED, YELLOW, DIM = 31, 33, 2
OF_LEVEL = {"error": RED, "fatal": RED, "warn": YELLOW}
PAINT = re.compile(r"\x1b\[[0-9;:]*m")  # colours of the service's own
LONGEST_NAME = 24


def coloured() -> bool:
    """Whether whoever reads stdout sees colours and wants them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, *codes: int) -> str:
    """Return the text in these colours."""
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if text else text


def harmless(text: str) -> str:
    """Return a line of output without its colours; what else would steer a terminal as an escape."""
    if text.isprintable():  # nearly always
        return text
    return printable(PAINT.sub("", text).removesuffix("\r").expandtabs())


def clock(at: float) -> str:
    """Return the time of day, in this place, to the second."""
    return time.strftime("%H:%M:%S", time.localtime(at))


class Lines:
    """Renders lines and events."""

    def __init__(self, names: Iterable[str], *, times: bool = False, prefixes: bool = True) -> None:
        self._coloured = coloured()
        self._times, self._prefixes = times, prefixes
        self._colours: dict[str, int] = {}
        self._width = 0
        for name in names:
            self.know(name)

    def know(self, name: str) -> None:
        """Give a name its colour, and room."""
        self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        self._width = max(self._width, min(len(name), LONGEST_NAME))

    def line(self, line: LogLine) -> str:
        """Render one line of output."""
        code = OF_LEVEL.get(line.level)
        text = harmless(line.text)
        shown = paint(text, code) if self._coloured and code else text
        return f"{self._head(line.service, line.at)}{shown}"

    def event(self, name: str, at: float, text: str) -> str:
        """Render what happened to a service, told apart from what it says itself."""
        shown = printable(text)
        return f"{self._head(name, at)}{paint(shown, DIM) if self._coloured else f'-- {shown}'}"

    def _head(self, name: str, at: float) -> str:
        when = f"{clock(at)} " if self._times else ""
        if not self._prefixes:
            return when
        self.know(name)
        head = f"{name.ljust(self._width)} | "
        return when + (paint(head, self._colours[name]) if self._coloured else head)


def as_json(line: LogLine) -> str:
    """Return one line as a record: times in seconds since the epoch."""
    return record({"at": round(line.at, 3), **{k: v for k, v in line.asdict().items() if k != "at"}})


def record(fields: Mapping[str, object]) -> str:
    """Return a record on one line."""
    return json.dumps(fields, ensure_ascii=True)


def print_all(lines: Iterable[LogLine], render: Callable[[LogLine], str]) -> None:
    """Print lines, and let them out."""
    sys.stdout.write("".join(f"{render(line)}\n" for line in lines))
    sys.stdout.flush()
