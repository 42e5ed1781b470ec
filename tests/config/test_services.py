"""[services.NAME] in guardian.toml: what becomes of it, and what is said about mistakes."""

from __future__ import annotations

import marshal
import tomllib

import pytest
from place import Place

from guardian.config import cache, render
from guardian.config.compose import compose_documents, in_force
from guardian.config.document import parse
from guardian.config.edit import set_key
from guardian.config.schema import schema
from guardian.config.settings import CLASSES, Settings
from guardian.errors import ConfigError
from guardian.services.spec import HealthSpec, ServiceSpec

MB = 1 << 20
TEXT = """\
[services.web]
command = "bun"
args = ["run", "server.ts"]
group = "api"
autostart = true
autorestart = "on-failure"
max_restarts = 10
restart_delay = "2s"
backoff_multiplier = 1.5
max_memory = "512MB"
max_cpu = "80%"
stop_timeout = "10s"
depends_on = ["db"]
watch = true
watch_paths = ["src/**/*.ts"]
ignore_watch = ["node_modules/**"]
watch_debounce = "500ms"
log_file = "logs/web.log"
env = { PORT = "8080", "odd name" = "ü \\"quoted\\"" }
rlimits = { nofile = 4096, core = -1 }
[services.web.health]
type = "http"
url = "http://localhost:3000/health"
interval = "30s"
timeout = "5s"
retries = 3
start_period = "10s"
[services.web.ready]
type = "output"
pattern = "listening on \\\\d+"
[services.db]
command = "postgres -D data"
autorestart = false
"""


def read(text: str) -> Settings:
    """Return what a file of this text says by itself."""
    return compose_documents([parse("f", text)]).settings


def test_a_service_is_what_its_table_says() -> None:
    """Every kind of key of the table and of those below ends in its field, in seconds and bytes."""
    web, db = read(TEXT).services
    assert web == ServiceSpec(
        "web",
        "bun",
        args=("run", "server.ts"),
        group="api",
        autorestart="on-failure",
        restart_delay=2.0,
        backoff_multiplier=1.5,
        max_memory=512 * MB,
        max_cpu=80.0,
        depends_on=("db",),
        watch=True,
        watch_paths=("src/**/*.ts",),
        ignore_watch=("node_modules/**",),
        watch_debounce=0.5,
        log_file="logs/web.log",
        env={"PORT": "8080", "odd name": 'ü "quoted"'},
        rlimits={"nofile": 4096, "core": -1},
        health=HealthSpec(url="http://localhost:3000/health"),
        ready=HealthSpec("output", pattern=r"listening on \d+"),
    )
    assert db == ServiceSpec("db", "postgres -D data", autorestart=False)


def test_it_is_kept_in_the_cache() -> None:
    """`guardian run` does not read the file again because it has services (P12)."""
    settings = read(TEXT)
    packed = marshal.loads(marshal.dumps(cache.pack(settings), cache.FORMAT))
    assert cache.unpack(packed, CLASSES) == settings


def test_what_is_shown_can_be_read_again() -> None:
    """`config show` prints services so that a file of it means the same."""
    composed = compose_documents([parse("f", TEXT)])
    text = render.as_toml(in_force(composed))
    assert read(text) == composed.settings
    assert "[services.db.health]" not in text  # it has none


WRONG = {
    'autorestart = "always"': "autorestart: found 'always', expected true, false or \"on-failure\"",
    "env = { PORT = 80 }": 'env: found a table, expected a table of texts such as { PORT = "80" }',
    "rlimits = { files = 1 }": "rlimits: found {'files': 1}, expected whole numbers, -1 for unlimited, of as",
    "backoff_multiplier = 0": "backoff_multiplier: found 0.0, expected a number from 1 to 100",
    'stop_signal = "TERN"': "stop_signal: found 'TERN', expected a signal such as TERM, INT or QUIT",
    "max_restart = 1": "max_restart: is not known; did you mean max_restarts?",
    'depends_on = ["dbs"]': "depends_on: no service or group is called dbs; did you mean db?",
    'depends_on = ["web"]': "depends_on: goes in a circle: web → web; take one of these out",
    "restart_delay = 90": "restart_delay: found 90s, but max_restart_delay is 1m",
    "command = 'bun run \"x'": "command: found 'bun run \"x', expected a program, and every quote closed",
}


@pytest.mark.parametrize(("line", "message"), WRONG.items())
def test_a_mistake_is_told_with_its_line(line: str, message: str) -> None:
    """Whoever finds it, the reader of the file or the services: one line with file, line and key (P10)."""
    command = "" if line.startswith("command") else 'command = "x"'
    text = f'[services.db]\ncommand = "x"\n[services.web]\n{line}\n{command}'
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"f:4: services.web.{message}")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('type = "tcp"', 'f:3: services.web.health: says no port, a check of type "tcp" needs one'),
        ('type = "tcp"\nport = 70000', "f:5: services.web.health.port: found 70000, expected a port"),
        ('url = "localhost"', "f:4: services.web.health.url: found 'localhost', expected http://HOST"),
        ('type = "output"\npattern = "("', "f:5: services.web.health.pattern: found '(', expected a regular"),
        ('type = "ping"', "f:4: services.web.health.type: found 'ping', expected one of 'http', 'tcp'"),
    ],
)
def test_a_mistake_in_a_check_is_told_with_its_line(table: str, message: str) -> None:
    """The table below is told of like any other (P10)."""
    with pytest.raises(ConfigError) as caught:
        read(f'[services.web]\ncommand = "x"\n[services.web.health]\n{table}')
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("autorestart", "false", False),
        ("autorestart", "on-failure", "on-failure"),
        ("backoff_multiplier", "1.5", 1.5),
        ("env", '{ PORT = "1", A = "b" }', {"PORT": "1", "A": "b"}),
        ("rlimits", "{nofile = 5}", {"nofile": 5}),
        ("health.retries", "5", 5),
    ],
)
def test_keys_are_set_from_a_command_line(place: Place, key: str, text: str, found: object) -> None:
    """`config set` takes every kind of key of a service."""
    place.write('[services.web]\ncommand = "x"\n[services.web.health]\nurl = "http://x"')
    set_key(f"services.web.{key}", text, environ=place.environ, cwd=str(place.project))
    value: object = place.load().services[0]
    for word in key.split("."):
        value = getattr(value, word)
    assert value == found


@pytest.mark.parametrize(
    ("key", "text"), [("env", "PORT=1"), ("backoff_multiplier", "many"), ("rlimits", "{")]
)
def test_what_cannot_be_set_is_refused(place: Place, key: str, text: str) -> None:
    """A text that is no value of that kind leaves the file as it was (P10)."""
    file = place.write('[services.web]\ncommand = "x"')
    with pytest.raises(ConfigError, match=rf"services\.web\.{key}: found '"):
        set_key(f"services.web.{key}", text, environ=place.environ, cwd=str(place.project))
    assert tomllib.loads(file.read_text()) == {"services": {"web": {"command": "x"}}}


def test_the_schema_knows_services_and_their_checks() -> None:
    """Editors are told what may stand in a service, and that a command has to."""
    definitions = schema()["$defs"]
    assert isinstance(definitions, dict)
    assert {"Services", "Services.health", "Services.ready"} <= definitions.keys()
    assert "autorestart" in definitions["Services"]["properties"]
