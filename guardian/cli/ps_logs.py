"""`guardian ps logs`: what services printed, read from the log files; the daemon only tells when to look."""

from __future__ import annotations

import re
import time

from guardian.cli.ears import Waker
from guardian.cli.edge import say
from guardian.cli.here import project_here
from guardian.cli.log_lines import Lines, as_json, print_all
from guardian.cli.logs_here import chosen_specs, sources_of
from guardian.cli.ps_ask import duration
from guardian.errors import UsageError
from guardian.output.reading import Follower, tail
from guardian.procs.printable import printable
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guardian.daemon.places import Project
    from guardian.output.logfile import Source
    from guardian.output.reading import LogLine
    from guardian.services.spec import ServiceSpec

LAST = 50  # lines that are shown when nothing else is asked for
MOST = 10**9


class Wish(Value):
    """What was asked for, in the words of the command line."""

    lines: str = ""
    follow: bool = False
    since: str = ""
    grep: str = ""
    stream: str = ""

    @property
    def count(self) -> int | None:
        """How many of the last lines; None: all. UsageError for anything else."""
        if not self.lines:
            return None if self.since else LAST
        if self.lines == "all":
            return None
        if self.lines.isascii() and self.lines.isdecimal() and len(self.lines) < 10:
            return int(self.lines)
        raise UsageError(f"-n: found {printable(self.lines)!r}, expected a number of lines, or all")

    @property
    def moment(self) -> float | None:
        """Seconds since the epoch before which nothing is wanted."""
        return time.time() - duration("--since", self.since) if self.since else None

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What a line has to hold; UsageError when it is no regular expression."""
        try:
            return re.compile(self.grep) if self.grep else None
        except re.error as error:
            raise UsageError(f"--grep: {printable(self.grep)!r} is no regular expression: {error}") from None

    def check_stream(self) -> None:
        """Raise UsageError when there is no such stream."""
        if self.stream not in ("", "out", "err"):
            raise UsageError(f"--stream: found {printable(self.stream)!r}, expected out or err")


def show_logs(words: Sequence[str], wish: Wish, *, times: bool, as_json: bool) -> int:
    """Print what these services printed; with `follow` go on until ^C."""
    wish.check_stream()
    project = project_here()
    specs = chosen_specs(project, words)
    sources = sources_of(specs, project, stream=wish.stream)
    _tell_what_is_one(specs, sources)
    render = _renderer(specs, times=times, json=as_json)
    if not wish.follow:
        print_all(tail(sources, lines=wish.count, since=wish.moment, grep=wish.pattern), render)
        return 0
    _follow(project, Follower(sources, lines=wish.count, since=wish.moment, grep=wish.pattern), specs, render)
    return 0


def _renderer(specs: Sequence[ServiceSpec], *, times: bool, json: bool) -> Callable[[LogLine], str]:
    return (
        as_json if json else Lines([spec.name for spec in specs], times=times, prefixes=len(specs) > 1).line
    )


def _tell_what_is_one(specs: Sequence[ServiceSpec], sources: Sequence[Source]) -> None:
    """Say whose streams cannot be told apart, so that nobody takes silence for an answer."""
    found = {source.service for source in sources}
    for spec in specs:
        if spec.name not in found:
            say(f"{spec.name} writes both streams to one file ({spec.log_file}); see it without --stream")


def _follow(
    project: Project, follower: Follower, specs: Sequence[ServiceSpec], render: Callable[[LogLine], str]
) -> None:
    """Print what comes; a daemon that goes is waited for, and so is the next. Ends with ^C."""
    waker = Waker(project, [spec.name for spec in specs])
    try:
        while True:
            while lines := follower.new():
                print_all(lines, render)
            waker.wait()
    finally:
        waker.close()
        follower.close()
