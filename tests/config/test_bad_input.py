"""What a wrong configuration gets: one line with file, line, key, what was found and what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.config import tables
from guardian.config.compose import compose_documents
from guardian.config.document import parse
from guardian.config.settings import SECTIONS, Section
from guardian.errors import ConfigError

DURATION = "a duration such as 500ms, 10s, 5m or 1h (a bare number is seconds), from 0 to 3650d"
SIZE = "a size such as 512MB, 1GB or 1.5GiB (a bare number is bytes), from 0 to 1048576TB"
PERCENT = "a percentage of one core such as 80, from 0 to 1000000"
COUNT = "a whole number from 0 to 1000000000"
FILLED = 'a list of texts such as ["bun"], with at least one, none of them empty'
NAME = "letters, digits, - and _, a letter or digit first, at most 64"
RULE = '[rules.x]\nnames = ["x"]\n'

# text of the file, and the message after the file's name
TABLE = {
    "wrong unit": ('[limits]\nmax_memory = "5XB"', f":2: limits.max_memory: found '5XB', expected {SIZE}"),
    "no unit of its own": (
        '[limits]\ntimeout = "5XB"',
        f":2: limits.timeout: found '5XB', expected {DURATION}",
    ),
    "negative": ("[limits]\nmax_memory = -1", f":2: limits.max_memory: found -1, expected {SIZE}"),
    "negative text": ('[limits]\ngrace = "-1s"', f":2: limits.grace: found '-1s', expected {DURATION}"),
    "negative count": (
        "[limits]\nmax_concurrent = -3",
        f":2: limits.max_concurrent: found -3, expected {COUNT}",
    ),
    "part of a count": (
        "[limits]\nmax_concurrent = 2.5",
        f":2: limits.max_concurrent: found 2.5, expected {COUNT}",
    ),
    "count as a text": (
        '[limits]\nmax_concurrent = "3"',
        f":2: limits.max_concurrent: found '3', expected {COUNT}",
    ),
    "overflow": ("[limits]\ntimeout = 1e400", f":2: limits.timeout: found 1e400, expected {DURATION}"),
    "overflow of a count": (
        "[limits]\nmax_concurrent = 1e400",
        f":2: limits.max_concurrent: found 1e400, expected {COUNT}",
    ),
    "overflow in a text": (
        '[limits]\ntimeout = "1e400"',
        f":2: limits.timeout: found '1e400', expected {DURATION}",
    ),
    "infinity": ("[limits]\nmax_cpu = inf", f":2: limits.max_cpu: found inf, expected {PERCENT}"),
    "no number": ("[limits]\nmax_cpu = nan", f":2: limits.max_cpu: found nan, expected {PERCENT}"),
    "beyond range": (
        "[limits]\nmax_concurrent = 99999999999999999999999",
        f":2: limits.max_concurrent: found a number of 77 bits, expected {COUNT}",
    ),
    "beyond all bounds": (
        f"[limits]\nmax_memory = 0x{'f' * 5000}",
        f":2: limits.max_memory: found a number of 20000 bits, expected {SIZE}",
    ),
    "true for a number": (
        "[limits]\nmax_concurrent = true",
        f":2: limits.max_concurrent: found true, expected {COUNT}",
    ),
    "true for a duration": (
        "[limits]\ntimeout = true",
        f":2: limits.timeout: found true, expected {DURATION}",
    ),
    "a number for true": (
        "[limits]\nspare_foreground = 1",
        ":2: limits.spare_foreground: found 1, expected true or false",
    ),
    "a date": (
        "[limits]\ntimeout = 2026-11-21",
        f":2: limits.timeout: found 2026-11-21, expected {DURATION}",
    ),
    "a time": ("[limits]\ntimeout = 07:32:00", f":2: limits.timeout: found 07:32:00, expected {DURATION}"),
    "a table for a value": (
        "[limits.timeout]\na = 1",
        f":1: limits.timeout: found a table, expected {DURATION}",
    ),
    "no choice": (
        f'{RULE}victims = "oldst"',
        ":3: rules.x.victims: found 'oldst', expected one of 'oldest', 'newest', 'largest'"
        "; did you mean oldest?",
    ),
    "no choice, nothing near": (
        f'{RULE}victims = "zzz"',
        ":3: rules.x.victims: found 'zzz', expected one of 'oldest', 'newest', 'largest'",
    ),
    "a text for a list": (
        '[protect]\nnames = "sshd"',
        ":2: protect.names: found 'sshd', expected a list of texts such as [\"bun\"]",
    ),
    "a number in a list": (
        '[protect]\nnames = ["sshd", 1]',
        ":2: protect.names: found ['sshd', 1], expected a list of texts such as [\"bun\"]",
    ),
    "a NUL": (
        '[alerts]\ncommand = ["a\\u0000b"]',
        ":2: alerts.command: found ['a\\x00b'], expected a list of texts such as [\"bun\"]",
    ),
    "a list that is long": (
        f"[alerts]\ncommand = [{', '.join(['1'] * 100)}]",
        f':2: alerts.command: found [{", ".join(["1"] * 20)}…, expected a list of texts such as ["bun"]',
    ),
    "empty names": ("[rules.x]\nnames = []", f":2: rules.x.names: found [], expected {FILLED}"),
    "an empty name": (
        '[rules.x]\nnames = ["x", ""]',
        f":2: rules.x.names: found ['x', ''], expected {FILLED}",
    ),
    "below the least": (
        "[monitor]\ninterval = 0",
        f":2: monitor.interval: found 0, expected {DURATION}, at least 100ms",
    ),
    "a small journal": (
        '[journal]\nmax_size = "1KB"',
        f":2: journal.max_size: found '1KB', expected {SIZE}, at least 64KB",
    ),
    "unknown key": (
        "[limits]\nmax_memroy = 1",
        ":2: limits.max_memroy: is not known; did you mean max_memory?",
    ),
    "unknown key, in a rule": (
        f"{RULE}maxMemory = 1",
        ":3: rules.x.maxMemory: is not known; did you mean max_memory?",
    ),
    "unknown key, nothing near": (
        "[monitor]\nzzz = 1",
        ":2: monitor.zzz: is not known; known are interval, autostart",
    ),
    "right key, wrong table": (
        "[monitor]\ntimeout = 1",
        ":2: monitor.timeout: is not known; did you mean limits.timeout or rules.NAME.timeout?",
    ),
    "key without a table": (
        "interval = 1",
        ":1: interval: is not known; did you mean monitor.interval or services.NAME.health.interval?",
    ),
    "unknown table": ("[limit]", ":1: limit: is not known; did you mean limits?"),
    "odd key": (
        '[limits]\n"max\\nmemory" = 1',
        ":2: limits.'max\\nmemory': is not known; did you mean max_memory?",
    ),
    "no table": ("limits = 3", ":1: limits: found 3, expected a table [limits]"),
    "rules without a name": (
        '[rules]\nnames = ["x"]',
        ":2: rules.names: found ['x'], expected a table [rules.NAME]",
    ),
    "rules in a row": (
        '[[rules]]\nnames = ["x"]',
        ":1: rules: found [a table], expected a table [rules.NAME]",
    ),
    "odd name": (
        '[rules."a b"]\nnames = ["x"]',
        f":1: rules.'a b': found the name 'a b', expected {NAME}",
    ),
    "name like an option": (
        '[rules.-x]\nnames = ["x"]',
        f":1: rules.-x: found the name '-x', expected {NAME}",
    ),
    "no name": ('[rules.""]\nnames = ["x"]', f":1: rules.'': found the name '', expected {NAME}"),
    "rule for nothing": (
        '[rules.x]\nvictims = "newest"',
        ":1: rules.x: says neither names nor command, expected at least one of them",
    ),
    "rule for everything": (
        '[rules.x]\nnames = ["*"]',
        ":1: rules.x: matches every process, expected a pattern that some do not fit",
    ),
    "rule for every command": (
        '[rules.x]\ncommand = ["bun", "**"]',
        ":1: rules.x: matches every process, expected a pattern that some do not fit",
    ),
    "no TOML": ("[limits]\nmax_memory 1", ":2:12: is not TOML: Expected '=' after a key in a key/value pair"),
    "no end": ('[limits]\ngrace = "1', ":2:11: is not TOML: Unterminated string"),
    "twice": ("[limits]\n[limits]", ":2:8: is not TOML: Cannot declare ('limits',) twice"),
    "many digits": (
        f"[limits]\nmax_memory = {'9' * 5000}",
        ": is no configuration: holds a number that is too long",
    ),
    "deep": (f"x = {'[' * 5000}", ": is no configuration: nested too deeply"),
    "line behind a list": (
        '# a\n[protect]\nnames = [\n  "a",\n  # b\n  "c"\n]\n\n# d\n\n  command = "x"\n[limits]\n',
        ":11: protect.command: found 'x', expected a list of texts such as [\"bun\"]",
    ),
    "line of a dotted key": (
        "monitor.interval = 1\nlimits.grace = true\n",
        f":2: limits.grace: found true, expected {DURATION}",
    ),
}


@pytest.mark.parametrize(("text", "message"), TABLE.values(), ids=TABLE)
def test_wrong_input_gets_one_exact_line(text: str, message: str) -> None:
    """Every error names file, line and key, what was found and what was expected (P10)."""
    with pytest.raises(ConfigError) as error:
        compose_documents([parse("/p/guardian.toml", text)])
    assert str(error.value) == f"/p/guardian.toml{message}"
    assert error.value.exit_code == 2


def test_a_rule_for_everything_may_be_asked_for() -> None:
    """What `cleanup --all` may do, a rule that matches everything, is refused only without it."""
    document = parse("/p/guardian.toml", '[rules.x]\nnames = ["*"]')
    settings = compose_documents([document], allow_everything=True).settings
    assert [rule.name for rule in settings.rules] == ["x"]


def test_a_rule_for_nothing_stays_wrong_even_then() -> None:
    """A rule without names and command is a mistake whatever was asked for (P10)."""
    with pytest.raises(ConfigError, match="says neither names nor command"):
        compose_documents([parse("/p/guardian.toml", "[rules.x]")], allow_everything=True)


def complaint(text: str) -> str:
    """Return what a file of this text is refused with; empty when it is taken."""
    try:
        compose_documents([parse("/p/guardian.toml", text)])
    except ConfigError as error:
        return str(error)
    return ""


@given(st.sampled_from(SECTIONS), st.text(min_size=1), st.sampled_from(["1", '"x"', "[]", "{}"]))
def test_an_unknown_key_always_yields_one_line(section: Section, key: str, value: str) -> None:
    """However a key is spelled, it is known or named in one printable line (P10)."""
    quoted = "".join(f"\\U{ord(char):08x}" for char in key if not 0xD800 <= ord(char) <= 0xDFFF)
    head = f"[{section.name}.x]" if section.named else f"[{section.name}]"
    said = complaint(f'{head}\n"{quoted}" = {value}')
    known = {path[-1] for path, _ in tables.leaves(section)}
    assert said.isprintable()
    assert key in known or said.startswith(f"/p/guardian.toml:2: {section.name}.")


@given(st.text())
def test_any_text_is_a_configuration_or_one_line(text: str) -> None:
    """Nothing but ConfigError comes out of a file, whatever stands in it (P10)."""
    assert complaint(text).isprintable()


VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**30), 10**30).map(str),
        st.floats(allow_nan=True).map(repr),
        st.booleans().map(lambda value: str(value).lower()),
        st.sampled_from(
            ['"1GB"', '"5m"', '"80%"', '"oldest"', '""', '"\\u0000"', "1979-05-27", "1e400", "-0.0"]
        ),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=5,
)


@given(st.sampled_from([path for section in SECTIONS for path, _ in tables.leaves(section, "x")]), VALUES)
def test_any_value_at_any_key_is_taken_or_named(path: tuple[str, ...], value: str) -> None:
    """A value of the wrong type never gets past the check, and never breaks it (P10)."""
    said = complaint(f"[{'.'.join(path[:-1])}]\n{path[-1]} = {value}")
    assert said.isprintable()
    whole = ("/p/guardian.toml:1: rules.x: ", "/p/guardian.toml:1: services.x")  # it lacks something else
    assert not said or said.startswith(("/p/guardian.toml:2: ", *whole))
