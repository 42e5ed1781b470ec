"""Which files a configuration is read from, and where its cache lies.

GUARDIAN_CONFIG names the one file; otherwise the user's file stands below the first guardian.toml
that is found from the working directory upwards.
"""

from __future__ import annotations

import errno
import os

from guardian.errors import ConfigError
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Signature = tuple[int, ...]

FILE = "guardian.toml"
# In a search upwards, a folder that one may not look into holds no file that one could read.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES})


class Places(Value):
    """The files to read, lowest precedence first, and all that had a say in that: what was looked for."""

    files: tuple[str, ...]
    looked: tuple[tuple[str, Signature | None], ...]  # None: nothing there
    folder: str  # where the search began; empty when one file was named


def signature(path: str) -> Signature | None:
    """Return what changes whenever the file does, or None where nothing is; OSError on other trouble."""
    try:
        seen = os.stat(path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_dev


def working_directory() -> str:
    """Return it; ConfigError when it was removed under us, or may not be read."""
    try:
        return os.getcwd()
    except OSError as error:
        raise ConfigError(
            f"the working directory cannot be read: {error.strerror}; "
            "go to a folder that exists, or name a file with GUARDIAN_CONFIG"
        ) from None


def base_folder(environ: Mapping[str, str], variable: str, below_home: str) -> str:
    """Return the folder that an XDG variable names, or that below home; empty when there is no home.

    XDG Base Directory Specification: a relative path in such a variable is to be ignored.
    """
    named = environ.get(variable, "")
    if os.path.isabs(named):
        return named
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, below_home) if os.path.isabs(home) else ""


def user_file(environ: Mapping[str, str]) -> str:
    """Return where the user's own guardian.toml belongs; empty when there is no home."""
    base = base_folder(environ, "XDG_CONFIG_HOME", ".config")
    return os.path.join(base, "guardian", FILE) if base else ""


def cache_folder(environ: Mapping[str, str]) -> str:
    """Return where settings are kept between commands; empty when there is no home."""
    named = environ.get("GUARDIAN_CACHE_DIR", "")
    base = base_folder(environ, "XDG_CACHE_HOME", ".cache")
    return named if os.path.isabs(named) else base and os.path.join(base, "guardian")


def upwards(folder: str) -> Iterator[str]:
    """Yield the guardian.toml of this folder, of the one above it, and so on."""
    while True:
        yield os.path.join(folder, FILE)
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def find_places(environ: Mapping[str, str], cwd: str | None = None) -> Places:
    """Look where configuration may lie; ConfigError when a file that was named is not there."""
    named = environ.get("GUARDIAN_CONFIG", "")
    if named:
        return named_place(named if os.path.isabs(named) else os.path.join(cwd or working_directory(), named))
    folder = os.path.abspath(cwd or working_directory())
    return _found_places(user_file(environ), folder)


def named_place(path: str) -> Places:
    """Return the one file that was named; ConfigError when nothing is there."""
    seen = _signed(path)
    if seen is None:
        raise ConfigError("does not exist, or lies in a folder that may not be read", file=path)
    return Places((path,), ((path, seen),), "")


def _found_places(own: str, folder: str) -> Places:
    looked = {own: _signed(own)} if own else {}
    for path in upwards(folder):
        if path in looked:  # the user's own file is no project
            continue
        looked[path] = _signed(path)
        if looked[path] is not None:
            break
    files = tuple(path for path, seen in looked.items() if seen is not None)
    return Places(files, tuple(looked.items()), folder)


def _signed(path: str) -> Signature | None:
    try:
        return signature(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(f"cannot be read: {getattr(error, 'strerror', '') or error}", file=path) from None
