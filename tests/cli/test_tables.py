from __future__ import annotations

import pytest

from guardian.cli import tables
from guardian.cli.tables import on_terminal, plain, show, stacked


class Screen:
    """A stdout that says whether it is a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_columns_are_aligned() -> None:
    """A head with > aligns its column right, others left; columns stand two blanks apart."""
    assert plain((">pid", "rule", ">age"), [("7", "a", "1s"), ("4711", "longer", "12s")]) == [
        " PID  RULE    AGE",
        "   7  a        1s",
        "4711  longer  12s",
    ]


def test_no_line_ends_in_blanks() -> None:
    """The last column is not filled up."""
    assert plain(("a", "b"), [("x", ""), ("y", "long")]) == ["A  B", "x", "y  long"]


def test_a_table_without_rows_has_its_heads() -> None:
    """No rows leave the heads."""
    assert plain(("a", ">bb"), []) == ["A  BB"]


@pytest.mark.parametrize(
    ("terminal", "term", "rich"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_who_gets_colours_and_moving_lines(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, rich: bool
) -> None:
    """Only a terminal that is not dumb is written to as to a person."""
    monkeypatch.setattr(tables.sys, "stdout", Screen(terminal=terminal))
    monkeypatch.setenv("TERM", term)
    assert on_terminal() is rich


def test_elsewhere_it_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe or a file gets aligned text without escapes."""
    show(("name", ">n"), [("[bold]x[/bold]", "1")], marked=[True])
    assert capsys.readouterr().out == "NAME            N\n[bold]x[/bold]  1\n"


HEADS = (">pid", "rule", ">procs", "command", "why")
ROW = ("4711", "bun-test", "3", "bun test ./some/folder/with/a.test.ts", "4 launches, max_concurrent is 3")


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            70,
            [
                "pid 4711  rule bun-test  procs 3",
                "    command bun test ./some/folder/with/a.test.ts",
                "    why 4 launches, max_concurrent is 3",
            ],
        ),
        (
            40,
            [
                "pid 4711  rule bun-test  procs 3",
                "    command bun test",
                "        ./some/folder/with/a.test.ts",
                "    why 4 launches, max_concurrent is 3",
            ],
        ),
    ],
)
def test_a_narrow_terminal_gets_lines_instead_of_columns(width: int, lines: list[str]) -> None:
    """Where the table has no room nothing is cut off: each cell is named, long ones have their own lines."""
    assert stacked(HEADS, ROW, width) == lines
