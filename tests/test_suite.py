"""What holds for every test of this suite (shared habits, checked on its source)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path for pattern in ("test_*.py", "bench_*.py") for path in HERE.rglob(pattern))
MAY_WAIT = ("real", "bench", "support")

MENTION = re.compile(r"\bP\d+\b")
PROMISES = re.compile(r"\((?:P(?:[1-9]|1[0-2]))(?:, P(?:[1-9]|1[0-2]))*\)")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test and bench functions of a module, those in classes too."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith(
            ("test_", "bench_")
        ):
            yield node


def faults(docstring: str | None) -> str:
    """Return what is wrong with a test's docstring, or nothing."""
    if not docstring:
        return "has no docstring: state the rule that it proves"
    if MENTION.search(PROMISES.sub("", docstring)):
        return "names a promise in another form than (P1) or (P1, P12)"
    return ""


def sleeps(tree: ast.AST) -> Iterator[int]:
    """Return the lines that sleep: time.sleep, sleep from time, asyncio.sleep of more than 0."""
    from_time = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if alias.name == "sleep"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        yields = called == "asyncio.sleep" and [ast.unparse(arg) for arg in node.args] == ["0"]
        if called in {"time.sleep", "asyncio.sleep"} | from_time and not yields:
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_every_test_states_its_rule(path: Path) -> None:
    """Each test has a docstring, and names promises in one form that can be searched for."""
    found = [
        (each, faults(ast.get_docstring(each))) for each in functions(ast.parse(path.read_text("utf-8")))
    ]
    assert not [f"{path}:{each.lineno} {each.name} {fault}" for each, fault in found if fault]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(HERE).parts[0] not in MAY_WAIT],
    ids=lambda path: str(path.relative_to(HERE)),
)
def test_no_test_of_pure_code_sleeps(path: Path) -> None:
    """Outside tests/real and tests/bench nothing sleeps: time is an argument there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [f"{path}:{line}" for line in sleeps(tree)]


@pytest.mark.parametrize(
    ("docstring", "complaint"),
    [
        ("The rule (P2).", ""),
        ("The rule (P2, P12); and another (P8).", ""),
        ("A rule without a promise.", ""),
        (None, "has no docstring"),
        ("", "has no docstring"),
        ("The rule, see P2.", "another form"),
        ("The rule (P13).", "another form"),
        ("The rule (P1 P2).", "another form"),
    ],
)
def test_the_form_of_a_docstring_is_judged(docstring: str | None, complaint: str) -> None:
    """The judge of docstrings itself tells good from bad."""
    found = faults(docstring)
    assert complaint in found
    assert bool(complaint) == bool(found)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("from time import sleep as nap\nnap(1)", [2]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0.1)", [3]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0)", []),
        ("def sleep(): ...\nsleep()", []),
    ],
)
def test_sleeps_are_found(source: str, lines: list[int]) -> None:
    """Every spelling of a sleep is seen; giving way to the event loop is none."""
    assert list(sleeps(ast.parse(source))) == lines
