"""Ending trees: the automaton of `run.ending`, driven by timers and by the news of deaths."""

from __future__ import annotations

import asyncio
import os
import time

from guardian.actions import Kind, Reason
from guardian.daemon.deaths import number_of
from guardian.run.ending import Ending
from guardian.services import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.kin import Family
    from guardian.daemon.tree import Tree
    from guardian.services.effects import AskEnd
    from guardian.services.events import Event

UNHEARD = 0.1  # seconds between looks for the end of those of whom no keeper tells
STUCK_AGAIN = 1.0  # seconds until it is looked again whether those have gone who would not
SOON = 0.001  # seconds in which the ends of many orphans are taken for one event


class Endings:
    """All trees that are to go; each is followed until nobody of it is left."""

    def __init__(
        self,
        family: Family,
        *,
        tell: Callable[[Event], None],
        ended: Callable[[Tree], None],
        gone: Callable[[Tree], None],
    ) -> None:
        """`ended` is called once for each tree, when all that could be was done; `gone` when it is."""
        self._family, self._tell, self._ended, self._gone = family, tell, ended, gone
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[Tree, None] = {}
        self._nudge: asyncio.TimerHandle | None = None

    def end(self, tree: Tree, action: AskEnd) -> None:
        """End a tree, politely first, or go on without grace."""
        if tree.ending is None:
            tree.ending = self._open(tree, action)
        elif action.force:
            tree.ending.force(time.monotonic())
        self._under_way[tree] = None
        self.go_on(tree)

    @staticmethod
    def _open(tree: Tree, action: AskEnd) -> Ending:
        limit = action.why.limit
        reason = limit or Reason(action.name, Kind.SERVICE, note=str(action.why))
        return Ending(
            tree.kin,
            reason.replace(rule=action.name),
            name=os.urandom(3).hex(),
            now=time.monotonic(),
            grace=0.0 if action.force else action.grace,
            ask=number_of(action.signal),
        )

    def go_on(self, tree: Tree) -> None:
        """Go on with the end of a tree."""
        if tree.timer is not None:
            tree.timer.cancel()
            tree.timer = None
        if tree.ending is None or tree.over:
            return
        if tree.stuck:
            self._look_at_the_stuck(tree)
            return
        now = time.monotonic()
        due = tree.ending.turn(now)
        if due is not None:
            if self._family.scattered and not tree.leads:
                due = min(due, now + UNHEARD)
            tree.timer = self._loop.call_later(max(0.0, due - time.monotonic()), self.go_on, tree)
        elif tree.ending.case.survivors:
            self._get_stuck(tree, tree.ending)
        else:
            self._finish(tree)

    def _get_stuck(self, tree: Tree, ending: Ending) -> None:
        tree.stuck = True
        named = ", ".join(f"{t.who.pid} ({t.note or t.stage.value})" for t in ending.case.survivors[:5])
        self._ended(tree)
        self._tell(events.TreeStuck(tree.record.name, tree.record.generation, f"cannot be ended: {named}"))
        self._look_at_the_stuck(tree)

    def _look_at_the_stuck(self, tree: Tree) -> None:
        if tree.kin.members():
            tree.timer = self._loop.call_later(STUCK_AGAIN, self.go_on, tree)
        else:
            self._finish(tree)

    def _finish(self, tree: Tree) -> None:
        """Nobody of a tree is left."""
        self._under_way.pop(tree, None)
        if not tree.stuck:
            self._ended(tree)
        self._gone(tree)

    def nudge_soon(self) -> None:
        """Somebody of some tree has ended: those that are to go may have gone."""
        if self._nudge is None:
            self._nudge = self._loop.call_later(SOON, self._nudge_all)

    def _nudge_all(self) -> None:
        self._nudge = None
        for tree in list(self._under_way):
            if not tree.leads:
                self.go_on(tree)
