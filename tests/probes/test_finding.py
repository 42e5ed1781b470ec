"""Errors in a few words, commands of checks, addresses of names."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from guardian.probes.finding import reason
from guardian.probes.local import addresses
from guardian.probes.script import Command, command_of
from guardian.services.spec import HealthSpec


def caused(error: Exception, cause: BaseException) -> Exception:
    """Return the error with its cause, as `raise … from` leaves it."""
    error.__cause__ = cause
    return error


REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 80)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "connection refused"),
        (caused(RuntimeError("All connection attempts failed"), REFUSED), "connection refused"),
        (
            caused(RuntimeError("All"), ExceptionGroup("several", [REFUSED, ValueError()])),
            "connection refused",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "TLS: "),
        (ValueError("odd\x1b[1m\nwords"), "odd\\x1b[1m\\nwords"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_is_told_in_the_systems_words(error: Exception, words: str) -> None:
    """Whatever a library has wrapped around it, on one printable line."""
    told = reason(error)
    assert told.startswith(words)
    assert told.isprintable()


def test_errors_that_are_each_others_cause_end() -> None:
    """A circle of causes is walked once."""
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    assert reason(first) == "one"


@pytest.mark.parametrize(
    ("script", "interpreter", "command"),
    [
        ("check --fast 'a b'", "", Command(("check", "--fast", "a b"))),
        ("print(1)", "python3", Command(("python3", "-"), "stdin", "print(1)")),
        ("print(1)", "/opt/x/python3.13 -u", Command(("/opt/x/python3.13", "-u", "-"), "stdin", "print(1)")),
        ("1", "bun run", Command(("bun", "run", "-"), "stdin", "1")),
        ("1", "bun run -", Command(("bun", "run", "-"), "stdin", "1")),
        ("exit 1", "sh", Command(("sh",), "file", "exit 1")),
        ("puts 1", "ruby -w", Command(("ruby", "-w"), "file", "puts 1")),
    ],
)
def test_a_program_reaches_its_interpreter(script: str, interpreter: str, command: Command) -> None:
    """On stdin where it is read to its end first, else as a file: a shell's children would read it."""
    assert command_of(HealthSpec(type="script", script=script, interpreter=interpreter)) == command


@pytest.mark.parametrize(("script", "interpreter"), [("", ""), ("'open", ""), ("1", "'open"), (" ", "")])
def test_a_command_that_is_none_is_refused(script: str, interpreter: str) -> None:
    """An open quote and an empty line are a ValueError, which the look turns into its note."""
    with pytest.raises(ValueError, match=r"quotation|no command"):
        command_of(HealthSpec(type="script", script=script, interpreter=interpreter))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", ("127.0.0.1", "::1")),
        ("LOCALHOST.", ("127.0.0.1", "::1")),
        ("db.localhost", ("127.0.0.1", "::1")),
        ("localhost.example.org", ("localhost.example.org",)),
        ("10.0.0.1", ("10.0.0.1",)),
    ],
)
def test_this_machine_needs_no_name_server(host: str, expected: tuple[str, ...]) -> None:
    """Localhost is known without asking, so no silent name server can hold it up."""
    assert addresses(host) == expected
