"""What may stand in a service, and what is said when something else does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import service

from guardian.services.faults import FIELDS, HEALTH, RLIMITS, SERVICE, SIGNALS, faults, found
from guardian.services.spec import HealthSpec, ServiceSpec, words_of

ROOT = Path(__file__).parents[2]

# fields of a service → the fault: key, and a part of the message
WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"command": ""}, "command", "expected a program"),
    ({"command": "  "}, "command", "expected a program"),
    ({"command": "serve\0"}, "command", "expected a program"),
    ({"command": "bun run 'server.ts"}, "command", "every quote closed"),
    ({"command": "'' x"}, "command", "every quote closed"),
    ({"interpreter": '"python3'}, "interpreter", "every quote closed"),
    ({"args": "--port"}, "args", "found '--port', expected a list of texts"),
    ({"args": ("--port", 80)}, "args", "expected a list of texts"),
    ({"env": {"A=B": "x"}}, "env", "expected names and texts"),
    ({"env": {"A": 80}}, "env", "expected names and texts"),
    ({"umask": "089"}, "umask", "expected an octal number"),
    ({"umask": 18}, "umask", "expected an octal number"),
    ({"umask": "7777"}, "umask", "expected an octal number"),
    ({"rlimits": {"files": 10}}, "rlimits", "nofile"),
    ({"rlimits": {"nofile": -2}}, "rlimits", "-1 for unlimited"),
    ({"group": "a b"}, "group", "letters, digits"),
    ({"groups": ("ok", "")}, "groups", "letters, digits"),
    ({"autorestart": "always"}, "autorestart", "expected one of true, false, 'on-failure'"),
    ({"autorestart": 1}, "autorestart", "found 1, expected one of true"),
    ({"max_restarts": -1}, "max_restarts", "0 or more"),
    ({"max_restarts": True}, "max_restarts", "found true"),
    ({"restart_delay": float("nan")}, "restart_delay", "found nan"),
    ({"restart_delay": float("inf")}, "restart_delay", "at most ten years"),
    ({"restart_delay": 90.0}, "restart_delay", "found 90s, but max_restart_delay is 1m"),
    ({"backoff_multiplier": 0.5}, "backoff_multiplier", "from 1 to 100"),
    ({"stop_signal": "TERN"}, "stop_signal", "found 'TERN', expected a signal"),
    ({"stop_signal": 15}, "stop_signal", "expected a signal"),
    ({"depends_on": ("",)}, "depends_on", "none of them empty"),
    ({"log_max_size": 10}, "log_max_size", "at least 4096"),
    ({"health": "http"}, "health", "expected a table of a check"),
]

WRONG_CHECKS: list[tuple[dict[str, object], str, str]] = [
    ({"type": "ping"}, "type", "expected one of 'http', 'tcp', 'output', 'script', 'notify'"),
    ({"type": "http"}, "", 'says no url, a check of type "http" needs one'),
    ({"url": "localhost:3000"}, "url", "expected http://HOST"),
    ({"url": "http://"}, "url", "expected http://HOST"),
    ({"url": "http://host:99999/"}, "url", "expected http://HOST"),
    ({"url": "http://host:0/"}, "url", "expected http://HOST"),
    ({"url": "http://a b/"}, "url", "expected http://HOST"),
    ({"url": "http://[::1/"}, "url", "expected http://HOST"),
    ({"url": "http://x", "port": 80}, "port", 'is for checks of type "tcp", this one is of type "http"'),
    ({"url": "http://x", "max_silence": 5.0}, "max_silence", 'of type "output" or "notify"'),
    ({"url": "http://x", "method": "PUT"}, "method", "expected one of 'GET', 'POST', 'HEAD'"),
    ({"url": "http://x", "expected_status": 42}, "expected_status", "from 100 to 599"),
    ({"type": "tcp"}, "", "says no port"),
    ({"type": "tcp", "port": 70000}, "port", "from 1 to 65535"),
    ({"type": "output"}, "", "says no pattern"),
    ({"type": "output", "pattern": "(ready"}, "pattern", "expected a regular expression: "),
    ({"type": "script"}, "", "says no script"),
    ({"type": "tcp", "port": 1, "interval": 0.0}, "interval", "at least 1ms"),
    ({"type": "tcp", "port": 1, "retries": 0}, "retries", "1 or more"),
]


@pytest.mark.parametrize(("fields", "key", "part"), WRONG, ids=lambda value: str(value)[:40])
def test_every_fault_of_a_service_is_told(fields: dict[str, object], key: str, part: str) -> None:
    """A wrong field is one fault, that names the key, what was found and what was expected (P10)."""
    ((where, message),) = faults(service(**fields))
    assert where == key
    assert part in message


@pytest.mark.parametrize(("fields", "key", "part"), WRONG_CHECKS, ids=lambda value: str(value)[:40])
def test_every_fault_of_a_check_is_told(fields: dict[str, object], key: str, part: str) -> None:
    """A wrong field of a check is told with its table, for health and ready alike (P10)."""
    check = HealthSpec(**fields)  # type: ignore[arg-type]
    for table in ("health", "ready"):
        ((where, message),) = faults(service(**{table: check}))
        assert where == f"{table}.{key}".rstrip(".")
        assert part in message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"command": "bun run 'my server.ts'"},
        {"command": "it's", "args": ("x",)},
        {"health": HealthSpec(url="https://user@[::1]:8443/health?deep=1", expected_status=204)},
        {"health": HealthSpec("tcp", port=5432), "ready": HealthSpec("output", pattern=r"ready in \d+ms")},
        {"health": HealthSpec("script", script="process.exit(0)", interpreter="bun run")},
        {"health": HealthSpec("notify", max_silence=5.0)},
        {"env": {"PORT": "80"}, "rlimits": {"nofile": 1024, "core": -1}, "umask": "027"},
        {"autorestart": "on-failure", "stop_signal": "SIGINT", "groups": ("a", "b")},
        {"restart_delay": 0, "stop_timeout": 0, "max_restarts": 0},
    ],
)
def test_what_is_right_has_no_fault(fields: dict[str, object]) -> None:
    """Every kind of check, and every form that is allowed, passes."""
    assert faults(service(**fields)) == ()


def test_all_faults_are_told_at_once() -> None:
    """Three mistakes are three faults, not one and then the next (P10)."""
    wrong = service(command="", umask="9", health=HealthSpec("tcp", retries=0))
    assert [key for key, _ in faults(wrong)] == ["command", "umask", "health.retries", "health"]


def test_the_tables_know_every_field() -> None:
    """A field that is added without a line that says what fits makes this fail."""
    assert tuple(SERVICE) == ServiceSpec._fields
    assert tuple(HEALTH) == HealthSpec._fields
    assert {key for keys in FIELDS.values() for key in keys} <= set(HealthSpec._fields)


def test_the_names_are_those_of_the_system() -> None:
    """Signals and resource limits that we accept are those that Python knows on this system."""
    code = (
        "import resource, signal;"
        "print(*[n[7:].lower() for n in dir(resource) if n.startswith('RLIMIT_')]);"
        "print(*[s.name[3:] for s in signal.Signals])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    rlimits, names = [set(line.split()) for line in run.stdout.splitlines()]
    assert set(SIGNALS) <= names
    assert set(RLIMITS) >= rlimits - {"ofile", "swap", "sbsize", "npts", "kqueues", "vmem"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("/tmp"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)


@given(key=st.sampled_from(ServiceSpec._fields[1:]), value=anything)
def test_whatever_stands_there_nothing_is_raised(key: str, value: object) -> None:
    """The Python API and the protocol may bring anything: it is a fault of that key, or it is none (P10)."""
    for where, message in faults(service(**{key: value})):
        assert where in (key, "restart_delay")
        assert "\n" not in message


@given(key=st.sampled_from(HealthSpec._fields), value=anything, kind=st.sampled_from(sorted(FIELDS)))
def test_whatever_stands_in_a_check_nothing_is_raised(key: str, value: object, kind: str) -> None:
    """A check with anything in one of its fields is judged, too (P10)."""
    check = HealthSpec(**({"type": kind} | {key: value}))  # type: ignore[arg-type]
    for where, message in faults(service(health=check)):
        assert where.startswith("health")
        assert "\n" not in message


def test_what_was_found_is_shown_on_one_short_line() -> None:
    """A value that is long, holds escapes or holds itself is shown all the same (P10)."""
    endless: list[object] = []
    endless.append(endless)
    assert found("a\x1b[31m\nb") == "'a\\x1b[31m\\nb'"
    assert len(found("x" * 1000)) == 60
    assert found(10**5000) == "a int"
    assert found(endless) == "[[...]]"


@pytest.mark.parametrize(
    ("fields", "argv"),
    [
        ({"command": "bun"}, ("bun",)),
        ({"command": "bun run 'my server.ts'"}, ("bun", "run", "my server.ts")),
        ({"command": "/opt/my app/serve", "args": ("-v",)}, ("/opt/my app/serve", "-v")),
        ({"command": "app.py", "interpreter": "python3 -u"}, ("python3", "-u", "app.py")),
        ({"command": "app.ts", "args": ("a b",), "interpreter": "bun"}, ("bun", "app.ts", "a b")),
        ({"command": "größe"}, ("größe",)),
    ],
)
def test_the_command_line(fields: dict[str, object], argv: tuple[str, ...]) -> None:
    """Without arguments the command is a whole line; with them it is the program as it stands."""
    assert service(**fields).argv == argv


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0")), max_size=4))
def test_words_are_split_as_a_shell_splits_them(words: list[str]) -> None:
    """Whatever shlex quotes comes back, on the quick path as on the other."""
    import shlex

    assert list(words_of(shlex.join(words))) == words


def test_groups_are_named_once() -> None:
    """`group` and `groups` together are the groups, without doubles."""
    assert service(group="a", groups=("b", "a")).member_of == ("a", "b")


def test_the_sections_are_cheap_to_import() -> None:
    """`guardian run` reads its settings past these classes: nothing heavy comes with them (P12)."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules);"
        "import guardian.services.spec; print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    assert set(run.stdout.split()) <= {
        "__future__",
        "guardian",
        "guardian.services",
        "guardian.services.spec",
        "guardian.values",
    }
