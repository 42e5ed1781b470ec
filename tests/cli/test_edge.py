from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from guardian.cli.edge import at_the_edge, failed
from guardian.errors import (
    CannotExecute,
    ConfigError,
    GuardianError,
    NotAdmitted,
    NotFound,
    Occupied,
    SeeError,
    UsageError,
)


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (GuardianError("it broke"), 125, "it broke"),
        (UsageError("what?"), 2, "what?"),
        (ConfigError("is wrong", file="/a.toml", key="limits.x"), 2, "/a.toml: limits.x: is wrong"),
        (SeeError("blind"), 125, "blind"),
        (Occupied("pid 7 has it"), 1, "pid 7 has it"),
        (NotAdmitted("full"), 75, "full"),
        (CannotExecute("no rights"), 126, "no rights"),
        (NotFound("no such command"), 127, "no such command"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 125, "/x: Permission denied"),
        (PermissionError(errno.EACCES, "Permission denied", b"/x\xff"), 125, r"/x\udcff: Permission denied"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            125,
            "cannot write the output: No space left on device",
        ),
        (
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
            125,
            "Resource temporarily unavailable",
        ),
        (OSError("odd"), 125, "odd"),
        (RecursionError("too deep"), 125, "input nested too deeply: too deep"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, line: str
) -> None:
    """Every error that a command may end in is one line on stderr and a documented exit code (P10)."""
    assert at_the_edge(raising(error)) == code
    assert capsys.readouterr() == ("", f"guardian: {line}\n")


def test_an_interrupt_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """^C ends with 128 + SIGINT and not a word (P10)."""
    assert at_the_edge(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_a_commands_own_code_stays(code: int) -> None:
    """A command that returns ends in what it returned."""
    assert at_the_edge(lambda: code) == code


def test_an_unexpected_fault_is_not_hidden() -> None:
    """What is a fault of ours is not dressed up as the user's: it is raised."""
    with pytest.raises(ZeroDivisionError):
        at_the_edge(raising(ZeroDivisionError()))


def test_a_message_is_one_line_of_visible_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a file or a process put into a message cannot forge a second line (P10)."""
    assert failed("no rule is named '\x1b[2J\nguardian: all is well'", 2) == 2
    assert capsys.readouterr().err == "guardian: no rule is named '\\x1b[2J\\nguardian: all is well'\n"
