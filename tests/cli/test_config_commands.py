"""`guardian config …` as it is typed: what it prints, what it changes, what it refuses."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from place import Place
from typer.testing import CliRunner

from guardian.cli.config import app
from guardian.errors import GuardianError

Command = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Surroundings of the test's own, in which it stands."""
    made = Place(tmp_path)
    for name in [name for name in os.environ if name.startswith(("GUARDIAN_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.project)
    return made


def config(*words: str) -> str:
    """Run `guardian config` with these words; return its output, or raise what it raised."""
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, GuardianError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*words: str) -> str:
    """Return the one line that the command ends in, with exit code 2."""
    with pytest.raises(GuardianError) as error:
        config(*words)
    assert error.value.exit_code == 2
    return str(error.value)


def test_show_prints_what_can_be_read_again(place: Place) -> None:
    """`show` prints every key in force; written to a file, that says the same."""
    place.write('[limits]\ntimeout = "1s"\n[rules.x]\nnames = ["x"]\n')
    shown = config("show")
    assert tomllib.loads(shown)["rules"]["x"]["timeout"] == "1s"
    place.write(shown)
    assert config("show") == shown


def test_show_says_where_each_value_comes_from(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """`show --origin` names file, variable or built-in behind every key."""
    place.write("[limits]\ntimeout = 1\n")
    monkeypatch.setenv("GUARDIAN_LIMITS_GRACE", "2")
    lines = {line.split(" = ")[0]: line for line in config("show", "--origin").split("\n\n")[0].splitlines()}
    assert lines["timeout"].split() == ["timeout", "=", '"1s"', "#", str(place.file)]
    assert lines["grace"].endswith("# GUARDIAN_LIMITS_GRACE")
    assert lines["max_cpu"].endswith("# built-in")


def test_show_as_json_has_plain_numbers(place: Place) -> None:
    """`show --json` gives seconds, bytes and percent, the files, and with --origin where each is from."""
    place.write('[limits]\ntimeout = "1m"\nmax_memory = "2MB"\n')
    data = json.loads(config("show", "--json", "--origin"))
    assert (data["settings"]["limits"]["timeout"], data["settings"]["limits"]["max_memory"]) == (
        60.0,
        2 << 20,
    )
    assert data["settings"]["rules"]["bun-test"]["names"] == ["bun"]
    assert data["sources"] == [str(place.file)]
    assert data["origins"]["rules.bun-test.timeout"] == str(place.file)
    assert "origins" not in json.loads(config("show", "--json"))


GOT = {
    "limits.max_memory": ("1GB", 1 << 30),
    "limits.timeout": ("5m", 300.0),
    "limits.max_cpu": ("80", 80.0),
    "limits.cpu_when": ("spinning", "spinning"),
    "limits.spare_foreground": ("true", True),
    "rules.bun-test.command": ('["*bun test*"]', ["*bun test*"]),
    "journal.keep": ("3", 3),
}


@pytest.mark.parametrize("key", GOT)
def test_get_prints_one_value(place: Place, key: str) -> None:
    """`get KEY` prints the value bare, for scripts; --json the plain number."""
    text, value = GOT[key]
    assert config("get", key) == f"{text}\n"
    assert json.loads(config("get", key, "--json")) == value


def test_get_prints_a_table(place: Place) -> None:
    """`get` of a table prints its keys as a file has them, or as JSON."""
    assert config("get", "monitor") == '[monitor]\ninterval = "10s"\nautostart = true\n'
    assert json.loads(config("get", "monitor", "--json")) == {"interval": 10.0, "autostart": True}
    assert json.loads(config("get", "rules", "--json"))["bun-test"]["victims"] == "oldest"


UNKNOWN = {
    "limits.timeuot": "limits.timeuot: is not known; did you mean limits.timeout?",
    "rules.bun-tests.names": "rules.bun-tests.names: is not known; did you mean rules.bun-test.names?",
    "rules.bun-tset": "rules.bun-tset: is not known; did you mean rules.bun-test?",
    "zzzzzzzzzzzz": "zzzzzzzzzzzz: is not known; known are alerts, journal, limits, monitor, protect, rules",
}


@pytest.mark.parametrize("key", UNKNOWN)
def test_get_of_no_key_names_the_nearest(place: Place, key: str) -> None:
    """A key that is not there is one line with the nearest that is (P10)."""
    assert refusal("get", key) == UNKNOWN[key]


def test_set_and_get_agree(place: Place) -> None:
    """What `set` wrote is told, and `get` gives it; a value that `get` printed can be set."""
    assert config("set", "limits.max_memory", "1.5GiB") == f'{place.file}: limits.max_memory = "1.5GiB"\n'
    assert config("get", "limits.max_memory") == "1536MB\n"
    config("set", "rules.web.names", '["node", "a,b"]')
    config("set", "rules.web.names", config("get", "rules.web.names").rstrip("\n"))
    assert json.loads(config("get", "rules.web.names", "--json")) == ["node", "a,b"]


def test_set_for_the_user(place: Place) -> None:
    """`set --user --json` tells which file was changed."""
    told = json.loads(config("set", "--user", "limits.grace", "1s", "--json"))
    assert told == {"file": str(place.user_file), "key": "limits.grace", "value": '"1s"'}
    assert config("get", "limits.grace") == "1s\n"


def test_set_refuses_and_writes_nothing(place: Place) -> None:
    """A wrong value is one line, and no file appears (P10)."""
    assert refusal("set", "limits.max_concurrent", "2.5").startswith("limits.max_concurrent: found 2.5, ")
    assert not place.file.exists()


def test_validate_names_the_files(place: Place) -> None:
    """`validate` tells each file that is in force and right; without any, that there is none."""
    assert config("validate") == "no guardian.toml: built-in settings\n"
    place.write_user("")
    place.write("")
    assert config("validate") == f"{place.user_file}: valid\n{place.file}: valid\n"
    assert json.loads(config("validate", "--json")) == {
        "valid": True,
        "sources": [str(place.user_file), str(place.file)],
    }


def test_validate_one_file(place: Place) -> None:
    """`validate FILE` looks at that file alone, and refuses it with file, line and key (P10)."""
    place.write("[limits]\nwrong = 1")
    (place.project / "other.toml").write_text('[limits]\ntimeout = "1s"')
    assert config("validate", "other.toml") == f"{place.project}/other.toml: valid\n"
    assert refusal("validate", "guardian.toml").startswith(f"{place.file}:2: limits.wrong: is not known")
    assert refusal("validate", "nowhere.toml").startswith(f"{place.project}/nowhere.toml: does not exist")


def test_the_example_is_valid(place: Place) -> None:
    """The guardian.toml at the root passes `validate`."""
    example = Path(__file__).parents[2] / "guardian.toml"
    place.write(example.read_text(encoding="utf-8"))
    assert config("validate") == f"{place.file}: valid\n"


def test_schema_is_json(place: Place) -> None:
    """`schema` prints a JSON Schema, also where the configuration is wrong."""
    place.write("[limits]\nwrong = 1")
    assert json.loads(config("schema"))["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_import_prints_or_writes(place: Place) -> None:
    """`import` prints a guardian.toml; --write makes one that is in force, and replaces nothing unasked."""
    old = place.project / "bun-process-config.json"
    old.write_text('{"maxConcurrentProcesses": 5}')
    printed = config("import", "bun-process-config.json")
    assert tomllib.loads(printed) == {"rules": {"bun": {"names": ["bun"], "max_concurrent": 5}}}
    assert json.loads(config("import", str(old), "--json")) == {"toml": printed, "file": None, "notes": []}
    assert config("import", str(old), "--write") == f"{place.file}: written\n"
    assert config("get", "rules.bun.max_concurrent") == "5\n"
    assert refusal("import", str(old), "--write") == (
        f"{place.file}:3: rules.bun: is there already; --force replaces it; nothing was written"
    )


def test_it_can_be_mounted(place: Place) -> None:
    """The commands are a Typer app of their own, which `guardian` mounts as `config`."""
    outer = typer.Typer()
    outer.add_typer(app, name="config")
    result = CliRunner().invoke(outer, ["config", "get", "limits.timeout"])
    assert (result.exit_code, result.output) == (0, "5m\n")
