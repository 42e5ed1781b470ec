"""What `guardian run` was asked to do, with everything decided that can be decided beforehand."""

from __future__ import annotations

from guardian.effects.sections import JournalSection
from guardian.policy.bounds import Bounds
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.policy.limits import Rule

SIGTERM = 15


class Order(Value):
    """One run: the command, its limits and its manners."""

    command: tuple[str, ...]  # argv; bytes that are no text survive as surrogates
    run_id: str
    rule: Rule | None = None  # that the limits come from, None: [limits]
    bounds: Bounds = Bounds()
    sources: Mapping[str, str] = {}  # name of a bound → where it came from, unless from a flag
    grace: float = 5.0  # seconds between asking and forcing
    ask: int = SIGTERM  # the signal that asks
    keep_background: bool = False
    owner: int = 0  # pid of the process that the run is bound to, 0: none
    wanted: str = "auto"  # containment
    report: str = ""  # path of a file for the receipt, empty: none
    quiet: bool = False
    journal: JournalSection = JournalSection()
    slots: str = ""  # the name under which runs count; empty: no gate
    max_concurrent: int = 0  # launches of that name at once
    wait: float | None = None  # seconds; None: as long as it takes, 0: not at all
    min_free_memory: int = 0  # bytes that must be available before the launch

    @property
    def cause(self) -> str:
        """What reasons and receipts call the rule."""
        return self.rule.name if self.rule is not None else "run"
