"""What a changed configuration asks for: whom to start, to stop, to restart, and who just goes on. Pure.

Only what makes a process another one restarts it; limits, restart policy, checks, watching and
dependencies are taken over while it runs.
"""

from __future__ import annotations

from enum import Enum

from guardian.services.events import Ask, Wish
from guardian.services.life import State, Wanted
from guardian.services.spec import ServiceSpec
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.services.living import Life
    from guardian.services.mind import Memory
    from guardian.services.order import Roster

OF_THE_PROCESS = (  # fields that a running process was started with, and cannot change
    *("command", "args", "interpreter", "cwd", "env", "env_files", "clean_env", "keep_env"),
    *("user", "umask", "rlimits", "log_file", "error_file"),
)
SECRET = ("env",)  # whose content is not printed, only which names changed
NOTE = "reload"


class Deed(Enum):
    """What is done with one service."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ADD = "add"  # known from now on, and not started
    CHANGE = "change"  # taken over without a restart


class Change(Value):
    """One service that is not what it was."""

    name: str
    deed: Deed
    keys: tuple[str, ...] = ()  # what changed
    words: str = ""  # why, for a person

    def __str__(self) -> str:
        return f"{self.deed.value} {self.name}: {self.words}"


def changes(memory: Memory, after: Roster) -> tuple[Change, ...]:
    """Return what differs between what `memory` was made with, or runs, and the new roster."""
    before = memory.roster
    gone = [name for name in {**before.specs, **memory.services} if name not in after.specs]
    found = [Change(name, Deed.STOP, words="is no longer configured") for name in gone]
    for name, spec in after.specs.items():
        found += _change(before.specs.get(name), spec, memory.life(name))
    return tuple(found)


def requests(found: tuple[Change, ...]) -> tuple[Ask, ...]:
    """Return what to ask, together with the new roster, so that the changes come about."""
    wishes = {Deed.START: Wish.START, Deed.RESTART: Wish.RESTART, Deed.STOP: Wish.STOP}
    return tuple(
        Ask(wish, tuple(change.name for change in found if change.deed is deed), NOTE)
        for deed, wish in wishes.items()
        if any(change.deed is deed for change in found)
    )


def render(found: tuple[Change, ...]) -> str:
    """Render the changes for a person, a line each, the hardest first; for --dry-run and the answer."""
    order = list(Deed)
    order.sort(key=[Deed.STOP, Deed.RESTART, Deed.START, Deed.CHANGE, Deed.ADD].index)
    lines = [str(change) for deed in order for change in found if change.deed is deed]
    return "\n".join(lines) or "nothing has changed"


def _change(before: ServiceSpec | None, after: ServiceSpec, life: Life) -> Iterator[Change]:
    """Yield what is to be done with a configured service; nothing when it is what it was."""
    started_with = (life.spec if _goes_on(life) else None) or before
    if started_with is None:
        deed = Deed.START if after.autostart else Deed.ADD
        yield Change(after.name, deed, words="is new" if after.autostart else "is new; autostart is false")
        return
    keys = _differing(started_with, after)
    known = _differing(before, after) if before else keys
    hard = tuple(key for key in keys if key in OF_THE_PROCESS)
    if hard or known:
        both = tuple(dict.fromkeys((*hard, *known)))
        yield Change(after.name, _deed(life, hard), both, _words(started_with, after, both))


def _goes_on(life: Life) -> bool:
    """Whether what runs would go on running as it was started."""
    return life.live and life.wanted is Wanted.UP and life.state is not State.STOPPING


def _deed(life: Life, hard: tuple[str, ...]) -> Deed:
    if life.wanted is Wanted.DOWN:
        return Deed.CHANGE
    if life.state in (State.FATAL, State.EXITED):
        return Deed.START  # the change may be what it needed
    return Deed.RESTART if hard and (_goes_on(life) or life.state is State.BACKOFF) else Deed.CHANGE


def _differing(one: ServiceSpec, other: ServiceSpec) -> tuple[str, ...]:
    return tuple(key for key in ServiceSpec._fields if getattr(one, key) != getattr(other, key))


def _words(before: ServiceSpec, after: ServiceSpec, keys: tuple[str, ...]) -> str:
    return ", ".join(_word(key, getattr(before, key), getattr(after, key)) for key in keys)


def _word(key: str, before: object, after: object) -> str:
    """Say how one field changed; of what may be secret only the names."""
    if key in SECRET and isinstance(before, dict) and isinstance(after, dict):
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        return f"{key} ({', '.join(names)})"
    return f"{key} {_shown(before)} → {_shown(after)}"


def _shown(value: object) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, Value):
        fields = value.asdict().items()
        return (
            "(" + ", ".join(f"{key} {each}" for key, each in fields if each != value._defaults.get(key)) + ")"
        )
    return str(value).lower() if isinstance(value, bool) else str(value)
