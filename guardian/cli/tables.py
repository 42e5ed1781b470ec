"""Tables for people: Rich on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RIGHT = ">"
INDENT = "    "
SHORT = 20  # characters of a cell that may stand beside others where there is little room


def on_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def counted(number: int, one: str, many: str) -> str:
    """Return "1 tree", "2 trees"."""
    return f"{number} {one if number == 1 else many}"


def show(heads: Sequence[str], rows: Iterable[Sequence[str]], *, marked: Sequence[bool] = ()) -> None:
    """Print a table; heads that begin with ">" align right, `marked` rows stand out on a terminal."""
    if on_terminal():
        _rich(heads, list(rows), marked)
    else:
        print("\n".join(plain(heads, list(rows))))


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, columns two blanks apart."""
    names = [head.removeprefix(RIGHT).upper() for head in heads]
    lines = [names, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(
            cell.rjust(width) if head.startswith(RIGHT) else cell.ljust(width)
            for cell, width, head in zip(line, widths, heads, strict=True)
        ).rstrip()
        for line in lines
    ]


def stacked(heads: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """Return a row as lines of its own, for a terminal too narrow for the table: short cells side by side."""
    from textwrap import wrap  # late: only a narrow terminal pays for it

    names = [head.removeprefix(RIGHT) for head in heads]
    lines = [f"{names[0]} {row[0]}"]
    for name, cell in zip(names[1:], row[1:], strict=True):
        joined = f"{lines[-1]}  {name} {cell}"
        if len(joined) <= width and len(cell) < SHORT:
            lines[-1] = joined
        else:
            lines += wrap(f"{name} {cell}", width, initial_indent=INDENT, subsequent_indent=INDENT * 2)
    return lines


def _rich(heads: Sequence[str], rows: Sequence[Sequence[str]], marked: Sequence[bool]) -> None:
    from rich.console import Console  # late: only a terminal pays for it
    from rich.table import Table
    from rich.text import Text

    console = Console()
    styles = ["bold red" if number < len(marked) and marked[number] else "" for number in range(len(rows))]
    if max(map(len, plain(heads, rows))) > console.width:
        for row, style in zip(rows, styles, strict=True):
            console.print(Text("\n".join(stacked(heads, row, console.width)), style=style))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        right = head.startswith(RIGHT)
        table.add_column(
            head.removeprefix(RIGHT), justify="right" if right else "left", overflow="ellipsis", no_wrap=right
        )
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=style)
    console.print(table)
