"""From what is configured to what a guard is told to do."""

from __future__ import annotations

from guardian.errors import UsageError
from guardian.guard.round import Charter
from guardian.policy.mind import CONFIRMATIONS
from guardian.procs.match import Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.policy.limits import Protect, Rule


def charter_of(
    rules: tuple[Rule, ...],
    protect: Protect,
    *,
    only: str = "",
    everything: bool = False,
    force: bool = False,
    confirmations: int = CONFIRMATIONS,
) -> Charter:
    """Return the charter of these rules, or of the one named `only`; UsageError when there is none of it."""
    if only and only not in {rule.name for rule in rules}:
        known = ", ".join(rule.name for rule in rules) or "none"
        raise UsageError(f"no rule is named {only!r}; the rules are: {known}")
    protected = [Selector(names=protect.names)] if protect.names else []
    protected += [Selector(command=protect.command)] if protect.command else []
    return Charter(
        rules=rules,
        only=only,
        protected=tuple(protected),
        everything=everything,
        force=force,
        confirmations=confirmations,
    )
