"""What a place among the launches of a name is, and how it is written down as file names and text. Pure."""

from __future__ import annotations

from guardian.errors import UsageError
from guardian.procs.model import ProcId
from guardian.procs.printable import printable, shown_command
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
LONGEST_NAME = 200  # bytes as a file name; most file systems take 255
SHOWN = 1000  # characters of a command line that are kept for others to read
RUNNING, WAITING, ABOUT = "running", "waiting", "about"


class Place(Value):
    """One launch among those of a name: it waits, or it runs and holds a slot."""

    number: int  # in the order of arrival
    pid: int  # of the process that asked, and that process's start, see ProcId
    start: int
    running: bool
    at: int = 0  # since when it waits, or runs: milliseconds of time.monotonic

    @property
    def since(self) -> float:
        """Since when it waits, or runs, in seconds of time.monotonic."""
        return self.at / 1000

    @property
    def who(self) -> ProcId:
        """The process that asked."""
        return ProcId(self.pid, self.start)

    @property
    def stem(self) -> str:
        """What all its files are called; never again another's, as (pid, start) is in it."""
        return f"{self.number}.{self.pid}.{self.start}"

    @property
    def file(self) -> str:
        """The name of its FIFO."""
        return f"{self.stem}.{self.at}.{RUNNING if self.running else WAITING}"

    @property
    def about(self) -> str:
        """The name of the file that tells others who it is, the same before and after it is let in."""
        return f"{self.stem}.{ABOUT}"


class About(Value):
    """What a place tells others. Text is printable, on one line."""

    limit: int = 0  # that it asked for
    inside: tuple[str, ...] = ()  # KEY/NUMBER of the slots that its ancestors hold
    space: int = 0  # the PID namespace that its pid counts in (pid_namespaces(7)); 0: not known
    cwd: str = ""
    command: str = ""


def encoded(name: str) -> str:
    """Return `name` as a file name: letters, digits, - and _ stay, every other byte becomes %XX.

    UsageError for an empty name, one that is too long, and one that is no text.
    """
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"found {name!r}, expected a name of slots that is text") from None
    key = "".join(chr(byte) if chr(byte) in SAFE else f"%{byte:02X}" for byte in raw)
    if not 0 < len(key) <= LONGEST_NAME:
        raise UsageError(
            f"found {printable(name)[:40]!r}, expected a name of slots of 1 to {LONGEST_NAME} letters"
        )
    return key


def decoded(key: str) -> str:
    """Return the name that `encoded` made this of."""
    first, *rest = key.split("%")
    raw = first.encode("ascii") + b"".join(
        bytes((int(part[:2], 16),)) + part[2:].encode("ascii") for part in rest
    )
    return raw.decode("utf-8", "surrogateescape")


def parse_place(file: str) -> Place | None:
    """Return the place whose FIFO has this name, None when it is another file."""
    words = file.split(".")
    if len(words) != 5 or words[4] not in (RUNNING, WAITING):
        return None
    if not all(word.isascii() and word.isdigit() for word in words[:4]):
        return None
    number, pid, start, at = map(int, words[:4])
    return Place(number, pid, start, words[4] == RUNNING, at)


def next_number(places: Iterable[Place]) -> int:
    """Return a number above all that are taken, by the dead too."""
    return max((place.number for place in places), default=0) + 1


def about_launch(command: tuple[str, ...], cwd: str, *, limit: int, space: int) -> About:
    """Return what a launch tells of itself."""
    return About(
        limit=limit, space=space, cwd=printable(cwd), command=shown_command(command, "?", width=SHOWN)
    )


def render_about(about: About) -> str:
    """Write it as lines, in the order of its fields."""
    fields = (about.limit, " ".join(about.inside), about.space, about.cwd, about.command)
    return "".join(f"{field}\n" for field in fields)


def parse_about(text: str) -> About:
    """Read what `render_about` wrote; what is torn or missing has the default."""
    lines = text.split("\n")
    try:
        limit, inside, space, cwd, command, *_ = lines
        return About(int(limit), tuple(inside.split()), int(space), cwd, command)
    except ValueError:
        return About()
