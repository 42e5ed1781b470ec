"""What processes chose to be called, made safe to print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.procs.printable import printable, shown_command

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates included


@given(ANYTHING)
def test_printed_text_is_one_visible_line(text: str) -> None:
    """Nothing a process is called can move the cursor, end the line or hide what follows (P10)."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(ANYTHING)
def test_what_is_safe_stays(text: str) -> None:
    """Escaping changes nothing that was visible, and a second time nothing at all."""
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bun test", "bun test"),
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),  # CSI in one byte
        ("\x7f", "\\x7f"),
        ("\udcff", "\\udcff"),
        ("\u202egnp.exe", "\\u202egnp.exe"),  # right to left
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("日本 é 🐰", "日本 é 🐰"),
        ("", ""),
    ],
)
def test_escapes(text: str, shown: str) -> None:
    """Each invisible character is shown by its escape."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("command", "name", "width", "shown"),
    [
        (("/usr/bin/bun", "test"), "bun", 0, "bun test"),
        (("bun", "test", "/a/b.ts"), "bun", 0, "bun test /a/b.ts"),
        ((), "kworker/0:1", 0, "[kworker/0:1]"),
        ((), "a\nb", 0, "[a\\nb]"),
        (("",), "bun", 0, "[bun]"),
        (("", ""), "bun", 0, "[bun]"),
        (("/usr/bin/",), "bun", 0, "[bun]"),
        (("bun", "a\nb\x1b[0m"), "bun", 0, "bun a\\nb\\x1b[0m"),
        (("nginx: master process /usr/sbin/nginx",), "nginx", 0, "nginx: master process /usr/sbin/nginx"),
        (("bun", "test"), "bun", 5, "bun …"),
        (("bun", "test"), "bun", 8, "bun test"),
        (("bun", "test"), "bun", 1, "…"),
        (("\udcff\udcfe",), "x", 0, "\\udcff\\udcfe"),
    ],
)
def test_command_lines(command: tuple[str, ...], name: str, width: int, shown: str) -> None:
    """A command line is one line: the program's base name and its arguments, or the name in brackets."""
    assert shown_command(command, name, width=width) == shown


@given(st.lists(ANYTHING, max_size=5), ANYTHING, st.integers(1, 40))
def test_every_command_line_fits(command: list[str], name: str, width: int) -> None:
    """Whatever the arguments are, the line is visible, no longer than asked, and not empty."""
    shown = shown_command(tuple(command), name, width=width)
    assert shown.isprintable()
    assert 0 < len(shown) <= width
