"""The Typer app: every command with its options and help; the work is in a module per command."""

from __future__ import annotations

from typing import Annotated

import typer

from guardian import __version__
from guardian.cli import config as config_commands
from guardian.cli import ps as ps_commands
from guardian.cli.quick import START_WITHIN
from guardian.cli.run_help import run_command
from guardian.errors import GuardianError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="guardian",
    help="Keeps runaway processes from taking a machine down, and keeps wanted ones up.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="run")(run_command())
app.add_typer(config_commands.app, name="config")
app.add_typer(ps_commands.app, name="ps")


def start(words: Sequence[str]) -> int:
    """Run the app on these words; return the exit code. GuardianError for words that make no sense."""
    command = typer.main.get_command(app)
    _show_no_type_of_flags(command)
    try:
        result = command.main(args=list(words), prog_name="guardian", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as ended:  # Typer's own answer to a closed pipe, or to a shell that wants completions
        if isinstance(ended.__context__, BrokenPipeError):
            raise BrokenPipeError from None
        raise
    except typer.TyperException as error:  # Typer brings a click of its own, and names this much of it
        return _refused(error)
    return result if isinstance(result, int) else 0


def _show_no_type_of_flags(command: object) -> None:
    """Let the help say "--once", not "--once <bool>", which reads as if a value had to follow."""
    for parameter in getattr(command, "params", ()):
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _show_no_type_of_flags(below)


def _refused(error: typer.TyperException) -> int:
    """Raise what Typer says of the words as an error of ours; return 2 where it only shows the help."""
    text, context = error.format_message(), getattr(error, "ctx", None)
    if not text or "\n" in text:  # a group without a command; Rich has printed the help itself
        print(text, end="")
        return UsageError.exit_code
    if error.exit_code != UsageError.exit_code:
        raise GuardianError(text) from None
    raise UsageError(f"{text} (see: {context.command_path} --help)" if context else text) from None


def _version(asked: bool) -> None:
    if asked:
        print(f"guardian {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document.")]
OneRule = Annotated[str, typer.Option("--rule", metavar="NAME", help="Only this rule.")]


@app.command()
def status(
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when a launch breaks a rule.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, every two seconds, until ^C.")] = False,
    as_json: Json = False,
) -> int:
    """Show the launches of every rule with what they use and the verdict, and the machine."""
    from guardian.cli.status import report, report_for_ever

    if watch:
        report_for_ever(as_json=as_json)
    return report(as_json=as_json, check=check)


@app.command()
def cleanup(
    *,
    rule: OneRule = "",
    everything: Annotated[bool, typer.Option("--all", help="End every match, not only breaches.")] = False,
    force: Annotated[bool, typer.Option("--force", help="SIGKILL at once, without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be ended; end nothing.")] = False,
    as_json: Json = False,
) -> int:
    """End what breaks the rules now, and see that it is gone. Exit 1 when somebody would not go."""
    from guardian.cli.cleanup import clean

    return clean(rule=rule, everything=everything, force=force, dry_run=dry_run, as_json=as_json)


@app.command()
def monitor(
    *,
    interval: Annotated[
        str, typer.Option("--interval", metavar="DURATION", help="Look at least this often.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="One look, what it leads to, and the end.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background; print the pid.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be ended; end nothing.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON, one record a line.")] = False,
) -> int:
    """Watch the machine and end what breaks the rules, until SIGTERM or ^C; SIGHUP reads the rules again."""
    from guardian.cli.monitor import keep_watch

    return keep_watch(interval=interval, once=once, detach=detach, dry_run=dry_run, log_json=log_json)


@app.command()
def why(
    which: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|PID|SERVICE]", help="A run, a pid or a service; the last one without it."
        ),
    ] = "",
    *,
    as_json: Json = False,
) -> int:
    """Tell the last intervention, that of a run or a pid, or how a service came to be as it is."""
    from guardian.cli.why import tell

    return tell(which, as_json=as_json)


@app.command()
def doctor(*, as_json: Json = False) -> int:
    """Show how processes are contained on this machine and why, and prove it with harmless runaways."""
    from guardian.cli.doctor import examine

    return examine(as_json=as_json)


@app.command()
def events(
    names: ps_commands.SomeOrAll = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one record a line.")] = False,
) -> int:
    """Show what happens to services, as it happens, until ^C."""
    from guardian.cli.events_here import show_events

    return show_events(names or [], as_json=as_json)


@app.command()
def up(
    names: ps_commands.SomeOrAll = None,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="In the background; return when they are ready, 1 when not.")
    ] = False,
    timeout: ps_commands.Timeout = START_WITHIN,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Events only, no output of services.")] = False,
) -> int:
    """Start the services of guardian.toml and keep them running, in the foreground until ^C.

    ^C, SIGTERM and SIGHUP stop them all, a second ^C at once. Where a daemon runs already, it takes
    over what guardian.toml says now, as reload does, and ^C only detaches. With names: only these,
    and what they depend on.
    """
    from guardian.cli.up import Way, bring_up

    return bring_up(names or [], Way(detach=detach, wait=wait, timeout=timeout, quiet=quiet))


@app.command()
def down(
    *,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Force what is left then; 0: stop_timeout.")
    ] = "0",
) -> int:
    """Stop all services of this project, and its daemon. Exit 1 when something would not go."""
    from guardian.cli.up import bring_down

    return bring_down(timeout=timeout)


@app.command()
def reload(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Take what guardian.toml says now: start, stop and restart only what changed."""
    from guardian.cli.up import read_again

    return read_again(dry_run=dry_run, as_json=as_json)
