"""What services are told: by people, by the system, and by the mind of all services. Data.

Whatever is about one process tree carries its generation; what tells of an earlier one has no
effect. The last group is what `services.mind` works out by itself and tells one life.
"""

from __future__ import annotations

from enum import Enum

from guardian.actions import Reason
from guardian.procs.model import ProcId
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias


class Wish(Enum):
    """What a person or a program can ask for."""

    START = "start"
    STOP = "stop"  # in order, politely
    KILL = "kill"  # at once, without grace
    RESTART = "restart"
    SIGNAL = "signal"  # to the leader


class Ask(Value):
    """Somebody asks for something, of services by their names (`services.names` finds those)."""

    wish: Wish
    names: tuple[str, ...]
    note: str = ""  # who asks, and how: "ps stop web"
    signal: str = ""  # SIGNAL: its name


class Spawned(Value):
    """The leader of a generation runs."""

    name: str
    generation: int
    who: ProcId


class SpawnFailed(Value):
    """A generation could not be started, and nothing of it runs."""

    name: str
    generation: int
    note: str  # the system's words
    final: bool = False  # another attempt cannot help: no such command, not executable, no such user


class Ended(Value):
    """The leader has ended; others of its tree may run."""

    name: str
    generation: int
    code: int | None = None  # None: a signal ended it, or it is not known
    signal: str = ""  # its name


class TreeGone(Value):
    """Nothing of a generation runs any more. Whoever says so has looked (P1)."""

    name: str
    generation: int


class TreeStuck(Value):
    """Processes of a generation are left that SIGKILL did not end, or that may not be signalled."""

    name: str
    generation: int
    note: str  # who, and why not


class Probed(Value):
    """The answer to one `effects.Probe`."""

    name: str
    generation: int
    number: int  # of the probe
    good: bool
    note: str = ""


class Heard(Value):
    """The service told by itself that it is well: its pattern was printed, or sd_notify came."""

    name: str
    generation: int
    note: str = ""


class OverLimit(Value):
    """The tree is over one of its limits."""

    name: str
    generation: int
    reason: Reason


class FilesChanged(Value):
    """Files below the service's working directory changed."""

    name: str
    paths: tuple[str, ...]  # from that directory, with slashes


class Adopted(Value):
    """A tree of this service was found running, left by an earlier daemon."""

    name: str
    generation: int
    who: ProcId | None = None  # the leader, None when only others of the tree are left
    well: bool = False  # it was READY then


class Clear(Value):
    """Nothing stands in the way of what is wanted: dependencies are ready, or dependents are gone."""

    start: bool


class Due(Value):
    """The timer of the present state has run out."""


class Well(Value):
    """It is ready, or well again."""

    note: str = ""


class Sick(Value):
    """Its check has failed too often."""

    note: str = ""


class Changed(Value):
    """Watched files changed, and it has been quiet since."""

    note: str = ""


class DependencyLost(Value):
    """A service that it depends on is not ready any more."""

    note: str = ""


if TYPE_CHECKING:
    OfTree: TypeAlias = Spawned | SpawnFailed | Ended | TreeGone | TreeStuck | OverLimit
    Event: TypeAlias = Ask | OfTree | Probed | Heard | FilesChanged | Adopted  # what the daemon tells
    LifeEvent: TypeAlias = Ask | OfTree | Adopted | Clear | Due | Well | Sick | Changed | DependencyLost
