"""The door: settings for whoever needs them, from the cache where nothing has changed."""

from __future__ import annotations

import os
import time

from guardian import __version__
from guardian.config import cache
from guardian.config.places import cache_folder, find_places, signature
from guardian.config.settings import CLASSES, DEFAULTS, Settings
from guardian.config.variables import given
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.config.places import Places


class Request(Value):
    """What settings are asked for, by everything that has a say besides the content of files."""

    places: Places
    variables: tuple[tuple[str, str], ...] = ()
    flags: tuple[tuple[str, object], ...] = ()
    allow_everything: bool = False


def load_settings(
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
    allow_everything: bool = False,
) -> Settings:
    """Return the settings in force: defaults < user file < project file < variables < flags.

    `flags` are values by dotted key ("monitor.interval"), as a file would have them or as text; one
    that is None was not given. `allow_everything` lets a rule match every process (`cleanup --all`).
    Raises ConfigError, one line, for the first thing that is wrong.
    """
    surroundings = os.environ if environ is None else environ
    request = requested(surroundings, flags=flags, cwd=cwd, allow_everything=allow_everything)
    if not (request.places.files or request.variables or request.flags):
        return DEFAULTS
    slot = _slot(cache_folder(surroundings), request)
    kept = cache.unpack(cache.fetch(slot), CLASSES) if slot else None
    if isinstance(kept, Settings):
        return kept
    from guardian.config.compose import compose  # late: msgspec and tomllib cost 40 ms

    made = compose(request).settings
    if slot and _still(request.places):
        cache.store(slot, cache.pack(made))
    return made


def requested(
    environ: Mapping[str, str],
    *,
    flags: Mapping[str, object] | None = None,
    cwd: str | None = None,
    allow_everything: bool = False,
) -> Request:
    """Return what is asked for in these surroundings; ConfigError when there is no place to look."""
    said = tuple(sorted((key, value) for key, value in (flags or {}).items() if value is not None))
    return Request(find_places(environ, cwd), given(environ), said, allow_everything)


def _slot(folder: str, request: Request) -> cache.Slot | None:
    places = request.places
    place = (places.folder, places.files, request.variables, request.flags, request.allow_everything)
    form = tuple((name, shape._fields) for name, shape in CLASSES.items())
    key = (__version__, form, cache.pack(DEFAULTS), os.geteuid(), places.looked)
    return cache.slot(folder, place=place, key=key)


def _still(places: Places) -> bool:
    """Whether what was read is what lies there now, and will show when it changes."""
    try:
        same = all(signature(path) == seen for path, seen in places.looked)
    except OSError:
        return False
    return same and cache.settled((seen for _, seen in places.looked), time.time_ns())
