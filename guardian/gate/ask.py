"""What a launch asks of the gate, and what the gate sees of the world for it."""

from __future__ import annotations

from guardian.contain import descent
from guardian.policy.admission import Conditions
from guardian.procs.machine import look_at_machine
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from guardian.gate.places import Place
    from guardian.procs.machine import Machine
    from guardian.procs.model import Proc, ProcId
    from guardian.units import Duration


class Ask(Value):
    """What a launch asks of the gate."""

    name: str  # of the slots
    limit: int  # launches of that name at once; 0: any number
    command: tuple[str, ...] = ()  # for others to read
    conditions: Conditions = Conditions()  # of the machine
    wait: Duration | None = None  # how long; None: as long as it takes, 0: not at all


class Sight(Value):
    """What the gate sees of the world outside its folder."""

    look: Callable[[int], Proc | None] = descent.look  # one process: its start, parent and state
    machine: Callable[[], Machine] = look_at_machine
    # Roots of launches that count though guardian did not start them, given all places that are
    # known. It has to leave out guardian's own processes and the trees below those places.
    strangers: Callable[[tuple[Place, ...]], Collection[ProcId]] | None = None
    claims: tuple[str, ...] = ()  # what Slot.claim said to those above us, from the environment
    owner: int = -1  # a pidfd: when that process ends there is nobody left to launch for
