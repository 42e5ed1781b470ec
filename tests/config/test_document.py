"""One file: may it be trusted, can it be read, on which line is what."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from place import Place

from guardian.config.document import distrusted, parse, read_document, read_text
from guardian.errors import ConfigError

SHARED = 65534  # nobody's uid: an ordinary user


def seen(mode: int, uid: int) -> os.stat_result:
    """Return what stat(2) says of a file of that mode and owner."""
    return os.stat_result((mode, 1, 1, 1, uid, 0, 0, 0, 0, 0))


REGULAR, FOLDER, FIFO, DEVICE = stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR
TRUST = {
    "root, own": (0, REGULAR | 0o644, 0, ""),
    "root, own and executable": (0, REGULAR | 0o755, 0, ""),
    "root, group may write": (
        0,
        REGULAR | 0o664,
        0,
        "may be written by others (mode 0664); use: chmod go-w /f",
    ),
    "root, all may write": (
        0,
        REGULAR | 0o666,
        0,
        "may be written by others (mode 0666); use: chmod go-w /f",
    ),
    "root, of a user": (
        0,
        REGULAR | 0o600,
        7,
        "belongs to user 7, root reads only its own; use: chown root /f",
    ),
    "user, own": (7, REGULAR | 0o600, 7, ""),
    "user, all may write": (7, REGULAR | 0o666, 7, ""),
    "user, of root": (7, REGULAR | 0o644, 0, ""),
    "user, of a stranger": (
        7,
        REGULAR | 0o644,
        8,
        "belongs to user 8, not to you; to follow it all the same: GUARDIAN_CONFIG=/f",
    ),
    "a folder": (7, FOLDER | 0o700, 7, "is a directory, expected a file"),
    "a FIFO": (7, FIFO | 0o600, 7, "is not a regular file"),
    "a device": (7, DEVICE | 0o600, 7, "is not a regular file"),
}


@pytest.mark.parametrize(("uid", "mode", "owner", "message"), TRUST.values(), ids=TRUST)
def test_root_follows_only_what_nobody_else_can_write(uid: int, mode: int, owner: int, message: str) -> None:
    """As root, a file that others may write is refused, with what to do (P2, P10)."""
    assert distrusted("/f", seen(mode, owner), uid) == message


def test_a_strangers_file_is_followed_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What GUARDIAN_CONFIG names is followed, whoever's it is: somebody decided so (P9)."""
    monkeypatch.setenv("GUARDIAN_CONFIG", "/f")
    assert distrusted("/f", seen(REGULAR | 0o644, 8), 7) == ""


def test_root_refuses_a_file_that_others_may_write(place: Place, needs_root: None) -> None:
    """The refusal holds for a real load, and ends when the advice is followed (P2, P10)."""
    path = place.write("")
    path.chmod(0o666)
    with pytest.raises(ConfigError) as error:
        place.load()
    said = f"may be written by others (mode 0666); use: chmod go-w {path}"
    assert str(error.value) == f"{path}: {said}"
    path.chmod(0o644)
    assert place.load().sources == (str(path),)


def refusal(path: Path) -> str:
    """Return what the file is refused with."""
    with pytest.raises(ConfigError) as error:
        read_document(str(path))
    return str(error.value)


def test_a_directory_is_one_line(place: Place) -> None:
    """A directory where the file should be is named as such, by the search too (P10)."""
    place.file.mkdir()
    assert refusal(place.file) == f"{place.file}: is a directory, expected a file"
    with pytest.raises(ConfigError, match="is a directory"):
        place.load()


def test_a_fifo_does_not_make_guardian_wait(place: Place) -> None:
    """A FIFO that nobody writes is refused at once (P10)."""
    os.mkfifo(place.file)
    assert refusal(place.file) == f"{place.file}: is not a regular file"


def test_a_link_to_itself_is_one_line(place: Place) -> None:
    """What the system says of a file that cannot be reached is passed on (P10)."""
    place.file.symlink_to(place.file)
    with pytest.raises(ConfigError) as error:
        place.load()
    assert str(error.value) == f"{place.file}: cannot be read: {os.strerror(40)}"


