"""The daemon's own log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from guardian.daemon import session
from guardian.daemon.session import RotatedLog


def test_it_keeps_to_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that lives for years does not fill the disk: the newest lines are kept, whole and in order."""
    monkeypatch.setattr(session, "LOG_SIZE", 1000)
    handler = RotatedLog(tmp_path / "log", encoding="utf-8")
    for number in range(500):
        handler.emit(logging.LogRecord("guardian", logging.INFO, "", 0, "line %d", (number,), None))
    handler.close()
    files = sorted(tmp_path.iterdir(), key=lambda file: file.name, reverse=True)
    assert [file.name for file in files] == ["log.3", "log.2", "log.1", "log"]
    lines = "".join(file.read_text() for file in files).splitlines()
    assert lines == [f"line {number}" for number in range(500 - len(lines), 500)]
    assert all(file.stat().st_size <= 1010 for file in files)
