"""The one line that tells of an intervention."""

from __future__ import annotations

from guardian.actions import How
from guardian.procs.printable import shown_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.guard.ending import Ending
    from guardian.guard.order import Order
    from guardian.kill.escalate import Case


def signal_counts(case: Case) -> str:
    """Say how many got what."""
    got = [{how for how, _ in target.sent} for target in case.targets.values()]
    asked, forced = (sum(how in each for each in got) for how in (How.ASK, How.FORCE))
    parts = [f"{count} {name}" for count, name in ((asked, "SIGTERM"), (forced, "SIGKILL")) if count]
    return f"{', '.join(parts)}" if parts else "nobody was signalled"


def told(order: Order, ending: Ending) -> str:
    """Tell."""
    case = ending.case
    command = shown_command(order.command, "", width=60)
    return f'ended "{command}": {case.reason}; {signal_counts(case)}; why: guardian why {order.run_id}'
