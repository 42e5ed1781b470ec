"""What the commands print on a terminal: colours, unless they are not wanted, and nothing cut off."""

from __future__ import annotations

import re
from typing import Any

import pexpect
import pytest
from ground import GUARDIAN, PATIENCE, Ground
from litter import MARK
from victims import DEAF, SLEEPER

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]")
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7])[0-9;]*m")


def on_terminal(ground: Ground, *words: str, columns: int = 80, **environment: str) -> str:
    """Run guardian on a terminal of its own; return what it wrote there, and see that it ended with 0."""
    inherited = {
        name: value for name, value in ground.environment().items() if name not in ("NO_COLOR", "COLUMNS")
    }
    process: Any = pexpect.spawn(
        GUARDIAN[0],
        [*GUARDIAN[1:], *words],
        cwd=str(ground.work),
        env={**inherited, "TERM": "xterm", MARK: ground.litter.mark, **environment},
        dimensions=(50, columns),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        process.expect(pexpect.EOF)
    finally:
        process.close()
    assert process.exitstatus == 0, process.before
    return str(process.before).replace("\r\n", "\n")


def test_a_breach_stands_out_in_colour(ground: Ground) -> None:
    """On a terminal the launch that breaks a rule is red; what stands there is the same as in a pipe."""
    ground.rule(timeout='"1ms"')
    ground.python(SLEEPER)
    said = on_terminal(ground, "status", columns=250)
    assert COLOUR.search(said)
    assert "timeout is 1ms" in ESCAPE.sub("", said)


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_who_wants_no_colour_gets_none(ground: Ground, plain: dict[str, str]) -> None:
    """NO_COLOR and a dumb terminal are respected."""
    ground.rule(timeout='"1ms"')
    ground.python(SLEEPER)
    assert not COLOUR.search(on_terminal(ground, "status", columns=250, **plain))
    dumb = on_terminal(ground, "cleanup", "--dry-run", columns=60, **plain)
    assert not COLOUR.search(dumb)


def test_a_narrow_terminal_cuts_nothing_off(ground: Ground) -> None:
    """With 60 columns every cell is still there, and no line is wider."""
    ground.rule(max_memory='"1MB"')
    victim = ground.python(SLEEPER)
    for words in (("status",), ("cleanup", "--dry-run")):
        said = ESCAPE.sub("", on_terminal(ground, *words, columns=60))
        table = said.split("\n\n")[0]
        assert max(map(len, table.splitlines())) <= 60
        assert f"pid {victim.pid}" in table
        assert "max_memory is 1MB" in " ".join(table.split())


def test_a_cleanup_shows_its_progress(ground: Ground) -> None:
    """While a tree has its grace a terminal shows how many are left; a pipe gets none of it."""
    ground.rule(timeout='"1ms"', grace='"1s"')
    ground.python(DEAF)
    assert "1 process of 1 tree left to go (asking)" in on_terminal(ground, "cleanup")
    ground.python(DEAF)
    assert ground.guardian("cleanup").err == ""
