"""`guardian run`: from words to an order. Without Typer, which would take five times as long as Python."""

from __future__ import annotations

import os

from guardian.cli.options import WAIT_FOR_EVER, asks_for_help, parse
from guardian.config.load import load_settings
from guardian.errors import GuardianError, UsageError
from guardian.policy.bounds import matching_rule, terms
from guardian.run.order import SIGTERM, Order
from guardian.run.wrap import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guardian.config.settings import Settings
    from guardian.policy.bounds import Terms
    from guardian.policy.limits import Rule

ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without those that are mistaken for one another
INTERRUPTED = 130  # 128 + SIGINT, before the command was launched


def new_id() -> str:
    """Return a name for a run: short enough to type, one of a million."""
    return "".join([ID_LETTERS[byte % len(ID_LETTERS)] for byte in os.urandom(4)])


def rule_of(given: Mapping[str, object], command: tuple[str, ...], settings: Settings) -> Rule | None:
    """Return the rule that the command runs under; UsageError for one that does not exist."""
    named = str(given.get("rule", ""))
    rule = matching_rule(command, settings.rules, named=named)
    if named and rule is None:
        known = ", ".join(each.name for each in settings.rules) or "none"
        raise UsageError(f"--rule: no rule is called {named!r}; known are: {known}")
    return rule


def order_of(given: Mapping[str, object], command: tuple[str, ...], settings: Settings) -> Order:
    """Return the order that options and settings make."""
    rule = rule_of(given, command, settings)
    agreed = terms(given, settings.limits, rule)
    containment = given.get("containment") or os.environ.get("GUARDIAN_CONTAINMENT") or "auto"
    return Order(
        command,
        new_id(),
        rule=rule,
        bounds=agreed.bounds,
        sources=agreed.sources,
        grace=agreed.grace,
        ask=_whole(given.get("signal", SIGTERM)),
        keep_background="keep_background" in given,
        owner=_whole(given.get("bind_to", 0)),
        wanted=str(containment),
        report=str(given.get("report", "")),
        quiet="quiet" in given,
        journal=settings.journal,
        slots=slots_of(given, command, agreed),
        max_concurrent=agreed.max_concurrent,
        wait=_wait(given),
        min_free_memory=_whole(given.get("min_free_memory", 0)),
    )


def slots_of(given: Mapping[str, object], command: tuple[str, ...], agreed: Terms) -> str:
    """Return the name under which the run counts; empty when nothing asks for the gate."""
    if "slots" in given:
        return str(given["slots"])
    if agreed.rule:
        return agreed.rule
    asked = "max_concurrent" in given or "min_free_memory" in given
    return command[0].rpartition("/")[2] or command[0] if asked else ""


def _wait(given: Mapping[str, object]) -> float | None:
    """Return for how long to wait for a slot: None for ever, 0 not at all."""
    if "no_wait" in given:
        return 0.0
    asked = given.get("wait", WAIT_FOR_EVER)
    return None if asked == WAIT_FOR_EVER or not isinstance(asked, float) else asked


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def main(words: Sequence[str]) -> int:
    """Run the command that the words after `guardian run` say; return the exit code of a refusal.

    After a launch it does not return: nothing is buffered, and the interpreter's own end costs 3 ms.
    """
    if asks_for_help(words):
        from guardian.cli.app import start  # late: the full help is Typer's
        from guardian.cli.edge import at_the_edge

        return at_the_edge(lambda: start(["run", "--help"]))
    try:
        given, command = parse(words)
        os._exit(launch(order_of(given, command, load_settings())))
    except GuardianError as error:
        message, code = str(error), error.exit_code
    except KeyboardInterrupt:  # while it waited at the gate
        return INTERRUPTED
    except OSError as error:  # the system said no before there was a command
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        message, code = f"{where}{error.strerror or error}", GuardianError.exit_code
    from guardian.cli.edge import failed  # late: most runs have nothing to complain about

    return failed(message, code)
