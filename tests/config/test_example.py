"""The guardian.toml at the root: the example that people copy."""

from __future__ import annotations

from pathlib import Path

from guardian.config import render
from guardian.config.compose import compose_documents, in_force
from guardian.config.document import parse, read_text
from guardian.config.settings import DEFAULTS, Settings
from guardian.policy.limits import Protect, Rule
from guardian.procs.match import Selector
from guardian.services.order import roster

EXAMPLE = Path(__file__).parents[2] / "guardian.toml"


def read(text: str) -> Settings:
    """Return what a file of this text says by itself."""
    return compose_documents([parse("f", text)]).settings


def test_the_example_says_what_is_built_in() -> None:
    """Every limit in the example is the built-in one; it adds a rule, whom to protect, and a service."""
    rule = Rule("bun", Selector(names=("bun",), command=("*bun test*",)))
    protect = Protect(names=("sshd", "systemd*"))
    expected = DEFAULTS.replace(rules=(rule,), protect=protect, sources=("f",))
    found = read(read_text(str(EXAMPLE), from_anyone=True))
    assert found.replace(services=()) == expected
    assert [spec.name for spec in roster(found.services).specs.values()] == ["web"]


def test_the_example_names_every_key() -> None:
    """No key of [limits], [monitor], [alerts] and [journal] is missing from the example."""
    document = parse("f", read_text(str(EXAMPLE), from_anyone=True))
    for section in ("limits", "monitor", "alerts", "journal"):
        table = document.tables[section]
        assert isinstance(table, dict)
        assert tuple(table) == getattr(DEFAULTS, section)._fields


def test_what_is_shown_can_be_read_again() -> None:
    """`config show` prints a file that means the same, with the origins as comments too."""
    composed = compose_documents([parse("f", read_text(str(EXAMPLE), from_anyone=True))])
    for with_origin in (False, True):
        text = render.as_toml(in_force(composed), with_origin=with_origin)
        assert read(text) == composed.settings
