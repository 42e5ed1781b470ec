"""How places among the launches are written down: file names and the text about them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.errors import UsageError
from guardian.gate.places import (
    About,
    Place,
    about_launch,
    decoded,
    encoded,
    next_number,
    parse_about,
    parse_place,
    render_about,
)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(names)
def test_every_name_is_one_file_name_of_its_own(name: str) -> None:
    """Whatever a rule is called: no slash, no dot, nothing hidden, and it can be read back (P10)."""
    key = encoded(name)
    assert not set(key) & set("/.\0\n ")
    assert key.isascii()
    assert decoded(key) == name


@given(names, names)
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    """Different names are different slots (P5)."""
    assert (encoded(one) == encoded(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bun", "bun"),
        ("..", "%2E%2E"),
        ("../../etc/passwd", "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd"),
        ("a b", "a%20b"),
        ("%2E", "%252E"),
        ("\udcff", "%FF"),
        ("\0", "%00"),
        ("ä", "%C3%A4"),
    ],
)
def test_awkward_names_are_encoded(name: str, key: str) -> None:
    """Slashes, dots, blanks and bytes that are no text lose their meaning (P10)."""
    assert encoded(name) == key
    assert decoded(key) == name


@pytest.mark.parametrize("name", ["", "x" * 201, "ä" * 70, "\ud800"])
def test_names_that_are_none_are_refused(name: str) -> None:
    """Empty, too long for a file name, or no text: one clear line, exit code 2 (P10)."""
    with pytest.raises(UsageError, match="expected a name of slots") as caught:
        encoded(name)
    assert "\n" not in str(caught.value)


@given(st.integers(1), st.integers(1), st.integers(0), st.booleans(), st.integers(0))
def test_a_place_is_its_file_name(number: int, pid: int, start: int, running: bool, at: int) -> None:
    """Number, process, state and since when are read back from the name alone."""
    place = Place(number, pid, start, running, at)
    assert parse_place(place.file) == place
    assert parse_place(place.about) is None
    assert place.replace(running=not running, at=at + 1).about == place.about


@pytest.mark.parametrize(
    "file",
    [
        "",
        "pace",
        "1.2.3",
        "1.2.3.about",
        "1.2.3.running",
        "1.2.3.4.running.5",
        "-1.2.3.4.running",
        "a.2.3.4.waiting",
        "1..3.4.waiting",
        "²1.2.3.4.running",
    ],
)
def test_other_files_are_no_places(file: str) -> None:
    """What somebody else put there is not taken for a launch."""
    assert parse_place(file) is None


def test_numbers_only_grow_while_anybody_is_there() -> None:
    """A newcomer comes after everybody, also after the dead that nobody has removed yet (P5)."""
    assert next_number([]) == 1
    assert next_number([Place(3, 1, 1, True), Place(9, 1, 1, False)]) == 10


@given(st.integers(0, 99), st.lists(st.sampled_from(["a/1", "b%20/22"])), st.text(), st.text())
def test_what_is_told_is_read_back(limit: int, inside: list[str], cwd: str, word: str) -> None:
    """Even a folder or an argument with newlines and escapes stays on its line (P10)."""
    about = about_launch((word,), cwd, limit=limit, space=7).replace(inside=tuple(inside))
    assert parse_about(render_about(about)) == about
    assert about.cwd.isprintable()
    assert about.command.isprintable()


@pytest.mark.parametrize("text", ["", "1.5", "2\n\n7\n", "x\ny\n0\nb\nc\n", "\0"])
def test_torn_text_tells_nothing(text: str) -> None:
    """A launch that was killed while it wrote is shown without its words, not as an error."""
    assert parse_about(text) == About()
