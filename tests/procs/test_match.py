"""Selectors: by name, by command line; and which of them would match everybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.procs.match import Selector, globbed
from guardian.procs.model import Proc

LONG = "a-name-longer-than-the-kernel-keeps"
BUN = ("/usr/local/bin/bun", "test", "--watch")


@pytest.mark.parametrize(
    ("names", "name", "command", "matches"),
    [
        (("bun",), "bun", BUN, True),
        (("bun",), "bun", (), True),
        (("bun",), "main", BUN, True),  # it renamed itself: the base name of argv[0] is enough
        (("bun",), "main", ("bun",), True),
        (("bun",), "main", ("bunx", "test"), False),
        (("bun",), "bunx", (), False),
        (("bun",), "Bun", (), False),  # case counts
        (("bun*",), "bunx", (), True),
        (("b?n",), "ban", (), True),
        (("[ab]un",), "bun", (), True),
        (("[!b]un",), "bun", ("bun",), False),
        (("node", "bun"), "bun", (), True),
        (("/usr/local/bin/bun",), "x", BUN, False),  # names are base names
        ((LONG,), "a-name-longer-t", (LONG,), True),
        ((LONG,), "a-name-longer-t", (), False),
        (("bun",), "", ("",), False),
        (("*)*",), "a) b", (), True),
        (("two*",), "two\nlines", (), True),
        (("*lines",), "two\nlines", (), True),
        (("?",), "\udcff", (), True),
        (("",), "bun", ("/usr/bin/",), True),
        (("",), "bun", BUN, False),
    ],
)
def test_names(names: tuple[str, ...], name: str, command: tuple[str, ...], matches: bool) -> None:
    """A name is the process's own or the base name of argv[0], as a whole, by glob."""
    assert Selector(names).matches(name, command) is matches


@pytest.mark.parametrize(
    ("globs", "command", "matches"),
    [
        (("*bun test*",), BUN, True),
        (("*bun test",), BUN, False),  # the whole line has to fit
        (("bun test*",), BUN, False),  # and argv[0] is with its folder
        (("*bun*--watch",), BUN, True),
        (("*jest*", "*--watch*"), BUN, True),
        (("*",), (), True),
        (("*",), BUN, True),
        (("?*",), (), False),
        (("",), (), True),
        (("",), BUN, False),
        (("*\n*",), ("a\nb",), True),
        (("*bun test*",), ("bun", "x\ny", "bun", "test"), True),
        (("* \udcff",), ("a", "\udcff"), True),
        (("*.test.ts",), ("bun", "test", "a.test.ts"), True),
    ],
)
def test_command_lines(globs: tuple[str, ...], command: tuple[str, ...], matches: bool) -> None:
    """A glob sees the whole command line, arguments joined by blanks; one that fits is enough."""
    assert Selector((), globs).matches("x", command) is matches


def test_both_have_to_fit() -> None:
    """With names and globs, one of each has to fit."""
    both = Selector(("bun",), ("*test*",))
    assert both.matches("bun", BUN)
    assert not both.matches("bun", ("bun", "run"))
    assert not both.matches("node", ("node", "test"))


@pytest.mark.parametrize(
    ("proc", "selected"),
    [
        (Proc(5, 5, "bun", "R", 1), True),
        (Proc(5, 5, "bun", "D", 1), True),
        (Proc(5, 5, "bun", "T", 1), True),
        (Proc(5, 5, "bun", "Z", 1), False),
        (Proc(5, 5, "bun", "X", 1), False),
        (Proc(5, 5, "bun", "Z", 1, threads=2), True),  # the first thread is dead, another lives
        (Proc(5, 5, "bun", "I", 2, kernel=True), False),
    ],
)
def test_the_dead_and_the_kernel_are_never_selected(proc: Proc, selected: bool) -> None:
    """A rule is about what runs, and never about the kernel's own threads (P2)."""
    assert Selector(("bun",)).selects(proc) is selected
    assert Selector().selects(proc) is selected


@pytest.mark.parametrize(
    ("names", "command", "everything"),
    [
        ((), (), True),
        (("*",), (), True),
        ((), ("*",), True),
        (("*",), ("*",), True),
        (("***",), ("**",), True),
        (("bun", "*"), (), True),
        (("bun",), (), False),
        (("bun",), ("*",), False),
        (("*",), ("*bun*",), False),
        ((), ("*bun*", "*"), True),
        (("*n",), (), False),
        (("",), (), False),
        ((), ("",), False),
    ],
)
def test_what_matches_everything(names: tuple[str, ...], command: tuple[str, ...], everything: bool) -> None:
    """A selector that nobody could fail is known as one, so that it can be refused (P2)."""
    assert Selector(names, command).matches_everything is everything


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="*?["), max_size=8)
PATTERN = st.lists(st.sampled_from(["*", "?", "a", "b", "\n", " "]), max_size=6).map("".join)


@given(PATTERN, st.text("ab\n ", max_size=6), st.lists(st.text("ab\n ", max_size=4), max_size=3))
def test_matching_everything_is_true(pattern: str, name: str, command: list[str]) -> None:
    """Whatever claims to match everything does match any process."""
    selector = Selector((pattern,), (pattern,))
    if selector.matches_everything:
        assert selector.matches(name, tuple(command))


@given(TEXT)
def test_a_pattern_without_wildcards_is_the_text(text: str) -> None:
    """A pattern without wildcards fits itself, and nothing longer."""
    assert globbed(text, text)
    assert not globbed(text + "x", text)