@pytest.fixture
def as_ordinary_user() -> Iterator[Path]:
    """Give a folder and make the test an ordinary user while it runs, where it runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    folder.chmod(0o755)
    root = os.geteuid() == 0
    yield folder
    if root:
        os.seteuid(0)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def test_an_unreadable_file_is_one_line(as_ordinary_user: Path) -> None:
    """A file without the right to read it is an error, not a reason for other limits (P10)."""
    path = as_ordinary_user / "guardian.toml"
    path.write_text("")
    path.chmod(0o000)
    if os.geteuid() == 0:
        os.seteuid(SHARED)
    assert refusal(path) == f"{path}: cannot be read: Permission denied"


NOT_UTF8 = {
    "latin 1": (b'[protect]\nnames = ["caf\xe9"]', ":2: found the byte 0xe9, expected UTF-8"),
    "UTF-16": ("[limits]".encode("utf-16-le"), ":1:2: is not TOML: Invalid initial character for a key part"),
    "UTF-16 with a mark": (
        b"\xff\xfe" + "[limits]".encode("utf-16-le"),
        ":1: found the byte 0xff, expected UTF-8",
    ),
    "cut off": (b'a = "\xe2\x82', ":1: found the byte 0xe2, expected UTF-8"),
}


@pytest.mark.parametrize(("data", "message"), NOT_UTF8.values(), ids=NOT_UTF8)
def test_a_file_that_is_not_utf8_is_one_line(place: Place, data: bytes, message: str) -> None:
    """A file in another encoding is told by line and byte, with what to do (P10)."""
    place.file.write_bytes(data)
    said = refusal(place.file)
    assert said.startswith(f"{place.file}{message}")
    assert said.isprintable()


def test_the_mark_of_a_windows_editor_is_no_error(place: Place) -> None:
    """A byte order mark and CR LF change nothing, nor the lines that messages tell."""
    place.file.write_bytes(b'\xef\xbb\xbf[limits]\r\ntimeout = "1s"\r\n')
    assert place.load().limits.timeout == 1.0
    place.file.write_bytes(b'\xef\xbb\xbf[limits]\r\ntimeout = "1x"\r\n')
    with pytest.raises(ConfigError, match=r"guardian\.toml:2: limits\.timeout: "):
        place.load()


def test_a_huge_file_is_no_configuration(place: Place) -> None:
    """A file of many megabytes is refused before it is read through (P10)."""
    place.file.write_bytes(b"#" * (1 << 21))
    assert refusal(place.file) == f"{place.file}: is larger than 1 MB, expected a configuration"
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        read_text(str(place.file), from_anyone=True)


def test_an_odd_path_stays_on_one_line(tmp_path: Path) -> None:
    """A newline or escape in the file's own name reaches no terminal (P10)."""
    folder = tmp_path / "a\nb\x1b[31m"
    folder.mkdir()
    path = folder / "guardian.toml"
    path.write_text("[limits")
    assert refusal(path).isprintable()


STATEMENTS = st.sampled_from(
    [
        "# a comment",
        "",
        "  ",
        '{} = "x"',
        "{} = [\n1,\n# [no.table]\n2,\n]",
        '{} = """\n[no.table]\nk9 = 1\n"""',
        "{}.b = 1",
    ]
)


@given(st.lists(STATEMENTS, min_size=1, max_size=12))
def test_a_line_is_that_of_the_statement(statements: list[str]) -> None:
    """The line that a message tells is where the key stands, whatever stands around it (P10)."""
    texts = [statement.replace("{}", f"k{number}") for number, statement in enumerate(statements)]
    keys = [number for number, statement in enumerate(statements) if "{}" in statement]
    document = parse("f", "[t]\n" + "\n".join(texts))
    for number in keys:
        expected = 2 + sum(text.count("\n") + 1 for text in texts[:number])
        assert document.line_of(("t", f"k{number}")) == expected
    assert document.line_of(("t", "nowhere")) == 0
    assert document.line_of(("t",)) == 1
