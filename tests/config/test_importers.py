"""`config import`: what another tool's file says, as a guardian.toml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardian.config.compose import compose_documents
from guardian.config.document import parse
from guardian.config.importers import IMPORTERS, import_file
from guardian.errors import ConfigError, UsageError
from guardian.policy.limits import Limits, Rule
from guardian.procs.match import Selector

SEED = {
    "maxConcurrentProcesses": 3,
    "maxCpuUsagePercent": 80,
    "maxMemoryUsageMB": 1024,
    "processTimeoutMs": 300000,
    "monitoringIntervalMs": 10000,
}


FILES = [importer.files[0] for importer in IMPORTERS]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Where the old scripts kept their limits."""
    path = tmp_path / ".kiro" / "bun-process-config.json"
    path.parent.mkdir()
    return path


def test_the_old_file_becomes_a_rule_for_bun(old: Path) -> None:
    """The seeds' file gives a rule for every bun process with its limits, and the rhythm."""
    old.write_text(json.dumps(SEED))
    assert import_file(str(old)).text == (
        f"# imported from {old}\n\n"
        '[monitor]\ninterval = "10s"\n\n'
        '[rules.bun]\nnames = ["bun"]\n'
        'max_concurrent = 3\nmax_cpu = 80\nmax_memory = "1GB"\ntimeout = "5m"\n'
    )


def test_each_unit_is_converted(old: Path) -> None:
    """Megabytes and milliseconds of any size mean the same as before."""
    given = {
        "maxMemoryUsageMB": 0.5,
        "processTimeoutMs": 1500,
        "maxCpuUsagePercent": 12.5,
        "monitoringIntervalMs": 250,
    }
    old.write_text(json.dumps(given))
    settings = compose_documents([parse("f", import_file(str(old)).text)]).settings
    assert settings.rules == (
        Rule("bun", Selector(("bun",)), Limits(max_memory=1 << 19, timeout=1.5, max_cpu=12.5)),
    )
    assert settings.monitor.interval == 0.25


def test_a_part_of_the_keys_is_enough(old: Path) -> None:
    """What the old file does not say is left to guardian's own defaults; a byte order mark is no matter."""
    old.write_bytes(b"\xef\xbb\xbf{}")
    assert import_file(str(old)).text == f'# imported from {old}\n\n[rules.bun]\nnames = ["bun"]\n'


MEGABYTES = "expected a number of megabytes, 0 or more"
MILLISECONDS = "expected a number of milliseconds"
WRONG = {
    '{"maxMemoryUsageMb": 1}': ": maxMemoryUsageMb: is not known; did you mean maxMemoryUsageMB?",
    '{"zzz": 1}': f": zzz: is not known; known are {', '.join(SEED)}",
    '{"maxMemoryUsageMB": -1}': f": maxMemoryUsageMB: found -1, {MEGABYTES}",
    '{"maxMemoryUsageMB": "1GB"}': f": maxMemoryUsageMB: found '1GB', {MEGABYTES}",
    '{"maxMemoryUsageMB": true}': f": maxMemoryUsageMB: found true, {MEGABYTES}",
    '{"maxMemoryUsageMB": NaN}': f": maxMemoryUsageMB: found nan, {MEGABYTES}",
    '{"processTimeoutMs": 1e400}': f": processTimeoutMs: found inf, {MILLISECONDS}, 0 or more",
    '{"maxConcurrentProcesses": 2.5}': (
        ": maxConcurrentProcesses: found 2.5, expected a number of processes, 0 or more"
    ),
    '{"monitoringIntervalMs": 1}': f": monitoringIntervalMs: found 1, {MILLISECONDS}, at least 100",
    f'{{"processTimeoutMs": {"9" * 400}}}': (
        f": processTimeoutMs: found a number of 1329 bits, {MILLISECONDS}, 0 or more"
    ),
    '{\n"a": 1,\n// no JSON\n}': ":3:1: is not JSON: Expecting property name enclosed in double quotes",
    "[1]": ": found [1], expected an object of limits",
    "3": ": found 3, expected an object of limits",
    "": ":1:1: is not JSON: Expecting value",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:30])
def test_wrong_old_files_get_one_exact_line(old: Path, text: str) -> None:
    """File, key, what was found and what was expected, for foreign files too (P10)."""
    old.write_text(text)
    with pytest.raises(ConfigError) as error:
        import_file(str(old))
    assert str(error.value) == f"{old}{WRONG[text]}"


@pytest.mark.parametrize(
    "text", ["[" * 100000, '{"processTimeoutMs": ' + "9" * 5000 + "}"], ids=["deep", "long"]
)
def test_what_json_cannot_hold_gets_one_line(old: Path, text: str) -> None:
    """Nesting without end, or a number without end, is one line and no traceback (P10)."""
    old.write_text(text)
    with pytest.raises(ConfigError) as error:
        import_file(str(old))
    assert str(error.value).isprintable()
    assert "is not JSON that can be read" in str(error.value)


def test_a_format_can_be_named(tmp_path: Path) -> None:
    """A file of another name is read when its format is said, and only then (P10)."""
    path = tmp_path / "limits.json"
    path.write_text("{}")
    with pytest.raises(ConfigError) as error:
        import_file(str(path))
    assert str(error.value) == (
        f"{path}: has a name and a content that tell no format, expected one of {', '.join(FILES)}; "
        f"or say --format {' | '.join(importer.name for importer in IMPORTERS)}"
    )
    assert "[rules.bun]" in import_file(str(path), "bun-process-config").text
    with pytest.raises(
        UsageError, match=r"^--format bun-config is not known; did you mean bun-process-config\?$"
    ):
        import_file(str(path), "bun-config")


def test_a_file_that_is_not_there_is_one_line(old: Path) -> None:
    """The system's words are passed on (P10)."""
    with pytest.raises(ConfigError) as error:
        import_file(str(old))
    assert str(error.value) == f"{old}: cannot be read: No such file or directory"
