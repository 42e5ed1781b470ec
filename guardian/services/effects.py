"""What services ask to be done, as data; the daemon does it and tells what came of it.

A timer is none of these: a state has at most one, it stands in the life as the moment when it is
due, it is armed when the state begins and gone when the state ends (`services.life.TIMERS`). So
nobody has to cancel one, and none can ring in a state that did not set it.
"""

from __future__ import annotations

from enum import Enum

from guardian.services.life import State, Wanted
from guardian.services.spec import HealthSpec, ServiceSpec
from guardian.services.why import Why
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias


class Topic(Enum):
    """What an event for the journal and the bus is about."""

    STATE = "state"  # before → after
    REFUSED = "refused"  # a signal for a service that does not run
    FORCED = "forced"  # the grace is over
    STABLE = "stable"
    DEPENDENCY = "dependency"
    STUCK = "stuck"
    STRAY = "stray"  # a second tree of a service was found, and is ended
    SIGNALLED = "signalled"
    UNKNOWN = "unknown"  # somebody asked for a service that there is not


class Spawn(Value):
    """Start the leader of a new generation. Answer: Spawned or SpawnFailed."""

    name: str
    generation: int
    spec: ServiceSpec


class AskEnd(Value):
    """End the whole tree of a generation. Answer: TreeGone, or TreeStuck while some are left.

    May come again for the same tree: with `force` the grace is over, without it the tree exists
    by now. A tree that does not exist yet is asked again when Spawned was told.
    """

    name: str
    generation: int
    why: Why
    signal: str  # the polite one
    grace: float  # seconds from it to SIGKILL
    force: bool = False  # no grace, or no more of it


class Signal(Value):
    """Send one signal to the leader."""

    name: str
    generation: int
    signal: str


class Probe(Value):
    """Look whether the service is well, for at most `check.timeout`. Answer: Probed, always."""

    name: str
    generation: int
    number: int
    check: HealthSpec


class StopProbe(Value):
    """The answer to a probe is not needed any more."""

    name: str
    generation: int
    number: int


class Emit(Value):
    """Tell the journal and everybody who listens."""

    name: str
    topic: Topic
    why: Why
    before: State
    after: State
    wanted: Wanted
    generation: int
    at: float  # `now` of the decision


if TYPE_CHECKING:
    Effect: TypeAlias = Spawn | AskEnd | Signal | Probe | StopProbe | Emit
