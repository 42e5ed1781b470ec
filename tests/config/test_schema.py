"""The JSON Schema for editors agrees with what guardian itself checks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.config import kinds, tables
from guardian.config.kinds import DurationKind, PercentKind, SizeKind
from guardian.config.schema import schema
from guardian.config.settings import SECTIONS
from guardian.errors import UsageError

WHOLE = schema()
DEFINITIONS = WHOLE["$defs"]
assert isinstance(DEFINITIONS, dict)


def test_every_section_and_key_is_in_it() -> None:
    """The schema has exactly the keys that guardian knows, and refuses all others."""
    file = DEFINITIONS["guardian.toml"]
    assert WHOLE["$ref"] == "#/$defs/guardian.toml"
    assert list(file["properties"]) == [section.name for section in SECTIONS]
    for section in SECTIONS:
        table = DEFINITIONS[section.name.title()]
        assert list(table["properties"]) == list(tables.keys_of(section))
        assert table["additionalProperties"] is False
        assert table["required"] == []


def test_defaults_are_written_as_in_a_file() -> None:
    """A default reads like a line of guardian.toml; what a rule inherits has none of its own."""
    assert DEFINITIONS["Limits"]["properties"]["max_memory"]["default"] == "1GB"
    assert DEFINITIONS["Monitor"]["properties"]["interval"]["default"] == "10s"
    assert "default" not in DEFINITIONS["Rules"]["properties"]["max_memory"]
    assert "default" not in DEFINITIONS["Rules"]["properties"]["names"]


TEXTS = st.one_of(
    st.text(max_size=8),
    st.from_regex(r"\s?[0-9]{0,4}\.?[0-9]{0,2}\s?(ms|S|min|kb|GiB|%|x)?\s?", fullmatch=True),
)


@pytest.mark.parametrize("kind", [DurationKind, SizeKind, PercentKind])
@given(text=TEXTS)
def test_the_pattern_of_a_measure_is_that_of_its_parser(kind: object, text: str) -> None:
    """An editor underlines a duration, size or percentage exactly when guardian refuses it."""
    key = next(key for section in SECTIONS for _, key in tables.leaves(section) if key.kind is kind)
    table = next(section.name.title() for section in SECTIONS if key.name in tables.keys_of(section))
    pattern = DEFINITIONS[table]["properties"][key.name]["anyOf"][0]["pattern"]
    try:
        kinds.convert(kind, text)
        taken = True
    except UsageError:
        taken = False
    # Python's strip() takes a few more blanks than a pattern of JSON Schema may
    plain = text.isascii() and not set(text) & set("\x1c\x1d\x1e\x1f")
    assert not plain or bool(re.search(pattern, text, re.ASCII)) == taken
