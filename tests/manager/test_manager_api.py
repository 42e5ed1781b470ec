"""What `import guardian` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import guardian

ROOT = Path(guardian.__file__).parents[1]


def test_every_name_of_the_api_is_there() -> None:
    """Each name that the package lists can be had, and dir() shows it."""
    for name in guardian._API:
        assert getattr(guardian, name).__name__ == name
        assert name in dir(guardian)


def test_a_name_that_there_is_not() -> None:
    """Another name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'ProcessManger'"):
        _ = guardian.ProcessManger  # type: ignore[attr-defined]


def test_importing_the_package_is_cheap() -> None:
    """The API is imported when it is asked for: `guardian run` imports the package, too (P12)."""
    code = "import sys; before = set(sys.modules); import guardian; print(len(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"


def test_it_is_typed() -> None:
    """Type checkers of others read the annotations (PEP 561)."""
    assert (ROOT / "guardian" / "py.typed").exists()
