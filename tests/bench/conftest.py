"""One table for all benches, printed at the end. Nothing here passes or fails by a time."""

from __future__ import annotations

import os

import pytest
from measure import Table

TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep one table for the whole run."""
    config.stash[TABLE] = Table()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Return the table that every bench adds its rows to."""
    return pytestconfig.stash[TABLE]


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python keep compiled modules, as it does for users; the peers are installed compiled."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, and on what."""
    made = config.stash.get(TABLE, Table())
    if not made.rows:
        return
    load = os.getloadavg()[0]
    terminalreporter.section(f"{os.cpu_count()} cores, Linux {os.uname().release}, load {load:.1f}", sep="-")
    for line in made.lines():
        terminalreporter.write_line(line)
