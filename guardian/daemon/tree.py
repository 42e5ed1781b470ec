"""One generation of one service, as the daemon knows it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import TimerHandle

    from guardian.daemon.kin import Kin
    from guardian.daemon.store import TreeRecord
    from guardian.procs.model import ProcId
    from guardian.run.ending import Ending


class Tree:
    """A process tree, from before its leader runs until nobody of it is left."""

    def __init__(self, record: TreeRecord, kin: Kin) -> None:
        self.record, self.kin = record, kin
        self.starting = True  # it is not known yet whether its leader runs
        self.leads = False  # its leader lives
        self.ending: Ending | None = None
        self.timer: TimerHandle | None = None
        self.stuck = False  # some of it could not be ended
        self.over = False  # nobody of it is left

    @property
    def leader(self) -> ProcId | None:
        """Who was started."""
        return self.record.leader
