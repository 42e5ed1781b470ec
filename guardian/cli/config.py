"""`guardian config`: show, get, set, validate, schema, import, export."""

from __future__ import annotations

import json
import os
import pwd
import sys
from enum import StrEnum
from typing import Annotated

import typer

from guardian.cli.edge import say
from guardian.cli.tables import on_terminal
from guardian.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.config.exporters.project import Exported, Project
    from guardian.config.render import Row

app = typer.Typer(help="Show, check and change what is configured.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document.")]
KEY = "KEY"


@app.command()
def show(
    *,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    as_json: Json = False,
) -> None:
    """Print the settings in force, as a guardian.toml that says everything."""
    from guardian.config import render

    rows, sources = _in_force()
    if not as_json:
        _print_toml(render.as_toml(rows, with_origin=origin))
        return
    data: dict[str, object] = {"settings": render.as_data(rows), "sources": sources}
    if origin:
        data["origins"] = {".".join(path): entry.origin for path, _, entry in rows}
    _print_json(data)


@app.command()
def get(
    key: Annotated[str, typer.Argument(metavar=KEY, help="Such as limits.timeout.")], *, as_json: Json = False
) -> None:
    """Print the value of one key (rules.bun.max_memory), or of all keys of a table (rules.bun)."""
    from guardian.config import render

    rows = render.chosen(_in_force()[0], key)
    path, kind, entry = rows[0]
    if ".".join(path) != key:
        _print_json(_below(render.as_data(rows), key)) if as_json else _print_toml(render.as_toml(rows))
    elif as_json:
        _print_json(entry.value)
    else:
        print(render.as_word(kind, entry.value))


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(metavar=KEY, help="Such as limits.timeout.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help='A list is a,b or ["a", "b,c"].')],
    *,
    user: Annotated[bool, typer.Option("--user", help="In your own file, not in the project's.")] = False,
    as_json: Json = False,
) -> None:
    """Set a key in guardian.toml, which keeps its comments; nothing is written when the result is wrong."""
    from guardian.config.edit import set_key

    done = set_key(key, value, environ=os.environ, user=user)
    if as_json:
        _print_json({"file": done.path, "key": done.key, "value": done.literal})
    else:
        print(f"{done.path}: {done.key} = {done.literal}")


@app.command()
def validate(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Only this file; else all in force.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Check the configuration: nothing wrong, exit 0; else one line, exit 2."""
    from guardian.config.compose import compose
    from guardian.config.load import Request, requested
    from guardian.config.places import named_place

    request = Request(named_place(os.path.abspath(file))) if file else requested(os.environ)
    sources = compose(request).settings.sources
    if as_json:
        _print_json({"valid": True, "sources": sources})
    else:
        print("\n".join(f"{source}: valid" for source in sources) or "no guardian.toml: built-in settings")


@app.command()
def schema() -> None:
    """Print a JSON Schema of guardian.toml, for editors."""
    from guardian.config.schema import schema as whole

    _print_json(whole())


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Such as processes.json or a Procfile.")],
    *,
    form: Annotated[str, typer.Option("--format", help="The format, where the file does not tell.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Add it to ./guardian.toml.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --write: replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Print what another tool's configuration says as a guardian.toml, or add it to the one here.

    Knows processes.json, a Procfile, pm2's ecosystem.config.json, supervisord's ini and
    bun-process-config.json. What cannot be said here is told on stderr.
    """
    from guardian.config.importers import import_file, write_import

    imported = import_file(os.path.abspath(file), form)
    path = write_import(imported, force=force) if write else ""
    if as_json:
        _print_json({"toml": imported.text, "file": path or None, "notes": imported.notes})
        return
    for note in imported.notes:
        say(note)
    if path:
        print(f"{path}: written")
    else:
        _print_toml(imported.text.rstrip("\n"))


class Target(StrEnum):
    """What can be exported."""

    SYSTEMD = "systemd"
    PROCFILE = "procfile"


@app.command()
def export(
    target: Annotated[Target, typer.Argument(metavar="systemd|procfile", help="For whom.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|GROUP", help="For a Procfile; else all services.")
    ] = None,
    *,
    user: Annotated[bool, typer.Option("--user", help="systemd: a unit of your own.")] = False,
    system: Annotated[
        bool, typer.Option("--system", help="systemd: a unit of the system; root's way.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the services here for systemd, as one unit that keeps `guardian up` running, or as a Procfile."""
    from guardian.config.exporters.procfile import procfile
    from guardian.config.exporters.project import project

    if (user or system) and (target is not Target.SYSTEMD or user == system):
        raise UsageError("--user or --system, one of them, say whose unit systemd gets")
    here = project(words or (), os.environ)
    done = (
        procfile(here)
        if target is Target.PROCFILE
        else _unit(here, system=system or (not user and _is_root()))
    )
    if as_json:
        _print_json({"text": done.text, "notes": done.notes})
        return
    for note in done.notes:
        say(note)
    print(done.text)


def _is_root() -> bool:
    return os.geteuid() == 0


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.geteuid())


def _unit(here: Project, *, system: bool) -> Exported:
    from guardian.config.exporters.systemd import unit

    script = os.path.join(os.path.dirname(sys.executable), "guardian")
    program = [script] if os.access(script, os.X_OK) else [sys.executable, "-m", "guardian"]
    owner = _own_name() if system else ""
    return unit(here, program=program, path=os.environ.get("PATH", ""), user=owner)


def _in_force() -> tuple[list[Row], tuple[str, ...]]:
    from guardian.config.compose import compose, in_force
    from guardian.config.load import requested

    composed = compose(requested(os.environ))
    return list(in_force(composed)), composed.settings.sources


def _below(data: object, key: str) -> object:
    for word in key.split("."):
        data = data[word] if isinstance(data, dict) else None
    return data


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=True))


def _print_toml(text: str) -> None:
    if not on_terminal():
        print(text)
        return
    from rich.console import Console  # late: only a terminal pays for it
    from rich.syntax import Syntax

    Console().print(Syntax(text, "toml", theme="ansi_dark", background_color="default"))
