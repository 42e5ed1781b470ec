"""`config import` of services: processes.json, a Procfile, pm2's apps; what they mean, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from place import Place

from guardian.config.compose import compose_documents
from guardian.config.document import parse
from guardian.config.importers import Imported, import_file
from guardian.errors import ConfigError
from guardian.services.order import roster
from guardian.services.spec import HealthSpec, ServiceSpec

MB = 1 << 20
Import = Callable[[str, object], Imported]


@pytest.fixture
def imported(place: Place, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Import a file of this name and content, which lies in the working directory."""
    monkeypatch.chdir(place.project)

    def run(name: str, content: object) -> Imported:
        path = place.project / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return import_file(str(path), environ=place.environ)

    return run


def specs(of: Imported) -> dict[str, ServiceSpec]:
    """Return the services that the text of an import means."""
    services = compose_documents([parse("f", of.text)]).settings.services
    return dict(roster(services).specs)


SEED = {
    "name": "web-server",
    "command": "bun",
    "args": ["run", "server.ts"],
    "env": {"NODE_ENV": "production", "PORT": "3000"},
    "autostart": True,
    "autorestart": True,
    "maxRestarts": 10,
    "restartDelay": 2000,
    "watch": True,
    "watchPaths": ["src/**/*.ts", "public/**/*"],
    "ignoreWatch": ["logs/**", "tmp/**"],
    "watchDebounce": 500,
    "healthCheck": {
        "type": "http",
        "url": "http://localhost:3000/health",
        "interval": 30000,
        "timeout": 5000,
        "retries": 3,
        "startPeriod": 1500,
    },
    "maxMemory": 512,
    "maxCpu": 80,
    "logFile": "./logs/server.log",
    "errorFile": "./logs/server.error.log",
    "group": "api",
    "interpreter": "",
}
WEB = ServiceSpec(
    "web-server",
    "bun",
    args=("run", "server.ts"),
    env={"NODE_ENV": "production", "PORT": "3000"},
    group="api",
    max_restarts=10,
    restart_delay=2.0,
    watch=True,
    watch_paths=("src/**/*.ts", "public/**/*"),
    ignore_watch=("logs/**", "tmp/**"),
    watch_debounce=0.5,
    max_memory=512 * MB,
    max_cpu=80.0,
    log_file="./logs/server.log",
    error_file="./logs/server.error.log",
    health=HealthSpec(url="http://localhost:3000/health", start_period=1.5),
)


@pytest.mark.parametrize(
    "wrapped", [[SEED], {"processes": [SEED]}, {"processManager": {"processes": [SEED]}}], ids=str
)
def test_a_process_config_is_the_same_service(imported: Import, wrapped: object) -> None:
    """Every key of the seeds' ProcessConfig has its place here, in seconds and bytes."""
    found = imported("processes.json", wrapped)
    assert specs(found) == {"web-server": WEB}
    assert found.notes == ()


def test_the_managers_defaults_hold_for_each_process(imported: Import) -> None:
    """What the block says of restarts holds for processes that say nothing; tuixDir is told."""
    block = {
        "tuixDir": ".tuix",
        "autoRestart": False,
        "maxRestarts": 5,
        "processes": [
            {"name": "a", "command": "bun run server.ts"},
            {"name": "b", "command": "x", "autorestart": True, "maxRestarts": 7},
        ],
    }
    found = imported("processes.json", {"processManager": block, "plugins": []})
    assert specs(found) == {
        "a": ServiceSpec("a", "bun run server.ts", autorestart=False, max_restarts=5),
        "b": ServiceSpec("b", "x", max_restarts=7),
    }
    assert found.notes == (
        "plugins: is not about processes; only processManager is imported",
        "processManager.tuixDir: guardian keeps its state in .guardian beside guardian.toml; left out",
    )


