"""`guardian run` as a Typer command, made of the same table of options that the light entry parses by."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated

import typer

from guardian.cli.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.cli.options import Option

Command = Annotated[list[str], typer.Argument(metavar="COMMAND…", help="What to run, with its arguments.")]


def run_command() -> Callable[..., int]:
    """Return a function whose signature Typer can turn into options and help."""

    def run(**given: object) -> int:
        """Run a command under limits: wait for a slot, end it when it breaks one, leave nothing behind.

        Exit code: the command's own, 128+N for a signal, 124 ended for time, 122 ended for a resource,
        75 not admitted, 125 guardian itself failed, 126 cannot be executed, 127 not found.
        """
        from guardian.cli.run import main  # late: the light entry does not need this module

        return main(_words(given))

    parameters = [_parameter("command", Command, inspect.Parameter.empty), *map(_of_option, OPTIONS)]
    run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": int}
    return run


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _of_option(option: Option) -> inspect.Parameter:
    shown = typer.Option(option.flag, help=option.help, metavar=option.metavar or None, show_default=False)
    if option.metavar:
        return _parameter(option.name, Annotated[str, shown], "")
    return _parameter(option.name, Annotated[bool, shown], False)


def _words(given: dict[str, object]) -> list[str]:
    """Return the words that were typed, as the light entry reads them."""
    words: list[str] = []
    for option in OPTIONS:
        value = given[option.name]
        if value:
            words.append(f"{option.flag}={value}" if option.metavar else option.flag)
    command = given["command"]
    return [*words, "--", *(command if isinstance(command, list) else [])]
