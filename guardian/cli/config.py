"""`guardian config`: show, get, set, validate, schema, import, export."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from guardian.cli.edge import say
from guardian.cli.tables import on_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
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