CHECKS = {
    "tcp": ({"type": "tcp", "host": "localhost", "port": 8001}, HealthSpec("tcp", port=8001)),
    "output": (
        {"type": "output", "outputPattern": r"Worker processed \d+ jobs", "interval": 10000},
        HealthSpec("output", pattern=r"Worker processed \d+ jobs", interval=10.0),
    ),
    "command": ({"type": "script", "script": "pg_isready -q"}, HealthSpec("script", script="pg_isready -q")),
    "program": (
        {"type": "script", "script": "await fetch('http://x')\nprocess.exit(0)"},
        HealthSpec("script", script="await fetch('http://x')\nprocess.exit(0)", interpreter="bun run"),
    ),
    "http is the default": (
        {"url": "http://x/", "method": "head"},
        HealthSpec(url="http://x/", method="HEAD"),
    ),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_each_type_of_check_is_known(imported: Import, kind: str) -> None:
    """http, tcp, output and script checks of processes.json are checks here."""
    given, expected = CHECKS[kind]
    process = {"name": "x", "command": "x", "healthCheck": given}
    assert specs(imported("processes.json", [process]))["x"].health == expected


TOLD = {
    "0 restarts": (
        {"maxRestarts": 0},
        ServiceSpec("x", "run", autorestart=False),
        "[0].maxRestarts: 0 is autorestart = false here, where max_restarts = 0 means no limit",
    ),
    "a long delay": (
        {"restartDelay": 90000},
        ServiceSpec("x", "run", restart_delay=90.0, max_restart_delay=90.0),
        "[0]: max_restart_delay is raised to 90s, which is its restart_delay",
    ),
    "a group of odd letters": (
        {"group": "my group"},
        ServiceSpec("x", "run", group="my-group"),
        "[0].group: the name 'my group' is my-group here: letters, digits, - and _ only",
    ),
    "a comment": ({"_why": "x"}, ServiceSpec("x", "run"), "[0]._why: is taken for a comment; left out"),
    "a key of another check": (
        {"healthCheck": {"type": "tcp", "port": 1, "url": "http://x"}},
        ServiceSpec("x", "run", health=HealthSpec("tcp", port=1)),
        "[0].healthCheck: url is of no use to a check of type tcp; left out",
    ),
    "a line before args": (
        {"command": "bun run", "args": ["a b"]},
        ServiceSpec("x", "bun", args=("run", "a b")),
        "[0].command: 'bun run' is split at its blanks, before args",
    ),
    "a group with the name of a service": (
        {"group": "x"},
        ServiceSpec("x", "run", group="x-group"),
        "the group x is x-group here, because a service has its name",
    ),
    "a secret": (
        {"env": {"DB_PASSWORD": "x", "MONKEY": "y", "URL": "redis://me:pw@host/1"}},
        ServiceSpec("x", "run", env={"DB_PASSWORD": "x", "MONKEY": "y", "URL": "redis://me:pw@host/1"}),
        "[0]: env: DB_PASSWORD, URL look like a secret and would stand in guardian.toml as it is; "
        "better put it into a file that only you can read, and that into env_files",
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_means_something_else_here_is_told(imported: Import, what: str) -> None:
    """What is said otherwise, or not at all, is named with its place (P10, P11)."""
    keys, spec, note = TOLD[what]
    found = imported("processes.json", [{"name": "x", "command": "run"} | keys])
    assert specs(found) == {"x": spec}
    assert found.notes == (note,)


PROCESS = {"name": "x", "command": "run"}
WRONG = {
    "no JSON": (
        "processes.json",
        "{",
        ":1:2: is not JSON: Expecting property name enclosed in double quotes",
    ),
    "empty": ("processes.json", "", ":1:1: is not JSON: Expecting value"),
    "no object": ("processes.json", "3", ": found 3, expected an object of processes, or a list of them"),
    "no list": (
        "processes.json",
        {"processes": {}},
        ": processes: found a table, expected a list of processes",
    ),
    "nothing": ("processes.json", [], ": describes no service; nothing to import"),
    "no process": ("processes.json", ["x"], ": [0]: found 'x', expected an object of processes"),
    "no name": ("processes.json", [{"command": "x"}], ": [0]: says no name, expected one"),
    "no command": (
        "processes.json",
        [{"name": "x"}],
        ": [0]: says no command, expected a program, or a command line",
    ),
    "a name of signs": (
        "processes.json",
        [{"name": "../", "command": "x"}],
        ": [0]: found the name '../', expected one with a letter or a digit",
    ),
    "unknown key": (
        "processes.json",
        [PROCESS | {"maxRestart": 1}],
        ": [0].maxRestart: is not known; did you mean maxRestarts?",
    ),
    "a text for a number": (
        "processes.json",
        [PROCESS | {"restartDelay": "2s"}],
        ": [0].restartDelay: found '2s', expected a number of milliseconds, 0 or more",
    ),
    "negative": (
        "processes.json",
        [PROCESS | {"maxMemory": -1}],
        ": [0].maxMemory: found -1, expected a number of megabytes, 0 or more",
    ),
    "a number for a text": (
        "processes.json",
        [PROCESS | {"command": 3}],
        ": [0].command: found 3, expected a text",
    ),
    "twice": (
        "processes.json",
        [PROCESS, PROCESS],
        ": [1]: the name x is there twice, expected another one",
    ),
    "a RegExp": (
        "processes.json",
        [PROCESS | {"healthCheck": {"type": "output", "outputPattern": {}}}],
        ": [0].healthCheck.outputPattern: found an object, which is what JSON makes of a RegExp; "
        "write its source as a text",
    ),
    "an incomplete check": (
        "processes.json",
        [PROCESS | {"healthCheck": {}}],
        ': services.x.health: says no url, a check of type "http" needs one',
    ),
    "a wrong type of check": (
        "processes.json",
        [PROCESS | {"healthCheck": {"type": "ping"}}],
        ": services.x.health.type: found 'ping', expected one of 'http', 'tcp', 'output', 'script', 'notify'",
    ),
    "a quote": (
        "processes.json",
        [PROCESS | {"command": "bun 'x"}],
        ': services.x.command: found "bun \'x", expected a program, and every quote closed',
    ),
    "half a character": (
        "processes.json",
        '[{"name": "x", "command": "\\ud800"}]',
        ": holds half of a character (a lone surrogate), which no file can",
    ),
    "NUL": (
        "processes.json",
        [PROCESS | {"cwd": "\0"}],
        ": services.x.cwd: found '\\x00', expected a text",
    ),
    "no line": ("Procfile", "web: x\nrun it\n", ":2: found 'run it', expected NAME: COMMAND LINE"),
    "no command line": ("Procfile", "web:\n", ":1: found 'web:', expected NAME: COMMAND LINE"),
    "a line twice": ("Procfile", "a: x\na: y\n", ": line 2: the name a is there twice, expected another one"),
    "an open quote": ("Procfile", 'a: x "y\n', ":1: found 'x \"y': No closing quotation"),
    "no Procfile": ("Procfile", "# nothing\n", ": describes no service; nothing to import"),
    "no app": ("ecosystem.config.json", {"apps": []}, ": describes no service; nothing to import"),
    "no script": (
        "ecosystem.config.json",
        {"apps": [{"name": "x"}]},
        ": apps[0]: says no script, expected what is to be started",
    ),
    "an alias twice": (
        "ecosystem.config.json",
        {"apps": [{"script": "x", "out": "a", "out_file": "b"}]},
        ": apps[0].out_file: says out_file a second time",
    ),
    "unknown to pm2": (
        "ecosystem.config.json",
        {"apps": [{"script": "x", "max_memory": "1G"}]},
        ": apps[0].max_memory: is not known; did you mean max_memory_restart?",
    ),
    "a size of pm2": (
        "ecosystem.config.json",
        {"apps": [{"script": "x", "max_memory_restart": "lots"}]},
        ": apps[0].max_memory_restart: found 'lots', expected bytes, or a size such as 200M",
    ),
    "too many": (
        "ecosystem.config.json",
        {"apps": [{"script": "x", "instances": 100000}]},
        ": apps[0].instances: found 100000, expected 1 to 1000",
    ),
    "a mode": (
        "ecosystem.config.json",
        {"apps": [{"script": "x", "exec_mode": "swarm"}]},
        ": apps[0].exec_mode: found 'swarm', expected fork or cluster",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_one_line_and_nothing_is_written(imported: Import, place: Place, what: str) -> None:
    """File, place, what was found and what was expected (P10)."""
    name, content, message = WRONG[what]
    with pytest.raises(ConfigError) as error:
        imported(name, content)
    assert str(error.value) == f"{place.project / name}{message}"
    assert not place.file.exists()


@pytest.mark.parametrize("name", ["processes.json", "Procfile", "ecosystem.config.json"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\x02\x01\x01\0\xff", "found the byte 0xff, expected UTF-8"),
        (b"a" * (1 << 20) + b"b", "is larger than 1 MB, expected a configuration"),
    ],
    ids=["binary", "huge"],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """A binary file, or one that nobody wrote by hand, is refused as such (P10)."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError) as error:
        import_file(str(tmp_path / name))
    assert message in str(error.value)
