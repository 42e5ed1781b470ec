"""Of a leader's children nobody outlives a service of `guardian up`, whatever they did to leave it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import leader
import pytest
from project import PATIENCE, Project, service
from waiting import wait_until

from guardian.daemon.client import NoDaemon

ALL = ["A", "B", "C", "D", "E", "L"]
POLITE = "ACDE"  # who ends when asked


@pytest.fixture(params=["auto", "subreaper"])
def owned(request: pytest.FixtureRequest, project: Project) -> Project:
    """A project whose services are owned by a cgroup, where one can be made; and one without."""
    if request.param == "auto":
        request.getfixturevalue("needs_cgroup")
    project.environment["GUARDIAN_CONTAINMENT"] = request.param
    return project


def family(project: Project, mode: str, **values: object) -> Path:
    """Write a service that is the leader of five; return the folder where they say who they are."""
    folder = project.root / "family"
    folder.mkdir()
    words = [leader.__file__, str(folder), mode]
    given = {"stop_timeout": "1s"} | values
    project.write(service("family", command=sys.executable, args=["-S", "-E", *words], **given))
    return folder


def up(project: Project, folder: Path, generations: int = 1) -> None:
    """Bring it up, and wait until everybody of the last generation is there."""
    project.up()

    def there() -> bool:
        for _, pid, _ in leader.known(str(folder)):
            project.litter.remember(pid)
        return len(leader.known(str(folder))) == generations * len(ALL)

    wait_until(there, PATIENCE, what="the whole family")


def notes(folder: Path, letter: str) -> list[list[str]]:
    """Return what each who had the letter wrote, in lines."""
    return [path.read_text().splitlines() for path in sorted(folder.glob(f"{letter}.*"))]


def has_cgroup(project: Project) -> bool:
    """Whether a tree that is written down has a cgroup."""
    return any(tree["cgroup"] for tree in project.trees().values())


@pytest.mark.parametrize("mode", ["polite", "deaf"])
def test_stopped_means_that_nobody_is_left(owned: Project, mode: str) -> None:
    """After `stop` 0 of leader and children are left, whether the leader ends on SIGTERM or not (P1, P3)."""
    folder = family(owned, mode)
    up(owned, folder)
    assert has_cgroup(owned) == (owned.environment["GUARDIAN_CONTAINMENT"] == "auto")
    assert leader.alive(str(folder)) == ALL
    found = owned.ask("do", wish="stop", words=["family"], wait=True)
    assert leader.alive(str(folder)) == []
    assert found[0]["state"] == "stopped"
    for letter in POLITE:  # asked and given the time to end, with or without their leader
        ((_, asked, done),) = notes(folder, letter)
        assert asked.startswith("asked")
        assert done.startswith("done")


def test_down_leaves_nobody(owned: Project) -> None:
    """When `guardian down` returns, 0 are left: services, keeper, brain, socket and tree files (P1)."""
    folder = family(owned, "polite")
    up(owned, folder)
    assert owned.down().code == 0
    assert leader.alive(str(folder)) == []
    assert owned.brain() == 0
    wait_until(lambda: not owned.keeper(), PATIENCE, what="the end of the keeper")
    assert not owned.trees()
    assert not os.path.exists(owned.places.socket)
    with pytest.raises(NoDaemon), owned.talk():
        pass


def test_the_old_generation_is_gone_before_a_restart(owned: Project) -> None:
    """A crashed leader's children have their time and are gone before the next leader starts (P1, P3)."""
    folder = family(owned, "crash")
    up(owned, folder, generations=2)
    overlaps = [lines[0].split()[0] for lines in notes(folder, "overlap")]
    assert overlaps == ["-", "-"]
    assert leader.alive(str(folder)) == ALL
    for letter in POLITE:
        done = [lines for lines in notes(folder, letter) if len(lines) == 3]
        assert len(done) == 1, f"{letter} of the first generation was asked and had its time"
    owned.ask("do", wish="stop", words=["family"], wait=True)
    assert leader.alive(str(folder)) == []


@pytest.mark.parametrize("wish", ["restart", "kill"])
def test_restart_and_kill_leave_nobody(owned: Project, wish: str) -> None:
    """A restart replaces the whole tree, a kill ends it without asking (P1)."""
    folder = family(owned, "deaf")
    up(owned, folder)
    before = {pid for _, pid, _ in leader.known(str(folder))}
    owned.ask("do", wish=wish, words=["family"], wait=True)
    if wish == "restart":
        wait_until(lambda: leader.alive(str(folder)) == ALL, PATIENCE, what="the new family")
    now = {pid for _, pid, start in leader.known(str(folder)) if leader.start_of(pid) == start}
    assert not before & now
    assert [lines[0].split()[0] for lines in notes(folder, "overlap")] == ["-"] * (2 if now else 1)
    owned.ask("do", wish="stop", words=["family"], wait=True)
    assert leader.alive(str(folder)) == []


@pytest.mark.parametrize("whom", ["brain", "keeper", "both"])
def test_who_is_left_by_a_dead_leader_is_ended_by_the_next_daemon(owned: Project, whom: str) -> None:
    """Keeper or brain killed while a leaderless tree is being ended: 0 are left all the same (P1, P6)."""
    folder = family(owned, "polite", stop_timeout="2s")
    up(owned, folder)
    owned.ask("do", wish="stop", words=["family"])
    wait_until(lambda: leader.alive(str(folder)) == ["B"], PATIENCE, what="all but the deaf one gone")
    keeper, brain = owned.keeper(), owned.brain()
    owned.kill(*{"brain": [brain], "keeper": [keeper], "both": [keeper, brain]}[whom])
    if whom == "both":
        owned.guardian("up", "--detach")
        owned.ask("do", wish="stop", words=["family"])
    wait_until(lambda: not leader.alive(str(folder)), PATIENCE, what=f"the end of all\n{owned.said()}")
    owned.wait_for("stopped", "family")
