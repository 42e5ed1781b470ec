"""One guardian.toml as it stands on disk: may it be trusted, is it TOML, on which line is what."""

from __future__ import annotations

import math
import os
import stat
import tomllib
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.errors import ConfigError
from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.config.tables import Path

LARGEST = 1 << 20  # bytes; a configuration is written by hand
_LONGEST_SEARCHED = 64 << 10  # characters; past it a message tells no line rather than take a second
_BOM = "\ufeff"


class Overflow(float):
    """A number that a float cannot hold; shows itself the way it was written."""

    text: str

    def __new__(cls, text: str) -> Overflow:
        """Keep the text beside the number."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text


def _number(text: str) -> float:
    number = float(text)
    return Overflow(text) if math.isinf(number) and "inf" not in text else number


class Document(Value):
    """The text of a file and the tables in it."""

    path: str
    text: str
    tables: Mapping[str, object]

    def fault(self, path: Path, message: str) -> ConfigError:
        """Return the error that names file, line and key."""
        line = self.line_of(path)
        file = f"{printable(self.path)}:{line}" if line else printable(self.path)
        return ConfigError(message, file=file, key=words.dotted(path))

    def line_of(self, path: Path) -> int:
        """Return the line on which a key or the head of its table begins, from 1; 0 when it is not there.

        TOML readers tell no lines, so we ask which beginnings of the file are TOML and have the key:
        the statement begins after the longest that has not. Asked by halves, and only for a message.
        """
        lines = self.text.split("\n")
        if len(self.text) > _LONGEST_SEARCHED or not _holds(self.tables, path):
            return 0
        low, high = 0, len(lines)  # the first `high` lines have the key, the first `low` have not
        while high - low > 1:
            middle = (low + high) // 2
            whole, tables = _longest_whole(lines, middle)
            if _holds(tables, path):
                high = whole
            else:
                low = middle
        return _first_word(lines, _longest_whole(lines, high - 1)[0])


def _longest_whole(lines: list[str], count: int) -> tuple[int, Mapping[str, object]]:
    """Return how many of the first `count` lines are TOML by themselves, and what they say."""
    for size in range(count, 0, -1):
        try:
            return size, tomllib.loads("\n".join(lines[:size]))
        except ValueError:
            continue  # in the middle of a statement
    return 0, {}


def _first_word(lines: list[str], after: int) -> int:
    for number, line in enumerate(lines[after:], after + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number
    return 0


def _holds(tables: object, path: Path) -> bool:
    for word in path:
        if not isinstance(tables, dict) or word not in tables:
            return False
        tables = tables[word]
    return True


def parse(path: str, text: str) -> Document:
    """Read TOML; ConfigError with line and column when it is none."""
    body = text.removeprefix(_BOM).replace("\r\n", "\n")
    try:
        return Document(path, body, tomllib.loads(body, parse_float=_number))
    except RecursionError:
        raise ConfigError("is no configuration: nested too deeply", file=printable(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, body, str(error)) from None
    except ValueError:  # int() refuses to read a number of more than 4,300 digits
        raise ConfigError(
            "is no configuration: holds a number that is too long", file=printable(path)
        ) from None


def _not_toml(path: str, text: str, said: str) -> ConfigError:
    """Cut "Invalid value (at line 3, column 5)" or "(at end of document)" into the words and the place."""
    message, _, place = said.rpartition(" (at ")
    numbers = [word for word in place.replace(",", " ").replace(")", " ").split() if word.isdecimal()]
    last = text.rpartition("\n")[2]
    line, column = numbers if len(numbers) == 2 else (text.count("\n") + 1, len(last) + 1)
    return ConfigError(
        f"is not TOML: {printable(message or said)}", file=f"{printable(path)}:{line}:{column}"
    )


def read_document(path: str) -> Document:
    """Return the file's tables; ConfigError when it cannot be read, be trusted or be understood."""
    return parse(path, read_text(path))


def read_text(path: str, *, from_anyone: bool = False) -> str:
    """Return the text of a file; ConfigError when it cannot be read, or be trusted.

    `from_anyone` is for what a person names to look at, not to be followed.
    """
    try:
        data = _read(path, -1 if from_anyone else os.geteuid())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=printable(path)) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{data[error.start]:02x}, expected UTF-8; save the file as UTF-8"
        raise ConfigError(found, file=f"{printable(path)}:{line}") from None


def _read(path: str, uid: int) -> bytes:
    # O_NONBLOCK: a FIFO that nobody writes must not make us wait; what is no file is refused below
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if wrong := distrusted(path, os.fstat(handle), uid):
            raise ConfigError(wrong, file=printable(path))
        with open(handle, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    finally:
        os.close(handle)
    if len(data) > LARGEST:
        raise ConfigError("is larger than 1 MB, expected a configuration", file=printable(path))
    return data


def distrusted(path: str, seen: os.stat_result, uid: int) -> str:
    """Say why a file is not to be read, and what to do; empty when it may be.

    [alerts] names a command that is run: root follows only what nobody else can write, others not
    what a stranger laid above their folder (in /tmp, say), unless GUARDIAN_CONFIG names it.
    """
    if stat.S_ISDIR(seen.st_mode):
        return "is a directory, expected a file"
    if not stat.S_ISREG(seen.st_mode) and path != os.devnull:
        return "is not a regular file"
    if uid < 0 or path == os.devnull:
        return ""
    if uid != 0:
        return _strange(path, seen.st_uid, uid)
    if seen.st_uid != 0:
        return f"belongs to user {seen.st_uid}, root reads only its own; use: chown root {printable(path)}"
    if seen.st_mode & 0o022:
        return (
            f"may be written by others (mode {seen.st_mode & 0o7777:04o}); use: chmod go-w {printable(path)}"
        )
    return ""


def _strange(path: str, owner: int, uid: int) -> str:
    if owner in (0, uid) or os.environ.get("GUARDIAN_CONFIG") == path:
        return ""
    return (
        f"belongs to user {owner}, not to you; to follow it all the same: GUARDIAN_CONFIG={printable(path)}"
    )
