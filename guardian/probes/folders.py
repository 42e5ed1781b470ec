"""Which folders have to be watched for a service: those below its own that are not ignored."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Watched(Value):
    """The files of one service."""

    base: str  # its working directory, absolute
    ignored: Callable[[str], bool]  # asked with a path from there, with slashes


def folders(watched: Watched) -> frozenset[str]:
    """Return the folders to be watched; the nearest one above while the service's own does not exist.

    Ignored folders are not entered, links not followed, and what may not be read is left out.
    """
    found = {folder for folder, _ in _walk(watched, watched.base)}
    return frozenset(found or {_nearest(watched.base)})


def files(watched: Watched, fresh: Iterable[str]) -> Iterator[str]:
    """Name the files that are right in these folders and not ignored, from the service's folder."""
    for folder in fresh:
        for entry in _entries(folder):
            path = relative(watched.base, entry.path)
            if path and not watched.ignored(path) and not entry.is_dir(follow_symlinks=False):
                yield path


def relative(base: str, path: str) -> str | None:
    """Return `path` from `base`, "" for the folder itself, None when it is not below."""
    if path == base:
        return ""
    above = base if base.endswith("/") else f"{base}/"
    return path[len(above) :] if path.startswith(above) else None


def _walk(watched: Watched, top: str) -> Iterator[tuple[str, str]]:
    """Name a folder and all below that are not ignored, each with its path from the service's."""
    queue = [(top, "")]
    for folder, path in queue:
        try:
            with os.scandir(folder) as entries:
                below = [each for each in entries if each.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # gone meanwhile, or not ours to read
        yield folder, path
        paths = ((each.path, f"{path}/{each.name}" if path else each.name) for each in below)
        queue += [(at, name) for at, name in paths if not watched.ignored(name)]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _nearest(path: str) -> str:
    """Return the nearest folder above that exists."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
