"""Whom guardian never signals (P2)."""

from __future__ import annotations

from guardian.procs import tree
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.procs.match import Selector
    from guardian.procs.model import Snapshot


class Self(Value):
    """Who is asking: guardian's own process, its user, and other guardians of this user."""

    pid: int
    uid: int
    session: int = 0
    guardians: frozenset[int] = frozenset()  # pids of the monitor and the daemon


def _protected(snapshot: Snapshot, selectors: tuple[Selector, ...]) -> list[int]:
    """Return the pids that a selector selects; each name and command line is matched once."""
    known: dict[tuple[str, tuple[str, ...]], bool] = {}
    result = []
    for proc in snapshot:
        key = (proc.name, proc.command)
        if key not in known:
            known[key] = any(each.matches(*key) for each in selectors)
        if known[key] and not proc.kernel and not proc.gone:
            result.append(proc.pid)
    return result


def spared(snapshot: Snapshot, me: Self, protected: Iterable[Selector] = ()) -> dict[int, str]:
    """Return the pids that no action may reach, each with the reason that a person is told."""
    result = {proc.pid: "a kernel thread" for proc in snapshot if proc.kernel}
    result |= dict.fromkeys(_protected(snapshot, tuple(protected)), "protected")
    result |= dict.fromkeys(me.guardians, "guardian")
    own = snapshot.procs.get(me.pid)
    if own is not None:
        result |= {proc.pid: "an ancestor of guardian" for proc in tree.ancestors(snapshot, own)}
    return result | {1: "pid 1", me.pid: "guardian"}
