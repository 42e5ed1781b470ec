"""The options of `guardian run`, declared once: the light entry parses by them, the Typer app shows them."""

from __future__ import annotations

from guardian.contain.rawsignal import signal
from guardian.errors import UsageError
from guardian.units import parse_duration, parse_percent, parse_size
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CONTAINMENTS = ("auto", "cgroup", "subreaper", "tree")
WAIT_FOR_EVER = -1.0  # value of `wait` when no duration is given


def parse_count(value: str) -> int:
    """Return a whole number, 0 or more; UsageError on anything else."""
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise UsageError(f"found {value!r}, expected a whole number, 0 or more")
    return int(value)


def parse_signal(value: str) -> int:
    """Return the number of TERM, SIGTERM or 15; UsageError on anything else."""
    if value.isascii() and value.isdigit() and int(value) in signal.valid_signals():
        return int(value)
    name = f"SIG{value.upper().removeprefix('SIG')}"
    number = getattr(signal, name, None)
    if not value.isalnum() or not isinstance(number, int):
        raise UsageError(f"found {value!r}, expected a signal such as TERM, INT or 15")
    return int(number)


def parse_containment(value: str) -> str:
    """Return the name of a way to contain; UsageError on anything else."""
    if value not in CONTAINMENTS:
        raise UsageError(f"found {value!r}, expected one of {', '.join(CONTAINMENTS)}")
    return value


def parse_text(value: str) -> str:
    """Return what is not empty; UsageError when it is."""
    if not value:
        raise UsageError("found nothing, expected a name")
    return value


class Option(Value):
    """One option: its flag, what its value is called and read by, and what it does."""

    flag: str
    help: str
    metavar: str = ""  # empty: takes no value
    read: Callable[[str], object] = bool
    bare: object = True  # the value when none is given; with a metavar: only if `may_be_bare`
    may_be_bare: bool = False

    @property
    def name(self) -> str:
        """The key under which its value is kept."""
        return self.flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option("--rule", "Take the limits of this rule, whatever the command.", "NAME", parse_text),
    Option("--timeout", "End it after this time; 0: never.", "D", parse_duration),
    Option("--idle-timeout", "End it when it neither wrote nor used CPU for so long.", "D", parse_duration),
    Option("--memory", "End it when all its processes use more, shared pages once.", "SIZE", parse_size),
    Option("--cpu", "End it when it used more of a core over the whole window.", "PCT", parse_percent),
    Option("--cpu-window", "The window of --cpu.", "D", parse_duration),
    Option("--cpu-time", "End it when it has used so many seconds of CPU.", "D", parse_duration),
    Option("--max-procs", "End it when it has more processes.", "N", parse_count),
    Option("--max-output", "End it when it has written more to stdout and stderr.", "SIZE", parse_size),
    Option("--max-concurrent", "Let so many run at once under the same name.", "N", parse_count),
    Option("--slots", "The name under which runs count; default: the rule's.", "NAME", parse_text),
    Option("--wait", "Wait for a slot, at most so long.", "[D]", parse_duration, WAIT_FOR_EVER, True),
    Option("--no-wait", "Exit 75 at once when there is no slot."),
    Option("--min-free-memory", "Wait until so much memory is available.", "SIZE", parse_size),
    Option("--grace", "Time between asking (SIGTERM) and forcing (SIGKILL).", "D", parse_duration),
    Option("--signal", "Ask with this signal instead of SIGTERM.", "S", parse_signal),
    Option("--keep-background", "Leave what still runs when the command has ended normally."),
    Option("--bind-to", "End it when this process ends.", "PID", parse_count),
    Option("--containment", "auto, cgroup, subreaper or tree.", "C", parse_containment),
    Option("--report", "Write a receipt of the run, as JSON.", "FILE", parse_text),
    Option("--quiet", "Say nothing, not even when it intervened."),
)
BY_FLAG = {option.flag: option for option in OPTIONS}


def parse(words: Sequence[str]) -> tuple[dict[str, object], tuple[str, ...]]:
    """Split the words after `guardian run` into options and the command; UsageError names the word."""
    given: dict[str, object] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        flag, joined, value = word.partition("=")
        option = _option(flag)
        if not option.metavar and joined:
            raise UsageError(f"{flag} takes no value, found {value!r}")
        given[option.name] = _value(option, value if joined else None, rest)
    if not rest:
        raise UsageError("guardian run needs a command: guardian run [OPTIONS] -- COMMAND…")
    return given, tuple(rest)


def _option(flag: str) -> Option:
    """Return the option of this flag; UsageError proposes the nearest."""
    if flag in BY_FLAG:
        return BY_FLAG[flag]
    from difflib import get_close_matches  # late: only for those who mistyped

    near = get_close_matches(flag, BY_FLAG, 1)
    hint = f"did you mean {near[0]}?" if near else "see: guardian run --help"
    raise UsageError(f"no such option: {flag}; {hint}")


def _value(option: Option, joined: str | None, rest: list[str]) -> object:
    """Return the value of an option, from its own word or from the next."""
    try:
        if not option.metavar:
            return option.bare
        if joined is not None:
            return option.read(joined)
        if option.may_be_bare and not (rest and rest[0][:1].isdigit()):
            return option.bare
        if not rest:
            raise UsageError(f"needs a value: {option.metavar}")
        return option.read(rest.pop(0))
    except UsageError as error:
        raise UsageError(f"{option.flag}: {error}") from None


def asks_for_help(words: Iterable[str]) -> bool:
    """Whether --help or -h stands among the options, before the command."""
    for word in words:
        if word in ("--help", "-h"):
            return True
        if word == "--" or not word.startswith("-"):
            return False
    return False
