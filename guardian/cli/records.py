"""The journal as the commands open it."""

from __future__ import annotations

import os

from guardian.cli.edge import say
from guardian.effects.folders import state_path
from guardian.effects.journal import Journal, Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.effects.sections import JournalSection


def open_journal(section: JournalSection, *, complain: Callable[[str], None] = say) -> Journal:
    """Return this user's journal; nothing is opened or made before the first record."""
    return Journal(state_path(), max_size=section.max_size, keep=section.keep, complain=complain)


def recorder(section: JournalSection, by: str, *, complain: Callable[[str], None] = say) -> Recorder:
    """Return what one command writes its records with."""
    return Recorder(open_journal(section, complain=complain), by, os.getpid())
