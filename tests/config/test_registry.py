"""A new section is one entry: its keys, its tables below, its checks and its schema come by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from guardian.config import cache, settings, tables
from guardian.config.compose import compose_documents, in_force
from guardian.config.document import parse
from guardian.config.schema import schema
from guardian.config.settings import Part, Section, Settings
from guardian.errors import ConfigError
from guardian.policy.limits import Limits
from guardian.values import Value

if TYPE_CHECKING:
    from guardian.units import Duration


class Health(Value):
    """A table below."""

    url: str = ""
    interval: Duration = 30.0


class Service(Value):
    """A table with a name."""

    name: str
    command: str  # no default: it has to be said
    limits: Limits = Limits()
    health: Health | None = None
    ports: tuple[int, ...] = ()


class WithServices(Settings):
    """What Settings looks like with one more field."""

    services: tuple[Service, ...] = ()


def unfinished(whole: Settings) -> Iterable[tuple[str, str]]:
    """Yield services that listen nowhere."""
    assert isinstance(whole, WithServices)
    return [(f"services.{each.name}", "listens nowhere") for each in whole.services if each.ports == (0,)]


ENTRY = Section(
    "services",
    Service,
    named=True,
    parts=(Part("limits", Limits, "limits"), Part("health", Health, below=True)),
    least=(("interval", 1.0),),
    check=unfinished,
)
TEXT = """\
[limits]
timeout = "9s"
[services.web]
command = "bun"
max_memory = "5MB"
ports = [80, 443]
[services.web.health]
url = "http://localhost"
[services.db]
command = "redis"
"""


@pytest.fixture(autouse=True)
def with_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the entry and the field to the registry, as an edit of settings.py would."""
    monkeypatch.setattr(settings, "SECTIONS", (*settings.SECTIONS, ENTRY))
    monkeypatch.setattr(settings, "Settings", WithServices)


def test_its_tables_become_values() -> None:
    """Keys, inherited keys and tables below end in the fields of the section's types."""
    made = compose_documents([parse("f", TEXT)]).settings
    assert isinstance(made, WithServices)
    web, db = made.services
    assert web == Service(
        "web", "bun", Limits(timeout=9.0, max_memory=5 << 20), Health("http://localhost", 30.0), (80, 443)
    )
    assert db == Service("db", "redis", Limits(timeout=9.0))


def test_its_keys_are_told_like_all_others() -> None:
    """Every key in force is told with its origin, those of a table below too."""
    told = {".".join(path): entry for path, _, entry in in_force(compose_documents([parse("f", TEXT)]))}
    assert told["services.web.health.url"].value == "http://localhost"
    assert told["services.web.health.url"].origin == "f"
    assert told["services.web.timeout"].value == 9.0
    assert told["services.db.health.url"].value is None


WRONG = {
    "[services.web.health]\nurk = 1": "f:2: services.web.health.urk: is not known; did you mean url?",
    "[services.web]\nhealth = 1": "f:2: services.web.health: found 1, expected a table [services.web.health]",
    "[services.web.health]\ninterval = 0.5": "f:2: services.web.health.interval: found 0.5, expected a ",
    '[services.web]\ncommand = "x"\nports = [0]': "f:1: services.web: listens nowhere",
    "[services.web]\nports = [1]": "f:1: services.web: says no command, expected a text",
    "[services.web]\nports = 1": "f:2: services.web.ports: found 1, expected tuple[int, ...]",
}


@pytest.mark.parametrize("text", WRONG)
def test_its_wrong_input_gets_one_line(text: str) -> None:
    """Wrong keys, tables, values and wholes of the new section are named like all others (P10)."""
    with pytest.raises(ConfigError) as error:
        compose_documents([parse("f", text)])
    assert str(error.value).startswith(WRONG[text])


def test_it_is_in_the_schema() -> None:
    """The schema of the file has the section, its keys and the table below."""
    definitions = schema()["$defs"]
    assert isinstance(definitions, dict)
    assert {"Services", "Services.health"} <= definitions.keys()


def test_it_can_be_kept() -> None:
    """Values of the new types go into the cache and come back."""
    made = compose_documents([parse("f", TEXT)]).settings
    classes = {"WithServices": WithServices, "Service": Service, "Health": Health} | settings.CLASSES
    assert cache.unpack(cache.pack(made), classes) == made


def test_its_keys_are_found_by_their_dotted_name() -> None:
    """get, set and flags find the key of a table below."""
    assert tables.find_key("services.web.health.interval")[1].least == 1.0
