"""Which way to own the tree: the strongest that works here, or the one that was asked for."""

from __future__ import annotations

from guardian.contain.subreaper import Subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.contain.contract import Containment


def choose(wanted: str = "auto") -> Containment:
    """Return it."""
    return Subreaper()
