"""What a launch that waits at the gate is told, and what one that was refused is told at the end."""

from __future__ import annotations

from guardian.procs.printable import printable
from guardian.units import format_duration
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.gate.places import About, Place
    from guardian.procs.model import ProcId

NAMED = 5  # holders that are named one by one; a line has an end
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


class Holder(Value):
    """Who holds a slot."""

    pid: int  # of the guardian that the user started
    since: float  # seconds of time.monotonic
    command: str  # printable, on one line
    cwd: str = ""


def holder(place: Place, about: About) -> Holder:
    """Return who is at a place, as it told it itself."""
    return Holder(place.pid, place.since, about.command, about.cwd)


class Waiting(Value):
    """What stands between a launch and its slot; equal as long as nothing has changed."""

    name: str  # of the slots
    limit: int  # launches at once, 0: any number
    position: int  # 1: next
    holders: tuple[Holder, ...]
    strangers: tuple[ProcId, ...] = ()  # launches that count though guardian did not start them
    shortage: str = ""  # what the machine lacks

    def told(self, now: float) -> str:
        """Render it as one line for whoever waits; `now` is time.monotonic()."""
        if self.shortage:
            return f"waiting: {self.shortage}, you are {ordinal(self.position)}"
        return f"waiting for a slot: {self._taken(now, commands=False)}, you are {ordinal(self.position)}"

    def refusal(self, now: float, waited: float) -> str:
        """Render it as the one line with which a launch is refused; `waited` is in seconds."""
        why = self.shortage or f"slots of {printable(self.name)}: {self._taken(now, commands=True)}"
        ahead = self.position - 1
        queue = f"; {ahead} {'waits' if ahead == 1 else 'wait'} ahead" if ahead else ""
        return f"not admitted{f' within {format_duration(waited)}' if waited else ''}: {why}{queue}"

    def _taken(self, now: float, *, commands: bool) -> str:
        """Say how many of how many are taken, by whom, since when."""
        count = len(self.holders) + len(self.strangers)
        text = f"{count} of {self.limit} taken" if self.limit else f"{count} running"
        who = [_named(each, now, commands=commands) for each in self.holders[:NAMED]]
        if len(self.holders) > NAMED:
            who.append(f"{len(self.holders) - NAMED} more")
        if self.strangers:
            pids = ", ".join(str(each.pid) for each in self.strangers[:NAMED])
            who.append(f"not launched by guardian: {pids}")
        return f"{text} ({', '.join(who)})" if who else text


def _named(holder: Holder, now: float, *, commands: bool) -> str:
    command = f' "{holder.command[:60]}"' if commands and holder.command else ""
    return f"{holder.pid}{command} for {format_duration(max(0.0, now - holder.since))}"


def ordinal(number: int) -> str:
    """Render 1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"
