from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from house import House

from guardian.cli import app, ps_ask, ps_list, quick, status, up

HEAVY = {"typer", "click", "rich"}
PLAIN = (
    *("up --detach", "up -d", "up --wait", "up --detach --wait", "down", "status", "status --json"),
    *("ps list", "ps list --json web", "ps start web", "ps stop web db", "ps restart w*"),
)
NOT_PLAIN = (
    *(
        "",
        "up",
        "up web",
        "up --wait web",
        "up --quiet",
        "up --wait --timeout 3s",
        "up --help",
        "down --help",
    ),
    *(
        "down --timeout 3s",
        "down web",
        "down --help",
        "ps --help",
        "ps stop",
        "ps stop --force web",
        "ps stop web -f",
    ),
    *(
        "ps stop -- web",
        "ps status web",
        "ps list --help",
        "status --watch",
        "events",
        "statuses",
        "ps lists",
    ),
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Take down what commands would do, in the place of doing it."""
    done: list[object] = []

    def noted(name: str) -> Callable[..., int]:
        def work(*given: object, **named: object) -> int:
            plain = [list(each) if isinstance(each, (list, tuple)) else each for each in given]
            done.append((name, plain, named))
            return 0

        return work

    for module, name in (
        *((ps_ask, "ask"), (up, "bring_up"), (up, "bring_down")),
        *((ps_list, "list_services"), (status, "report")),
    ):
        monkeypatch.setattr(module, name, noted(name))
    return done


@pytest.mark.parametrize("line", PLAIN)
def test_the_light_path_does_what_typer_would(line: str, said: list[object]) -> None:
    """A command without Typer does exactly what it does with Typer, defaults included (P12)."""
    work = quick.quick(line.split())
    assert work is not None
    assert work() == 0
    assert app.start(line.split()) == 0
    light, full = said
    assert light == full


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_whatever_is_not_plain_goes_to_typer(line: str) -> None:
    """Options with a value, help and mistakes are Typer's to understand."""
    assert quick.quick(line.split()) is None


@pytest.mark.parametrize("line", ["down", "ps list", "ps stop web", "ps restart web", "up --wait"])
def test_the_light_path_is_light(line: str, house: House) -> None:
    """What is answered without Typer imports neither Typer nor Rich (P12)."""
    house.write_config("")
    command = [sys.executable, "-X", "importtime", "-m", "guardian", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    imported = {each.rpartition("|")[2].strip() for each in done.stderr.splitlines()}
    assert "guardian.cli.quick" in imported
    assert imported & HEAVY == set(), done.stderr[-300:]
