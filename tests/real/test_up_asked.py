"""Requests that are well formed and make no sense: a clear no, the daemon and the services untouched."""

from __future__ import annotations

import os
from typing import Any

import pytest
from project import Project, python, service
from waiting import wait_until

from guardian.daemon.client import Refused
from guardian.services.saving import plain
from guardian.services.spec import HealthSpec, ServiceSpec

QUIET = python("import signal\nsignal.alarm(100)\nsignal.pause()")
SPEC = {**plain(ServiceSpec(name="extra", command="sleep 50"))}

NO: list[tuple[str, dict[str, Any]]] = [
    ("do", {"wish": "dance", "words": ["good"]}),
    ("do", {"wish": "start", "words": ["nobody"]}),
    ("do", {"wish": "start", "words": ["x" * 100_000]}),
    ("do", {"wish": "start", "words": ["\udcff"]}),
    ("do", {"wish": "signal", "words": ["good"], "signal": "NOSUCH"}),
    ("do", {"wish": "signal", "words": ["good"], "signal": ""}),
    ("do", {"wish": "signal", "words": ["good"], "signal": "99999999999999999999"}),
    ("list", {"words": ["nobody"]}),
    ("list", {"words": 7}),
    ("watch", {"words": ["nobody"]}),
    ("remove", {"words": ["good"]}),
    ("remove", {"words": ["nobody"]}),
    ("configure", {"specs": [7]}),
    ("configure", {"specs": [{}]}),
    ("configure", {"specs": [{"name": "x"}]}),
    ("configure", {"specs": [SPEC, SPEC]}),
    ("configure", {"specs": [{**SPEC, "depends_on": ["extra"]}]}),
    ("configure", {"specs": [{**SPEC, "depends_on": ["nobody"]}]}),
    ("add", {"spec": None}),
    ("add", {"spec": {"name": "good", "command": "true"}}),
    ("add", {"spec": {**SPEC, "command": 7}}),
    ("add", {"spec": {**SPEC, "command": "unclosed 'quote"}}),
    ("add", {"spec": {**SPEC, "stop_timeout": -1}}),
    ("add", {"spec": {**SPEC, "stop_signal": "NOSUCH"}}),
    ("add", {"spec": {**SPEC, "umask": "999"}}),
    ("add", {"spec": {**SPEC, "rlimits": {"nosuch": 1}}}),
    ("add", {"spec": {**SPEC, "env": {"A": 7}}}),
    ("add", {"spec": {**SPEC, "health": plain(HealthSpec(type="http", url="no url"))}}),
    ("add", {"spec": {**SPEC, "health": plain(HealthSpec(type="output", pattern="("))}}),
    *[
        ("add", {"spec": {**SPEC, "name": name}})
        for name in ("", ".", "..", "../../evil", "a/b", "/etc/x", "a\nb", "a:1", "x" * 300, "é\0", "-rf")
    ],
    ("hello", {"protocol": 1}),
    ("cancel", {"request": "x"}),
    ("nothing", {}),
]


def test_what_makes_no_sense_is_refused(project: Project) -> None:
    """Every such request gets one clear no; keeper, brain, services and files are as before (P9, P10)."""
    project.up(service("good", **QUIET))
    before = project.wait_for("ready")["good"]
    brain, files = project.brain(), everything(project)
    answered, said = [], []
    for verb, fields in NO:
        try:
            with project.talk() as connection:
                connection.ask(verb, **fields)
        except Refused as no:
            said.append(str(no))
            continue
        answered.append((verb, fields))
    assert not answered
    assert all(line.strip() and "fault" not in line for line in said), said
    assert project.brain() == brain
    assert everything(project) == files
    now = project.stands()
    assert list(now) == ["good"]
    assert (now["good"]["pid"], now["good"]["state"]) == (before["pid"], "ready")
    assert "Traceback" not in project.said()


def everything(project: Project) -> set[str]:
    """Return the paths of all files of the project."""
    return {os.path.join(folder, name) for folder, _, names in os.walk(project.root) for name in names}


@pytest.mark.parametrize("timeout", [-1, 1e-9, 1e308])
def test_any_number_is_a_time_to_wait(project: Project, timeout: float) -> None:
    """A wait of no time or of ages is a wait; what is there already is told at once."""
    project.up(service("good", **QUIET))
    project.wait_for("ready")
    found = project.ask("do", wish="start", words=["good"], wait=True, timeout=timeout)
    assert found[0]["state"] == "ready"


def test_a_service_is_added_and_removed(project: Project) -> None:
    """What was added by hand outlives a brain, and leaves nothing when it is removed (P6)."""
    project.up(service("good", **QUIET))
    (found,) = project.ask("add", spec=SPEC)
    project.wait_for("ready", "extra")
    pid = project.stands()["extra"]["pid"]
    project.kill(project.brain())
    assert project.stands()["extra"]["pid"] == pid
    assert project.ask("remove", words=["extra"]) == ["extra"]
    assert list(project.stands()) == ["good"]
    assert found["name"] == "extra"
    wait_until(lambda: not [path for path in os.listdir(project.folder / "fifos") if "extra" in path])
