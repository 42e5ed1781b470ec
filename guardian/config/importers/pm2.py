"""pm2's `ecosystem.config.json`: an object with `apps`, or the apps by themselves.

Key names, aliases and units are those of pm2's application declaration
(https://pm2.keymetrics.io/docs/usage/application-declaration/). pm2 starts what it takes for a
program of node with node, stops with SIGINT, and tells instances apart by NODE_APP_INSTANCE.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.importers import fields
from guardian.config.importers.fields import below
from guardian.config.importers.json_file import object_at, objects_at, read_json
from guardian.config.importers.pm2_apps import instances_of, numbered, service
from guardian.config.importers.pm2_keys import ALIASES, APP, CONSIDERED, UNSAID
from guardian.config.importers.services import Services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.config.importers.source import Source, Tables


def recognises(found: object) -> bool:
    """Whether parsed JSON looks like this format."""
    each = found if isinstance(found, list) else [found]
    return any(isinstance(app, dict) and ("apps" in app or "script" in app) for app in each)


def read(source: Source, base: str) -> Tables:
    """Return our tables for the foreign file; ConfigError names file and key of what is wrong."""
    services = Services(source, base)
    for at, found in _apps(source, read_json(source)):
        body = _one_name_each(source, at, found)
        _refuse_unknown(source, at, body)
        name, table = _name(source, at, body), service(source, at, body)
        variable = str(body.get("instance_var") or "NODE_APP_INSTANCE")
        for each, own in numbered(name, table, count=instances_of(source, at, body), variable=variable):
            services.add(at, each, own)
    return services.tables()


def _apps(source: Source, found: object) -> list[tuple[str, dict[str, object]]]:
    if isinstance(found, list):
        return list(objects_at(source, found, "", of="apps"))
    body = object_at(source, found, "", of="apps, or a list of them")
    if "apps" not in body:
        return [("", body)]
    for name in sorted(body.keys() - {"apps"}):
        source.note(words.dotted([name]), "is not about apps; left out")
    apps = body["apps"]
    return list(objects_at(source, [apps] if isinstance(apps, dict) else apps, "apps", of="apps"))


def _one_name_each(source: Source, at: str, body: Mapping[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in body.items():
        own = ALIASES.get(name, name)
        if own in result:
            raise source.fault(below(at, name), f"says {own} a second time")
        result[own] = value
    return result


def _refuse_unknown(source: Source, at: str, body: Mapping[str, object]) -> None:
    other = {name: None for name in body if name.startswith("env_")}
    fields.refuse_unknown(source, at, body, {**APP, **dict.fromkeys(CONSIDERED), **UNSAID, **other})
    for name in other:
        source.note(below(at, name), f"is for pm2's --env {name[4:]}; left out")
    for name, value in body.items():
        if name in UNSAID and value not in (False, None):
            source.note(below(at, name), UNSAID[name])


def _name(source: Source, at: str, body: Mapping[str, object]) -> str:
    if "script" not in body:
        raise source.fault(at, "says no script, expected what is to be started")
    if "name" in body:
        return str(fields.convert(source, below(at, "name"), fields.filled, body["name"]))
    script = fields.convert(source, below(at, "script"), fields.filled, body["script"])
    return os.path.splitext(os.path.basename(str(script).split()[0]))[0]
