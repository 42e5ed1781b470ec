"""The sections of guardian.toml about what guardian tells: alerts and the journal."""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.units import Size


class Alerts(Value):
    """[alerts]: who is told of an intervention, besides the log."""

    command: tuple[str, ...] = ()  # argv of a program that is started for each intervention; empty: none
    desktop: bool = False  # a desktop note, where there is a desktop


class JournalSection(Value):
    """[journal]: how much of the past is kept."""

    max_size: Size = 10 << 20  # of one file; it is rotated before it grows past this
    keep: int = 3  # rotated files besides the one that is written
