"""Which processes a rule is about: by name, command line and user."""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.procs.model import Proc

_WILD = frozenset("*?[")


def globbed(text: str, pattern: str) -> bool:
    """Whether `text` as a whole fits the glob; case counts."""
    if _WILD.isdisjoint(pattern):
        return text == pattern
    from fnmatch import fnmatchcase  # late: `re` costs `guardian run` 4 ms, most names need none

    return fnmatchcase(text, pattern)


def _any_text(patterns: tuple[str, ...]) -> bool:
    """Whether no text could fail: no patterns at all, or one of stars alone."""
    return not patterns or any(pattern and not pattern.strip("*") for pattern in patterns)


class Selector(Value):
    """Says which processes are meant: one of the names *and* one of the command globs."""

    names: tuple[str, ...] = ()  # process name or base name of argv[0]; empty: any
    command: tuple[str, ...] = ()  # globs over the command line, arguments joined by blanks; empty: any

    def matches(self, name: str, command: tuple[str, ...]) -> bool:
        """Whether a process of that name and command line is meant."""
        if self.names and not self._names_one(name, command):
            return False
        if not self.command:
            return True
        line = " ".join(command)
        return any(globbed(line, pattern) for pattern in self.command)

    def _names_one(self, name: str, command: tuple[str, ...]) -> bool:
        called = {name, command[0].rpartition("/")[2]} if command else {name}
        return any(globbed(each, pattern) for each in called for pattern in self.names)

    def selects(self, proc: Proc) -> bool:
        """Whether this process is meant; kernel threads and the dead never are."""
        return not proc.kernel and not proc.gone and self.matches(proc.name, proc.command)

    @property
    def matches_everything(self) -> bool:
        """Whether no process could fail to match: no patterns at all, or only stars."""
        return _any_text(self.names) and _any_text(self.command)
