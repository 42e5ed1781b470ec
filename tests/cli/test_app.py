from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from house import House

from guardian import __version__
from guardian.cli.app import app, start
from guardian.errors import GuardianError, UsageError

COMMANDS = ("status", "cleanup", "monitor", "why", "config")


def commands(group: Any) -> Iterator[Any]:
    """Return every command, those of groups too."""
    for command in group.commands.values():
        yield command
        yield from commands(command) if hasattr(command, "commands") else ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["clenup"], r"clenup.*cleanup.*\(see: guardian --help\)"),
        (["--nope"], r"--nope.*\(see: guardian --help\)"),
        (["cleanup", "--frce"], r"--frce.*--force.*\(see: guardian cleanup --help\)"),
        (["cleanup", "--rule"], r"--rule.*requires an argument"),
        (["cleanup", "all"], r"all.*\(see: guardian cleanup --help\)"),
        (["monitor", "--once=yes"], r"--once.*does not take a value"),
        (["why", "1", "2"], r"2.*\(see: guardian why --help\)"),
        (["config", "shw"], r"shw.*show.*\(see: guardian config --help\)"),
    ],
)
def test_words_that_make_no_sense(house: House, words: list[str], told: str) -> None:
    """A wrong word is an error of one line with the nearest right one, and where to read more (P10)."""
    with pytest.raises(UsageError) as error:
        start(words)
    assert re.search(told, str(error.value)), error.value
    assert "\n" not in str(error.value)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names the program and its version."""
    assert start(["--version"]) == 0
    assert capsys.readouterr().out == f"guardian {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], *([command, "-h"] for command in COMMANDS)])
def test_everything_explains_itself(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Every command has a help text, by either option, and it is no failure to ask."""
    assert start(words) == 0
    assert "Usage: guardian" in capsys.readouterr().out


def test_no_words_show_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`guardian` alone lists the commands, and exits with 2: it has not been told anything."""
    assert start([]) == 2
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)


def test_every_option_is_explained() -> None:
    """No command, no option and no argument stands in the help without a word about it."""
    silent = [
        f"{command.name} {parameter.name}"
        for command in commands(typer.main.get_command(app))
        for parameter in (command, *command.params)
        if not getattr(parameter, "help", "")
    ]
    assert silent == []


def test_an_error_of_a_command_is_not_taken_for_a_word(house: House) -> None:
    """What a command itself refuses reaches the edge as it is (P10)."""
    house.write_config("[limits]\ntimeout = -1\n")
    with pytest.raises(GuardianError, match=r"limits\.timeout") as error:
        start(["cleanup"])
    assert "--help" not in str(error.value)
