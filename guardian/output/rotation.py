"""The files of one log: web.log, which is written, and web.log.1, web.log.2 …, the higher the older."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HIGHEST = 1000  # of a number (log_keep is no higher); web.log.2026 is somebody else's


def numbered(path: str, number: int) -> str:
    """Return the path of the file that was rotated `number` times."""
    return f"{path}.{number}" if number else path


def numbers(path: str) -> list[int]:
    """Return the numbers of the files that are there, the newest first; none without a folder."""
    folder, name = os.path.split(path)
    try:
        entries = os.listdir(folder or ".")
    except (FileNotFoundError, NotADirectoryError):
        return []
    rests = (entry.removeprefix(f"{name}.") for entry in entries if entry.startswith(f"{name}."))
    found = [int(rest) for rest in rests if rest.isdecimal() and rest.isascii() and rest[0] != "0"]
    return sorted([n for n in found if n <= HIGHEST] + [0] * (name in entries))


def identities(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """Return number and state of each file, the newest first, one more number than there were.

    In this order, and with one more: a rotation in between shows a file twice and hides none.
    """
    for number in range(max(numbers(path), default=0) + 2):
        try:
            yield number, os.stat(numbered(path, number))
        except OSError:
            continue


def inodes(path: str, keep: int) -> set[int]:
    """Return the inodes of the log and of its `keep` rotated files, without a look into their folder."""
    found = set()
    for number in range(keep + 1):
        try:
            found.add(os.stat(numbered(path, number)).st_ino)
        except OSError:
            continue
    return found


def rotate(path: str, keep: int) -> None:
    """Make room for a new `path`: each file becomes one older, of `keep` older ones the last goes.

    Killed in between, it leaves a gap in the numbers, and the next rotation ends there: nothing goes
    before its time. Raises OSError; then, too, the next one goes on.
    """
    gap = next((n for n in range(1, keep) if not os.path.lexists(numbered(path, n))), keep)
    for number in range(gap, 0, -1):
        os.replace(numbered(path, number - 1), numbered(path, number))
    if keep == 0:
        os.unlink(path)
    drop_beyond(path, keep)


def drop_beyond(path: str, keep: int) -> None:
    """Remove the files past number `keep`, when fewer are wanted than before."""
    for number in numbers(path):
        if number > keep:
            os.unlink(numbered(path, number))
