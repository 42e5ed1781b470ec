"""What `guardian run` was asked to do, with everything decided that can be decided beforehand."""

from __future__ import annotations

from guardian.policy.bounds import Bounds
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGTERM = 15


class Order(Value):
    """One run: the command, its limits and its manners."""

    command: tuple[str, ...]  # argv; bytes that are no text survive as surrogates
    run_id: str
    rule: str = ""  # the rule that the limits come from, empty: [limits]
    bounds: Bounds = Bounds()
    sources: Mapping[str, str] = {}  # name of a bound → where it came from, unless from a flag
    grace: float = 5.0  # seconds between asking and forcing
    ask: int = SIGTERM  # the signal that asks
    keep_background: bool = False
    owner: int = 0  # pid of the process that the run is bound to, 0: none
    containment: str = "auto"
    report: str = ""  # path of a file for the receipt, empty: none
    quiet: bool = False
