"""The contract of containment, over all three ways, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import wait_until

from guardian.contain.cgroup import Cgroup, own_group
from guardian.contain.choose import choose
from guardian.errors import UsageError

OWNER = Path(__file__).with_name("owner.py")
ROOT = Path(__file__).parents[2]
NOBODY = 65534
WAYS = ("cgroup", "subreaper", "tree")
USERS = ("root", "nobody")


@contextmanager
def delegated() -> Iterator[str]:
    """Give a cgroup to nobody, as systemd delegates one: the folder and two of its files (cgroups(7))."""
    parent = own_group()
    if not parent or not os.access(parent, os.W_OK):
        pytest.skip("needs a cgroup v2 in which this user may create others")
    folder = Path(parent, f"delegated-{os.urandom(4).hex()}")
    folder.mkdir()
    try:
        for path in (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control"):
            os.chown(path, NOBODY, NOBODY)
        yield str(folder)
    finally:
        wait_until(lambda: "populated 0" in (folder / "cgroup.events").read_text(), what="an empty cgroup")
        folder.rmdir()


def seen(way: str, user: str, scenario: str) -> dict[str, object]:
    """Let a process of that user own a tree, and return what it saw; skip what cannot be here."""
    if user == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    if user == "root" or os.geteuid() != 0:
        return said(way, scenario)
    if way != "cgroup":
        return said(way, scenario, str(NOBODY))
    with delegated() as folder:
        return said(way, scenario, str(NOBODY), folder)


def said(way: str, scenario: str, *words: str) -> dict[str, object]:
    """Return what the owner said."""
    run = subprocess.run(
        [sys.executable, str(OWNER), way, scenario, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if way == "cgroup" and not words and "no cgroup may be created" in run.stderr:
        pytest.skip("this user may create no cgroup here")
    assert run.returncode == 0, run.stderr
    result: dict[str, object] = json.loads(run.stdout)
    return result


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("way", WAYS)
class TestContract:
    """Every way keeps it."""

    def test_the_command_is_the_first_member(self, way: str, user: str) -> None:
        """A tree is empty before the spawn and after the end; in between the command is in it (P1)."""
        facts = seen(way, user, "alone")
        assert facts == {"before": True, "members": True, "filled": True, "after": True}

    def test_who_left_the_session_or_lost_its_parent_is_a_member(self, way: str, user: str) -> None:
        """Neither setsid nor a double fork leads out of the tree (P1)."""
        assert seen(way, user, "family") == {"members": 3, "sessions": 3}

    def test_who_hides_is_found_or_the_way_says_that_it_cannot(self, way: str, user: str) -> None:
        """A cleared environment behind a double fork is seen through, but not by the traces (P1, P11)."""
        assert seen(way, user, "hiding") == {"found": 0 if way == "tree" else 1}

    def test_the_killed_are_gone(self, way: str, user: str) -> None:
        """Whom kill returns is gone, and was announced; the others wait for their signal."""
        killed = 3 if way == "cgroup" else 0
        assert seen(way, user, "killing") == {"expected": True, "killed": killed, "left": 3 - killed}

    def test_the_kernel_counts_the_dead(self, way: str, user: str) -> None:
        """CPU of members that died is in the cgroup's count; the other ways say that they count nothing."""
        cpu = seen(way, user, "counting")["cpu"]
        assert isinstance(cpu, float)
        assert cpu > 0.02 if way == "cgroup" else cpu == -1

    def test_nothing_is_left_of_the_containment(self, way: str, user: str) -> None:
        """What was made for the tree is removed."""
        assert seen(way, user, "closing") == {"left": False}

    def test_who_may_live_on_does(self, way: str, user: str) -> None:
        """Letting a tree go ends nobody, and leaves nothing that was made for it."""
        assert seen(way, user, "leaving") == {"alive": True, "left": False}

    def test_a_member_is_identified(self, way: str, user: str) -> None:
        """A pid is whoever has it now, or nobody (P2)."""
        assert seen(way, user, "identity") == {"same": True}

    def test_members_are_told_from_others_together(self, way: str, user: str) -> None:
        """Of many it is said at once who is a member; no other process that has a pid of theirs is (P2)."""
        assert seen(way, user, "holding") == {"held": True, "after": 0}


def test_the_brake_stops_forks() -> None:
    """After the brake an ordinary user's tree grows no more."""
    facts = seen("subreaper", "nobody", "braking")
    assert facts["forks"] == 0
    assert facts["refused"]


def test_memory_has_a_backstop_where_the_controller_is(tmp_path: Path) -> None:
    """Where memory.max can be set it is, a tenth above the limit; a kill by the kernel is noticed (P4)."""
    for name in ("memory.max", "memory.oom.group", "memory.events", "cgroup.procs"):
        (tmp_path / name).write_text("")
    tree = Cgroup(str(tmp_path))
    assert tree.limit_memory(1000)
    assert (tmp_path / "memory.max").read_text() == "1100"
    assert not tree.out_of_memory()
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\noom_kill 2\noom_group_kill 1\n")
    assert tree.out_of_memory()


def test_without_the_controller_there_is_no_backstop(tmp_path: Path) -> None:
    """A cgroup without the memory controller says so, and nobody is taken for ended by it (P11)."""
    tree = Cgroup(str(tmp_path))
    assert not tree.limit_memory(1000)
    assert not tree.out_of_memory()


@pytest.mark.parametrize("wanted", ["", "magic", "CGROUP"])
def test_a_way_that_is_none_is_refused(wanted: str) -> None:
    """Only the names of the ladder are ways (P10)."""
    with pytest.raises(UsageError, match="containment"):
        choose(wanted, "test")
