"""Why a service is where it is: data, written once; every face renders it with str()."""

from __future__ import annotations

from enum import Enum

from guardian.actions import Reason
from guardian.values import Value


class Cause(Enum):
    """What led to a state. The text stands where the cause has nothing more to say."""

    NEW = "not started yet"
    ASKED = "asked"  # by a person or a program
    SPAWNED = "started"
    NOT_SPAWNED = "could not be started"
    NOT_EXECUTABLE = "cannot be executed"  # no such command, no rights: another attempt cannot help
    WELL = "ready"
    UNHEALTHY = "unhealthy"
    NOT_READY = "not ready in time"
    EXITED = "exited"
    VANISHED = "ended while nobody watched, how is not known"
    LIMIT = "over a limit"
    FILES = "watched files changed"
    DEPENDENCY = "a service that it depends on is not ready any more"
    REMOVED = "no longer configured"
    ADOPTED = "found running, taken over"
    STRAY = "a process tree of it was found that should not be"
    TOO_OFTEN = "restarted too often"
    TRIAL = "failed again on its trial start"
    STUCK = "processes are left that cannot be ended"
    STABLE = "stable"
    SLOW = "stop_timeout is over"
    DELAY = "the delay before a restart is over"


class Why(Value):
    """One cause, and what is known about it."""

    cause: Cause
    note: str = ""
    code: int | None = None  # EXITED: the exit code; None when a signal ended it
    signal: str = ""  # EXITED: the name of that signal
    limit: Reason | None = None  # LIMIT: what was measured against which limit

    @property
    def failed(self) -> bool:
        """Whether a generation that ends for this has failed."""
        return self.cause in _FAILURES or (self.cause is Cause.EXITED and self.code != 0)

    def __str__(self) -> str:
        text = self._fact()
        if not self.note:
            return text
        return self.note if self.cause in _SAID_BY_NOTE else f"{text}: {self.note}"

    def _fact(self) -> str:
        if self.cause is Cause.LIMIT and self.limit is not None:
            return str(self.limit)
        if self.cause is Cause.EXITED and self.code is not None:
            return f"exited with code {self.code}"
        if self.cause is Cause.EXITED:
            return f"ended by {self.signal or 'a signal'}"
        return str(self.cause.value)


_FAILURES = frozenset(
    {
        Cause.NOT_SPAWNED,
        Cause.NOT_EXECUTABLE,
        Cause.UNHEALTHY,
        Cause.NOT_READY,
        Cause.VANISHED,
        Cause.LIMIT,
    }
)
_SAID_BY_NOTE = frozenset({Cause.ASKED, Cause.WELL})  # "asked: ps stop" would say no more than "ps stop"
NEW = Why(Cause.NEW)
