"""Which changes of files restart a service, and when. Pure: (spec, stir, paths, now) → stir.

A stir begins with the first change that counts and is over when it has been quiet for
`watch_debounce`; then the service is restarted, once. Files that change without end cannot put
that off for ever: after LONGEST debounces the restart comes in the middle of it.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.services.spec import ServiceSpec

LONGEST = 10  # debounces that a stir may last
ALWAYS_IGNORED = (
    *(".git", ".hg", ".svn", ".guardian", "node_modules", "__pycache__", ".venv"),
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"),
    *(
        "*~",
        "*.swp",
        "*.swx",
        ".#*",
        "#*#",
        "4913",
        "*.pyc",
    ),  # what editors leave beside a file; 4913 is vim's
)


class Stir(Value):
    """Changes that a restart has not answered yet. Times are monotonic seconds."""

    first: float
    due: float  # when it is quiet enough, or has lasted long enough
    count: int
    path: str  # of the first change

    def __str__(self) -> str:
        return self.path if self.count == 1 else f"{self.path} and {self.count - 1} more"


def stirred(spec: ServiceSpec, stir: Stir | None, paths: Iterable[str], now: float) -> Stir | None:
    """Return the stir with these changes taken in; None when none of them counts."""
    counting = [path for path in paths if counts(spec, path)]
    if not counting:
        return stir
    begun = stir or Stir(now, now, 0, counting[0])
    due = min(now + spec.watch_debounce, begun.first + LONGEST * spec.watch_debounce)
    return begun.replace(due=due, count=begun.count + len(counting))


def counts(spec: ServiceSpec, path: str) -> bool:
    """Whether a change there restarts the service; `path` is from its working directory, with slashes."""
    if not spec.watch or ignored(spec, path):
        return False
    return not spec.watch_paths or _any(spec.watch_paths).fullmatch(_plain(path)) is not None


def ignored(spec: ServiceSpec, path: str) -> bool:
    """Whether a change there never counts; what the service itself logs does not, or it would never rest."""
    own = tuple(re.sub(r"([*?\[])", r"[\1]", name) for name in (spec.log_file, spec.error_file) if name)
    logs = tuple(f"/{_plain(name)}*" for name in own)  # the rotated ones too; from the working directory only
    plain = _plain(path)
    return _anywhere((*ALWAYS_IGNORED, *spec.ignore_watch, *logs)).fullmatch(plain) is not None


def _plain(path: str) -> str:
    return path.removeprefix("./")


@lru_cache(maxsize=256)
def _any(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches a path that one of the globs fits, as a whole, or by a folder that it is in."""
    return re.compile("|".join(f"{_translated(_plain(glob).rstrip('/'))}(/.*)?" for glob in globs), re.DOTALL)


@lru_cache(maxsize=256)
def _anywhere(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches like `_any`, where a glob without a slash fits at any depth."""
    parts = []
    for glob in globs:
        plain = _plain(glob).rstrip("/")
        depth = "" if "/" in plain else "(.*/)?"
        parts.append(f"{depth}{_translated(plain.removeprefix('/'))}(/.*)?")
    return re.compile("|".join(parts), re.DOTALL)


def _translated(glob: str) -> str:
    """Return the regular expression of a glob: * and ? stay in a folder, ** crosses folders."""
    result, rest = "", glob
    while rest:
        for sign, expression in _SIGNS:
            if rest.startswith(sign):
                result, rest = result + expression, rest[len(sign) :]
                break
        else:
            piece, rest = _piece(rest)
            result += piece
    return result


_SIGNS = (("**/", "(.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]"))


def _piece(rest: str) -> tuple[str, str]:
    """Return the expression of one character or one [set], and what comes after it."""
    end = rest.find("]", 3 if rest.startswith("[!") else 2)
    if not rest.startswith("[") or end < 0:
        return re.escape(rest[0]), rest[1:]
    whole = translate(rest[: end + 1])  # (?s:[…])\Z; it knows the odd sets, such as [z-a]
    return f"(?!/){whole[4:-3]}", rest[end + 1 :]
