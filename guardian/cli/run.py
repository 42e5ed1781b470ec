"""`guardian run`: from words to an order. Without Typer, which would take five times as long as Python."""

from __future__ import annotations

import os

from guardian.cli.options import asks_for_help, parse
from guardian.config.load import load_settings
from guardian.contain.choose import choose
from guardian.errors import GuardianError, UsageError
from guardian.guard.order import SIGTERM, Order
from guardian.guard.wrap import run
from guardian.policy.bounds import matching_rule, terms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guardian.config.settings import Settings

ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without those that are mistaken for one another


def new_id() -> str:
    """Return a name for a run: short enough to type, one of a million."""
    return "".join(ID_LETTERS[byte % len(ID_LETTERS)] for byte in os.urandom(4))


def order_of(given: Mapping[str, object], command: tuple[str, ...], settings: Settings) -> Order:
    """Return the order that options and settings make; UsageError for a rule that does not exist."""
    named = str(given.get("rule", ""))
    rule = matching_rule(command, settings.rules, named=named)
    if named and rule is None:
        known = ", ".join(each.name for each in settings.rules) or "none"
        raise UsageError(f"--rule: no rule is called {named!r}; known are: {known}")
    agreed = terms(given, settings.limits, rule)
    return Order(
        command,
        new_id(),
        rule=agreed.rule,
        bounds=agreed.bounds,
        sources=agreed.sources,
        grace=agreed.grace,
        ask=_whole(given.get("signal", SIGTERM)),
        keep_background="keep_background" in given,
        owner=_whole(given.get("bind_to", 0)),
        containment=str(given.get("containment") or os.environ.get("GUARDIAN_CONTAINMENT") or "auto"),
        report=str(given.get("report", "")),
        quiet="quiet" in given,
    )


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def main(words: Sequence[str]) -> int:
    """Run the command that the words after `guardian run` say; return the exit code."""
    if asks_for_help(words):
        from guardian.cli.app import start  # late: the full help is Typer's

        return start(["run", "--help"])
    try:
        given, command = parse(words)
        order = order_of(given, command, load_settings())
        containment, _ = choose(order.containment, order.run_id)
        return run(order, containment)
    except GuardianError as error:
        from guardian.cli.edge import failed  # late: most runs have nothing to complain about

        return failed(str(error), error.exit_code)
