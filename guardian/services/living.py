"""One service at one moment, and what is remembered of its past."""

from __future__ import annotations

from guardian.services.life import LIVE, State, Wanted
from guardian.services.restart import History
from guardian.services.spec import ServiceSpec
from guardian.services.why import NEW, Why
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.procs.model import ProcId


class Exit(Value):
    """How a leader ended."""

    at: float
    code: int | None = None  # None: by a signal, or not known
    signal: str = ""


class Life(Value):
    """One service at one moment, and what is remembered of its past. Times are monotonic seconds."""

    name: str
    state: State = State.STOPPED
    wanted: Wanted = Wanted.DOWN
    since: float = 0.0  # when the state began
    due: float | None = None  # when the timer of the state runs out; None: it has none, or it has run out
    why: Why = NEW  # why it is in this state
    asked: Why = NEW  # why it is wanted as it is
    generation: int = 0  # the present or last one
    newest: int = 0  # the highest generation that was ever seen
    strays: tuple[int, ...] = ()  # other generations that were found, and are being ended
    spec: ServiceSpec | None = None  # with which the present or last generation was started
    needs: tuple[str, ...] = ()  # what it depends on
    who: ProcId | None = None  # its leader
    started: float = 0.0
    ready_at: float | None = None  # when that generation became READY
    ending: Why | None = None  # why it ends, or has ended: the first cause
    forced: bool = False  # it is being ended without grace
    exit: Exit | None = None  # of the last leader that ended
    history: History = History()

    @property
    def live(self) -> bool:
        """Whether something of it may run."""
        return self.state in LIVE

    @property
    def empty(self) -> bool:
        """Whether nothing of it runs, strays included."""
        return not self.live and not self.strays

    @property
    def waiting(self) -> bool:
        """Whether only its dependencies keep it from being started."""
        if self.strays:
            return False
        at_rest = self.state is State.STOPPED or (self.state is State.BACKOFF and self.due is None)
        return at_rest and self.wanted is not Wanted.DOWN

    @property
    def leaving(self) -> bool:
        """Whether something of it runs that is not wanted any more."""
        return self.live and self.wanted is not Wanted.UP

    def __repr__(self) -> str:
        who = f" {self.who!r}" if self.who and self.live else ""
        facts = f"{self.state.name} generation {self.generation}{who}, wanted {self.wanted.name}"
        return f"<{self.name} {facts}: {self.why}>"
