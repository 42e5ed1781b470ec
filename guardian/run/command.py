"""Becoming the command: the last steps of the child, between fork and exec."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from guardian.run.posture import Posture

SHELL = "/bin/sh"
NOT_FOUND, CANNOT_EXECUTE = 127, 126  # as shells and env(1) have it
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
DEFAULT_PATH = "/bin:/usr/bin"  # of execvp(3), where PATH is not set


def candidates(name: str, environment: Mapping[bytes, bytes]) -> list[str]:
    """Return the files that a command name may mean, in the order of PATH (execvp(3))."""
    if "/" in name:
        return [name]
    path = os.fsdecode(environment.get(b"PATH", DEFAULT_PATH.encode()))
    return [os.path.join(folder, name) for folder in path.split(":")]  # an empty folder: the working one


def execute(command: tuple[str, ...], environment: Mapping[bytes, bytes]) -> OSError:
    """Replace this process by the command; return the error when that was not possible.

    As execvp(3): a file that may not be executed is remembered while the search goes on, and one
    without a format that the kernel knows is given to the shell.
    """
    refused: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for file in candidates(command[0], environment) if command[0] else ():
        try:
            os.execve(file, command, environment)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                return _by_shell(file, command, environment)
            if error.errno == errno.EACCES or (error.errno not in _NOT_THERE):
                refused = error
            if error.errno not in _NOT_THERE | {errno.EACCES}:
                return error
    return refused


def _by_shell(file: str, command: tuple[str, ...], environment: Mapping[bytes, bytes]) -> OSError:
    try:
        os.execve(SHELL, [SHELL, file, *command[1:]], environment)
    except OSError as error:
        return error


def exit_code(error: OSError) -> int:
    """Return what a shell returns for a command that could not be started."""
    return NOT_FOUND if error.errno in _NOT_THERE else CANNOT_EXECUTE


class Child:
    """What the forked child does: group, terminal, signals, exec; and word of a failure."""

    def __init__(
        self,
        command: tuple[str, ...],
        environment: Mapping[bytes, bytes],
        posture: Posture,
        *,
        terminal: int | None = None,
        own_group: bool = False,
    ) -> None:
        self._command, self._environment, self._posture = command, environment, posture
        self._terminal, self._own_group = terminal, own_group
        self.outputs: dict[int, int] = {}  # descriptors that it is to have instead of its own
        self.failures, self._failed = os.pipe()  # an exec that works closes it

    def __call__(self) -> NoReturn:
        """Run in the child; every signal is blocked until the posture is restored."""
        try:
            self._take_place()
            self._posture.restore()
            error = execute(self._command, self._environment)
        except OSError as other:
            error = other
        os.write(self._failed, str(error.errno).encode())
        os._exit(exit_code(error))

    def _take_place(self) -> None:
        """Lead a group and own the terminal, unless it stays in guardian's group; take the outputs given."""
        if self._own_group:
            os.setpgid(0, 0)
            if self._terminal is not None:
                os.tcsetpgrp(self._terminal, os.getpid())  # SIGTTOU is blocked: we may (tcsetpgrp(3))
        for target, fd in self.outputs.items():
            os.dup2(fd, target)

    def started(self) -> None:
        """Close the child's end, in the parent."""
        os.close(self._failed)

    def failure(self) -> OSError | None:
        """Return why exec failed; None when it did not. Asked when the child has ended."""
        number = os.read(self.failures, 16)
        return OSError(int(number), os.strerror(int(number))) if number else None
