"""From the Python API's configuration to a service, and every fault by its field."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from guardian import ConfigError, HealthCheck, ProcessConfig, ProcessManagerConfig
from guardian.manager.config import OWN_NAMES, spec_of
from guardian.services.spec import HealthSpec, ServiceSpec

PLAIN = ProcessManagerConfig()
OTHERWISE = {"autostart", "autorestart", "max_restarts"}  # the seed's defaults, or the manager's


@pytest.mark.parametrize(("ours", "theirs"), [(ProcessConfig, ServiceSpec), (HealthCheck, HealthSpec)])
def test_python_has_every_field_of_the_file(ours: type, theirs: type) -> None:
    """Whatever a guardian.toml can say of a service the Python API can say, in the same order."""
    names = [OWN_NAMES.get(each.name, each.name) for each in fields(ours)]
    assert names == list(theirs._fields)  # type: ignore[attr-defined]


def test_nothing_said_means_what_the_file_means() -> None:
    """A configuration of name and command has the defaults of a file, but for the manager's own."""
    made = spec_of(ProcessConfig("web", "sleep 9"), PLAIN)
    plain = ServiceSpec("web", "sleep 9")
    different = {key for key in ServiceSpec._fields if getattr(made, key) != getattr(plain, key)}
    assert different == {"autostart"}
    assert (made.autorestart, made.max_restarts) == (True, 10)
    check = spec_of(ProcessConfig("web", "x", health_check=HealthCheck(url="http://localhost:1/")), PLAIN)
    assert check.health == HealthSpec(url="http://localhost:1/")


def test_units_are_read() -> None:
    """Texts with units and bare numbers mean seconds and bytes; paths and patterns are texts."""
    config = ProcessConfig(
        "web",
        Path("/bin/sleep"),
        ["9", Path("/tmp")],
        cwd=Path("sub"),
        env={"PORT": "80", "GONE": None},
        restart_delay="500ms",
        stop_timeout=3,
        max_memory="512MB",
        log_max_size=8192,
        max_cpu="80%",
        log_file=Path("logs/a.log"),
        health_check=HealthCheck(
            type="output", output_pattern=re.compile("up|down", re.IGNORECASE), start_period="2m"
        ),
    )
    made = spec_of(config, PLAIN)
    assert made.argv == ("/bin/sleep", "9", "/tmp")
    assert (made.cwd, made.log_file, dict(made.env)) == ("sub", "logs/a.log", {"PORT": "80"})
    assert (made.restart_delay, made.stop_timeout) == (0.5, 3.0)
    assert (made.max_memory, made.log_max_size, made.max_cpu) == (512 << 20, 8192, 80.0)
    assert made.health is not None
    assert (made.health.pattern, made.health.start_period) == ("(?i)up|down", 120.0)


@pytest.mark.parametrize(
    ("flags", "text"),
    [(0, "a.b"), (re.ASCII, "(?a)a.b"), (re.IGNORECASE | re.DOTALL, "(?is)a.b"), (re.VERBOSE, "(?x)a.b")],
)
def test_the_flags_of_a_pattern_stay(flags: int, text: str) -> None:
    """A compiled pattern means the same after its way through JSON."""
    check = HealthCheck(type="output", output_pattern=re.compile("a.b", flags))
    made = spec_of(ProcessConfig("web", "x", health_check=check), PLAIN).health
    assert made is not None
    assert made.pattern == text
    assert re.compile(made.pattern).flags == re.compile("a.b", flags).flags


def test_the_manager_speaks_where_a_service_is_silent() -> None:
    """auto_restart and max_restarts of the manager hold for services that say nothing themselves."""
    manager = ProcessManagerConfig(auto_restart="on-failure", max_restarts=3)
    silent = spec_of(ProcessConfig("web", "x"), manager)
    own = spec_of(ProcessConfig("web", "x", autorestart=False, max_restarts=0), manager)
    assert (silent.autorestart, silent.max_restarts) == ("on-failure", 3)
    assert (own.autorestart, own.max_restarts) == (False, 0)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": "a b"}, "a b.name: found 'a b', expected letters, digits, - and _"),
        ({"command": " "}, "web.command: found ' ', expected a program, or a command line"),
        ({"command": 7}, "web.command: found 7, expected a text"),
        ({"max_memory": "lots"}, "web.max_memory: found 'lots', expected a size such as 512MB"),
        ({"restart_delay": -1}, "web.restart_delay: found -1, expected a duration"),
        ({"args": "one"}, "web.args: found 'one', expected a list of texts"),
        ({"autorestart": "sometimes"}, "web.autorestart: found 'sometimes', expected true, false or"),
        ({"max_restarts": 1.5}, "web.max_restarts: found 1.5, expected a whole number"),
        ({"env": {"PORT": 80}}, "web.env: found"),
        ({"rlimits": {"nofiles": 1}}, "web.rlimits: found"),
        ({"stop_signal": "BOOM"}, "web.stop_signal: found 'BOOM', expected a signal"),
        ({"health_check": {"type": "tcp"}}, "web.health: expected a HealthCheck, or None"),
        ({"health_check": HealthCheck()}, "web.health: says no url"),
        ({"health_check": HealthCheck(type="tcp", port="80")}, "web.health.port: found '80'"),
        ({"ready": HealthCheck(type="output", output_pattern="(")}, "web.ready.pattern: found '('"),
        ({"health_check": HealthCheck(type="tcp", port=1, url="http://x")}, "web.health.url: is for checks"),
    ],
)
def test_a_fault_names_its_field(fields: dict[str, object], complaint: str) -> None:
    """Each fault is one line: the service, the field, what was found, what was expected (P10)."""
    config = ProcessConfig(**{"name": "web", "command": "x", **fields})  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        spec_of(config, PLAIN)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)
