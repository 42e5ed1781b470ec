"""Every error that guardian raises on purpose, with the exit code that it ends in.

    GuardianError            125  guardian itself failed
    ├── UsageError             2  the words of a command
    │   └── ConfigError        2  a configuration: file, key, what was found, what was expected
    ├── SeeError             125  the system cannot be read (no /proc, no rights)
    ├── OutputError          125  what a service prints cannot be stored (full disk, no rights)
    ├── Occupied               1  somebody else holds what we need (a second monitor)
    ├── NotAdmitted           75  the gate said no (EX_TEMPFAIL of sysexits.h)
    ├── CannotExecute        126  the command exists and cannot be run
    └── NotFound             127  the command does not exist

Errors of the system and of libraries are translated where they enter; the CLI catches
GuardianError once, at its edge, prints one line and exits with `exit_code`.
"""

from __future__ import annotations


class GuardianError(Exception):
    """guardian could not do what it was asked to; the text is one line for a person."""

    exit_code = 125


class UsageError(GuardianError):
    """The words of a command make no sense."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration is wrong; names the file, the key, what stood there and what should."""

    def __init__(self, message: str, *, file: str = "", key: str = "") -> None:
        self.file, self.key, self.message = file, key, message
        super().__init__(": ".join(part for part in (file, key, message) if part))


class SeeError(GuardianError):
    """The system's processes cannot be read."""


class OutputError(GuardianError):
    """What a service prints cannot be stored now; nothing of it is lost."""


class Occupied(GuardianError):
    """Somebody else holds what this command needs."""

    exit_code = 1


class NotAdmitted(GuardianError):
    """The gate let no further launch in (EX_TEMPFAIL)."""

    exit_code = 75


class CannotExecute(GuardianError):
    """The command exists and cannot be executed."""

    exit_code = 126


class NotFound(GuardianError):
    """The command does not exist."""

    exit_code = 127
