"""How a service came to be as it is: its last failure, and what happened around it, from the journal."""

from __future__ import annotations

import time
from itertools import islice

from guardian.cli.here import project_here
from guardian.cli.log_lines import harmless
from guardian.cli.logs_here import known_specs, sources_of
from guardian.cli.why import dated, receipt_in
from guardian.daemon.events import describe
from guardian.errors import UsageError
from guardian.output.reading import tail
from guardian.procs.printable import printable
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.effects.journal import Journal
    from guardian.effects.receipts import Receipt
    from guardian.output.reading import LogLine

SHOWN = 6  # events
SOUGHT = 200  # events among which the last failure is looked for
LINES = 5  # of output
LOOKED_AT = 1000  # lines of output among which those are that were printed before it failed
LATE = 0.5  # seconds by which its last words may be moved later than its end is recorded
FAILURES = frozenset(
    {"exited", "unhealthy", "not_ready", "limit", "not_spawned", "not_executable", "vanished"}
)


class Past(Value):
    """What is known of a service."""

    name: str
    events: tuple[Mapping[str, Any], ...]  # the last ones, the newest first
    failure: Mapping[str, Any] | None  # the last event in which it ended by itself or had to be ended
    receipt: Receipt | None  # the last one, when it is about that
    output: tuple[LogLine, ...]  # the last lines before the failure

    def record(self) -> dict[str, object]:
        """Return it as what JSON can hold."""
        return {
            "service": self.name,
            "failure": self.failure,
            "events": list(self.events),
            "receipt": self.receipt.record() if self.receipt else None,
            "output": [line.asdict() for line in self.output],
        }


def past_of(journal: Journal, name: str) -> Past:
    """Return what the journal tells of a service of this project; no events when it tells nothing."""
    try:
        project = project_here()
    except UsageError:  # no guardian.toml here, so no services either
        return Past(name, (), None, None, ())
    found = tuple(islice(_events(journal, name, project), SOUGHT))
    failure = next((each for each in found if is_failure(each)), None)
    output = _last_words(project, name, _begun(found, failure), failure["at"]) if failure else ()
    return Past(name, found[:SHOWN], failure, _receipt(journal, name, failure), output)


def _events(journal: Journal, name: str, project: Project) -> Iterator[Mapping[str, Any]]:
    for record in journal.read():
        if (
            record.get("event") == "service"
            and record.get("service") == name
            and record.get("project") == project.root
            and record.get("topic") not in ("stable", "signalled")
        ):
            yield record


def is_failure(event: Mapping[str, Any]) -> bool:
    """Whether in this event a service ended by itself, or had to be ended."""
    return event["topic"] == "state" and event["after"] == "stopping" and event["cause"] in FAILURES


def _receipt(journal: Journal, name: str, failure: Mapping[str, Any] | None) -> Receipt | None:
    """Return the receipt of the ending that the failure led to, or the last one when there was no failure."""
    for record in journal.read():
        receipt = receipt_in(record)
        if receipt is not None and receipt.rule == name and receipt.by == "daemon":
            return receipt if failure is None or receipt.at >= failure["at"] else None
    return None


def _begun(found: Iterable[Mapping[str, Any]], failure: Mapping[str, Any]) -> float:
    """Return when the generation that failed was started; 0 when that is not known any more."""
    starts = (event["at"] for event in found if event["after"] == "starting" and event["at"] <= failure["at"])
    return next(starts, 0.0)


def _last_words(project: Project, name: str, since: float, at: float) -> tuple[LogLine, ...]:
    """Return the last lines of a generation that began at `since` and failed at `at`."""
    sources = sources_of([spec for spec in known_specs(project) if spec.name == name], project)
    lines = tail(sources, lines=LOOKED_AT, since=since)
    return tuple([line for line in lines if line.at <= at + LATE][-LINES:])


def story(past: Past) -> Iterator[str]:
    """Tell it in lines."""
    newest = past.events[0]
    yield f"{past.name} is {newest['after']} since {_clock(newest['at'])}: {printable(newest['why'])}."
    if past.failure:
        when = _clock(past.failure["at"], newest["at"])
        yield f"It failed last at {when}: {printable(past.failure['why'])}."
    if past.output:
        yield "Its last lines of output before that:"
        yield from (f"  {harmless(line.text)}" for line in past.output)
    yield "What happened last:"
    for event in reversed(past.events):
        yield f"  {_clock(event['at'], newest['at'])}  {printable(describe(event))}"
    if past.receipt:
        yield dated(past.receipt)


def _clock(at: float, beside: float = 0.0) -> str:
    """Return a time, with its day unless that is the day of `beside`."""
    when = time.localtime(at)
    same_day = when[:3] == time.localtime(beside)[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", when)
