"""Launches that would wait for each other for ever: each holds what another one waits for. Pure.

A `make` that runs under guardian and starts a `bun` under guardian holds one slot while it waits
for another. Where a `bun` does it the other way round, both could wait for ever.
"""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Wait(Value):
    """One launch that waits; holders are named KEY/NUMBER."""

    key: str  # of the slots it waits for
    number: int
    since: float
    limit: int  # launches at once that it asked for
    inside: tuple[str, ...] = ()  # the holders whose trees it belongs to: they cannot end before it


def must_give_up(mine: Wait, waits: Collection[Wait], holders: Mapping[str, Collection[str]]) -> bool:
    """Whether `mine` can never be let in, and is the last comer of those that block each other.

    Only one gives up: what it held is then free for the others. `holders` are those of each key.
    """
    stuck = _stuck(waits, holders)
    if mine not in stuck:
        return False
    wanted = {holder for wait in stuck for holder in holders.get(wait.key, ())}
    circle = [wait for wait in stuck if not wanted.isdisjoint(wait.inside)]
    return mine == max(circle, key=lambda wait: (wait.since, wait.key, wait.number), default=None)


def _stuck(waits: Collection[Wait], holders: Mapping[str, Collection[str]]) -> list[Wait]:
    """Return those who are never let in even when every holder who can end has ended."""
    stuck = list(waits)
    while True:
        bound = {holder for wait in stuck for holder in wait.inside}
        rest = [
            wait for wait in stuck if 0 < wait.limit <= len(bound.intersection(holders.get(wait.key, ())))
        ]
        if len(rest) == len(stuck):
            return rest
        stuck = rest
