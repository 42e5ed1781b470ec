"""How a leader ended, from what waitpid(2) told the keeper; and signals by their names."""

from __future__ import annotations

import os
import signal

from guardian.services import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.daemon.store import TreeRecord
    from guardian.services.events import Event


def ended(record: TreeRecord, status: int) -> Event:
    """Return how a leader ended, from what waitpid(2) told."""
    if os.WIFSIGNALED(status):
        return events.Ended(record.name, record.generation, None, name_of(os.WTERMSIG(status)))
    return events.Ended(record.name, record.generation, os.waitstatus_to_exitcode(status))


def name_of(number: int) -> str:
    """Return the name of a signal by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"  # between the two that have names


def number_of(name: str) -> int:
    """Return the number of a signal's name, with or without SIG."""
    return int(signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"])
