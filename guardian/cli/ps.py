"""`guardian ps`: the services of this project. A Typer app that other programs mount as their own.

    app.add_typer(guardian.cli.ps.app, name="ps")

There, too, an error is one line on stderr and the exit code of guardian's table.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, NoReturn, ParamSpec

import typer

from guardian.cli.edge import at_the_edge
from guardian.cli.quick import START_WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable

Given = ParamSpec("Given")

app = typer.Typer(
    name="ps",
    help="The services of this project: list, start, stop, restart, look at them and their logs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NAMES = "NAME|GROUP|GLOB"  # Typer adds brackets and dots
Some = Annotated[list[str], typer.Argument(metavar=NAMES, help="Which; `all` for all.")]
SomeOrAll = Annotated[list[str] | None, typer.Argument(metavar=NAMES, help="Which; all without it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="Wait no longer than this; 0: for ever.")
]
Lines = Annotated[str, typer.Option("-n", "--lines", metavar="N", help="How many of the last lines, or all.")]


def on_the_edge(work: Callable[Given, int]) -> Callable[Given, NoReturn]:
    """Let a command end with its exit code and errors as one line in whatever program it is mounted."""

    @functools.wraps(work)
    def command(*given: Given.args, **named: Given.kwargs) -> NoReturn:
        raise typer.Exit(at_the_edge(lambda: work(*given, **named)))

    return command


@app.command(name="list")
@on_the_edge
def list_(names: SomeOrAll = None, *, as_json: Json = False) -> int:
    """Show how services stand: state, pid, uptime, restarts, health, and why."""
    from guardian.cli.ps_list import list_services

    return list_services(names or [], as_json=as_json)


@app.command()
@on_the_edge
def start(
    names: Some,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when they are ready.")] = True,
    timeout: Timeout = START_WITHIN,
    as_json: Json = False,
) -> int:
    """Start services, and what they depend on. Exit 1 when one did not become ready; it is tried further."""
    from guardian.cli.ps_ask import ask

    return ask("start", names, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
@on_the_edge
def stop(
    names: Some,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when their trees are gone.")] = True,
    timeout: Timeout = "0",
    force: Annotated[bool, typer.Option("--force", help="SIGKILL at once, without asking.")] = False,
    as_json: Json = False,
) -> int:
    """Stop services, whole trees, within each one's stop_timeout. Exit 1 when something would not go."""
    from guardian.cli.ps_ask import ask

    return ask("kill" if force else "stop", names, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
@on_the_edge
def restart(
    names: Some,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when they are ready again.")] = True,
    timeout: Timeout = START_WITHIN,
    as_json: Json = False,
) -> int:
    """End services and start them again; nothing old is left when the new one starts."""
    from guardian.cli.ps_ask import ask

    return ask("restart", names, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
@on_the_edge
def status(names: SomeOrAll = None, *, as_json: Json = False) -> int:
    """Tell everything about services: why they are as they are, health, limits, log files."""
    from guardian.cli.ps_status import tell

    return tell(names or [], as_json=as_json)


@app.command()
@on_the_edge
def logs(
    names: SomeOrAll = None,
    *,
    lines: Lines = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes, until ^C.")] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="Only of so long ago and later.")
    ] = "",
    grep: Annotated[
        str, typer.Option("--grep", metavar="REGEX", help="Only lines in which this is found.")
    ] = "",
    stream: Annotated[str, typer.Option("--stream", metavar="out|err", help="Only this stream.")] = "",
    times: Annotated[bool, typer.Option("-t", "--times", help="Begin each line with its time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one record a line.")] = False,
) -> int:
    """Show what services printed, the last 50 lines, or all since a time; works without a daemon too."""
    from guardian.cli.ps_logs import Wish, show_logs

    wish = Wish(lines=lines, follow=follow, since=since, grep=grep, stream=stream)
    return show_logs(names or [], wish, times=times, as_json=as_json)


@app.command()
@on_the_edge
def stats(
    names: SomeOrAll = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, every two seconds, until ^C.")] = False,
    as_json: Json = False,
) -> int:
    """Show what services use: CPU, memory of the whole tree (shared pages once), processes."""
    from guardian.cli.ps_stats import show_stats

    return show_stats(names or [], watch=watch, as_json=as_json)


@app.command(name="signal")
@on_the_edge
def signal_(
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="Such as HUP, SIGUSR1 or 10.")],
    names: Some,
    *,
    as_json: Json = False,
) -> int:
    """Send a signal to the main process of services. Exit 1 when one does not run."""
    from guardian.cli.ps_ask import send

    return send(signal, names, as_json=as_json)


@app.command()
@on_the_edge
def remove(names: Some, *, as_json: Json = False) -> int:
    """Stop services that were added by a program, and forget them; others leave with guardian.toml."""
    from guardian.cli.ps_ask import forget

    return forget(names, as_json=as_json)
