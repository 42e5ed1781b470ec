"""Commands that are typed all day, or by programs: with plain words they are answered without Typer.

Typer and Rich take 150 ms to import and to begin, twice as long as a hundred services take to stop.
Any word that asks for more (an option with a value, --help, a mistake) leads to Typer, which
knows what to say.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Work = Callable[[], int]

START_WITHIN = "1m"  # a start that hangs for a reason that nobody told guardian about must not hang a script
TIMEOUTS = {
    "start": START_WITHIN,
    "stop": "0",
    "restart": START_WITHIN,
}  # of `guardian ps`
BACKGROUND = {"--detach", "-d", "--wait"}


def quick(words: Sequence[str]) -> Work | None:
    """Return what does this command; None when it takes Typer to understand it."""
    find = {"ps": _ps, "up": _up, "down": _down, "status": _status}.get(words[0] if words else "")
    return find(words[1:]) if find else None


def _ps(words: Sequence[str]) -> Work | None:
    verb, names = (words[0], words[1:]) if words else ("", ())
    if verb == "list":
        return _list(names)
    if verb not in TIMEOUTS or not names or any(name.startswith("-") for name in names):
        return None
    from guardian.cli.ps_ask import ask

    return lambda: ask(verb, names, wait=True, timeout=TIMEOUTS[verb], as_json=False)


def _list(words: Sequence[str]) -> Work | None:
    from guardian.cli.ps_list import is_quick, quick

    return (lambda: quick(words)) if is_quick(words) else None


def _up(words: Sequence[str]) -> Work | None:
    """With all services and in the background; in the foreground it lives long."""
    if not words or not BACKGROUND.issuperset(words):
        return None
    from guardian.cli.up import Way, bring_up

    detach = not {"--detach", "-d"}.isdisjoint(words)
    way = Way(detach=detach, wait="--wait" in words, timeout=START_WITHIN)
    return lambda: bring_up((), way)


def _down(words: Sequence[str]) -> Work | None:
    if words:
        return None
    from guardian.cli.up import bring_down

    return lambda: bring_down(timeout="0")


def _status(words: Sequence[str]) -> Work | None:
    from guardian.cli.status import is_quick, quick

    return (lambda: quick(words)) if is_quick(words) else None
