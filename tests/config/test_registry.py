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


class Job(Value):
    """A table with a name."""

    name: str
    command: str  # no default: it has to be said
    limits: Limits = Limits()
    health: Health | None = None
    ports: tuple[int, ...] = ()


class WithJobs(Settings):
    """What Settings looks like with one more field."""

    jobs: tuple[Job, ...] = ()


def unfinished(whole: Settings) -> Iterable[tuple[str, str]]:
    """Yield jobs that listen nowhere."""
    assert isinstance(whole, WithJobs)
    return [(f"jobs.{each.name}", "listens nowhere") for each in whole.jobs if each.ports == (0,)]


ENTRY = Section(
    "jobs",
    Job,
    named=True,
    parts=(Part("limits", Limits, "limits"), Part("health", Health, below=True)),
    least=(("interval", 1.0),),
    check=unfinished,
)
TEXT = """\
[limits]
timeout = "9s"
[jobs.web]
command = "bun"
max_memory = "5MB"
ports = [80, 443]
[jobs.web.health]
url = "http://localhost"
[jobs.db]
command = "redis"
"""


@pytest.fixture(autouse=True)
def with_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the entry and the field to the registry, as an edit of settings.py would."""
    monkeypatch.setattr(settings, "SECTIONS", (*settings.SECTIONS, ENTRY))
    monkeypatch.setattr(settings, "Settings", WithJobs)


def test_its_tables_become_values() -> None:
    """Keys, inherited keys and tables below end in the fields of the section's types."""
    made = compose_documents([parse("f", TEXT)]).settings
    assert isinstance(made, WithJobs)
    web, db = made.jobs
    assert web == Job(
        "web", "bun", Limits(timeout=9.0, max_memory=5 << 20), Health("http://localhost", 30.0), (80, 443)
    )
    assert db == Job("db", "redis", Limits(timeout=9.0))


def test_its_keys_are_told_like_all_others() -> None:
    """Every key in force is told with its origin, those of a table below too."""
    told = {".".join(path): entry for path, _, entry in in_force(compose_documents([parse("f", TEXT)]))}
    assert told["jobs.web.health.url"].value == "http://localhost"
    assert told["jobs.web.health.url"].origin == "f"
    assert told["jobs.web.timeout"].value == 9.0
    assert told["jobs.db.health.url"].value is None


WRONG = {
    "[jobs.web.health]\nurk = 1": "f:2: jobs.web.health.urk: is not known; did you mean url?",
    "[jobs.web]\nhealth = 1": "f:2: jobs.web.health: found 1, expected a table [jobs.web.health]",
    "[jobs.web.health]\ninterval = 0.5": "f:2: jobs.web.health.interval: found 0.5, expected a ",
    '[jobs.web]\ncommand = "x"\nports = [0]': "f:1: jobs.web: listens nowhere",
    "[jobs.web]\nports = [1]": "f:1: jobs.web: says no command, expected a text",
    "[jobs.web]\nports = 1": "f:2: jobs.web.ports: found 1, expected tuple[int, ...]",
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
    assert {"Jobs", "Jobs.health"} <= definitions.keys()


def test_it_can_be_kept() -> None:
    """Values of the new types go into the cache and come back."""
    made = compose_documents([parse("f", TEXT)]).settings
    classes = {"WithJobs": WithJobs, "Job": Job, "Health": Health} | settings.CLASSES
    assert cache.unpack(cache.pack(made), classes) == made


def test_its_keys_are_found_by_their_dotted_name() -> None:
    """get, set and flags find the key of a table below."""
    assert tables.find_key("jobs.web.health.interval")[1].least == 1.0
