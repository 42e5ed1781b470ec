"""Write a configuration file so that nobody ever reads half of it, and nobody's change is lost."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from guardian.errors import ConfigError
from guardian.procs.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_MODE = 0o644  # not left to the umask alone: root refuses a file that its group may write


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the file's folder (made where it is missing) while one reads, changes and writes.

    So two who set a key at once both keep theirs. Raises ConfigError where that cannot be.
    """
    folder = os.path.dirname(os.path.realpath(path))
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unwritable(path: str, error: OSError) -> ConfigError:
    return ConfigError(f"cannot be written: {error.strerror}; nothing was changed", file=printable(path))


def create_file(path: str, text: str) -> None:
    """Write a file that is not there yet; ConfigError when it is, or cannot be written."""
    with locked(path):
        if os.path.lexists(path):
            raise ConfigError("exists already; nothing was changed", file=printable(path))
        write_file(path, text)


def write_file(path: str, text: str) -> None:
    """Write a file by rename, keeping its mode; ConfigError, and the old one stays, when that fails."""
    real = os.path.realpath(path)  # a link stays a link
    new = f"{real}.{os.getpid()}.new"
    try:
        mode = os.stat(real).st_mode & 0o7777 if os.path.exists(real) else _NEW_MODE
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        _fill(handle, text, mode)
        os.replace(new, real)
    except (OSError, UnicodeEncodeError) as error:
        os.unlink(new)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise ConfigError(
            "found bytes that are not UTF-8; nothing was changed", file=printable(path)
        ) from None


def _fill(handle: int, text: str, mode: int) -> None:
    with open(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(handle)
