"""Which services a word means: a name, a group, or a glob over both. Pure."""

from __future__ import annotations

from guardian.errors import UsageError
from guardian.procs.match import globbed
from guardian.procs.printable import printable
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guardian.services.spec import ServiceSpec

EVERYTHING = "all"  # the same as *, for those whose shell would expand that
_WILD = "*?["
_MOST_LISTED = 12


class Book(Value):
    """The names there are, and the groups with their members; both in the order of the file."""

    names: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> tuple[str, ...]:
        """Everything that can be said."""
        return (*self.names, *(group for group in self.groups if group not in self.names))


def book(specs: Iterable[ServiceSpec]) -> Book:
    """Return the names and groups of these services."""
    specs = tuple(specs)
    groups: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        for group in spec.member_of:
            groups[group] = (*groups.get(group, ()), spec.name)
    return Book(tuple(spec.name for spec in specs), groups)


def select(names: Book, words: Iterable[str]) -> tuple[str, ...]:
    """Return the services that the words mean, each once, in the order of the file.

    Raises UsageError for the first word that means none, and names the nearest one that does.
    """
    chosen: set[str] = set()
    for word in words:
        meant = meaning(names, word)
        if not meant:
            raise UsageError(unknown(names, word))
        chosen |= meant
    return tuple(name for name in names.names if name in chosen)


def meaning(names: Book, word: str) -> frozenset[str]:
    """Return the services that one word means; a name speaks before a group, a group before a glob."""
    if word in names.names:
        return frozenset({word})
    if word in names.groups:
        return frozenset(names.groups[word])
    if word == EVERYTHING:
        return frozenset(names.names)
    fit = {name for name in names.names if globbed(name, word)}
    return frozenset(fit.union(*(members for group, members in names.groups.items() if globbed(group, word))))


def unknown(names: Book, word: str) -> str:
    """Say that a word means no service, and which one was probably meant, or else which there are."""
    told = printable(word)
    if not names.names:
        return f"{told}: there are no services; write [services.NAME] into guardian.toml"
    verb = "fits" if any(char in word for char in _WILD) else "is called"
    return f"no service or group {verb} {told}{hint(word, names.words)}"


def hint(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: the nearest known word, or those that there are."""
    known = tuple(known)
    from difflib import get_close_matches  # late: only for those who mistyped

    near = get_close_matches(word[:64], known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    more = ", …" if len(known) > _MOST_LISTED else ""
    return f"; there are {', '.join(known[:_MOST_LISTED])}{more}"
