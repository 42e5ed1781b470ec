"""What a guard stands on: eyes, hands, clocks and itself. Tests and replays give other ones."""

from __future__ import annotations

import os
import time

from guardian.contain import mark
from guardian.effects.perform import dry, performer
from guardian.kill.spare import Self
from guardian.procs.machine import look_at_machine
from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.effects.perform import Perform
    from guardian.procs.machine import Machine
    from guardian.procs.table import Table


class World:
    """The system as one guard sees and touches it."""

    def __init__(
        self,
        *,
        table: Table,
        perform: Perform,
        me: Self,
        machine: Callable[[], Machine] = look_at_machine,
        wall: Callable[[], float] = time.time,
        user_name: Callable[[int], str] = str,
        is_kept: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.table = table
        self.perform = perform
        self.me = me
        self.machine = machine
        self.wall = wall  # seconds since the epoch, for records only: nothing is decided by it
        self.user_name = user_name
        self.is_kept = is_kept  # whether a pid belongs to a service, which has limits of its own


def user_name(uid: int) -> str:
    """Return the name of a user, or the number when it has none."""
    import pwd  # late: only rules that name users ask

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def system_world(*, guardians: frozenset[int] = frozenset(), touch: bool = True) -> World:
    """Return the real system; `touch=False` looks and decides alike, but signals nobody."""
    table = system_table()
    me = Self(os.getpid(), os.getuid(), os.getsid(0), guardians)
    return World(
        table=table,
        perform=performer(table.identify) if touch else dry,
        me=me,
        user_name=user_name,
        is_kept=mark.is_kept,
    )
