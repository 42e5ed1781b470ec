"""What a daemon writes down is read by the next one, or refused in one line; never half of it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.contain.mark import HIGHEST, Mark
from guardian.daemon import store
from guardian.daemon.places import Project
from guardian.daemon.store import Store, TreeRecord
from guardian.errors import GuardianError
from guardian.procs.model import ProcId
from guardian.services import events, order
from guardian.services.events import Ask, Wish
from guardian.services.life import State
from guardian.services.mind import Memory, decide
from guardian.services.spec import HealthSpec, ServiceSpec

SPECS = (
    ServiceSpec(name="web", command="run web", env={"A": "ü\n"}, health=HealthSpec(url="http://localhost/")),
    ServiceSpec(name="db", command="run", args=("-x", ""), rlimits={"core": -1}, autorestart="on-failure"),
)
RUNS = ProcId(4711, 12345)


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    project = Project(str(tmp_path))
    project.make()
    return Store(project)


def again(kept: Store) -> Store:
    """Return the next daemon's."""
    return Store(kept._project)


def lived(*happened: events.Event) -> Memory:
    """Return the memory of two services of which web was asked for and runs."""
    roster = order.roster(SPECS)
    memory = decide(roster, Memory(), [Ask(Wish.START, ("web",), "up")], 1.0, chance=0.5).memory
    return decide(roster, memory, [events.Spawned("web", 1, RUNS), *happened], 2.0, chance=0.5).memory


def tree(kept: Store, leader: ProcId | None = RUNS) -> TreeRecord:
    return TreeRecord("web", 1, Mark(HIGHEST - 7, 1 << 20), "/sys/fs/cgroup/x", kept.boot, leader)


def test_the_next_daemon_reads_what_the_last_one_wrote(kept: Store) -> None:
    """Lives, their configurations and trees come back as they were (P6)."""
    memory = lived()
    kept.note_lives(memory)
    kept.note_tree(tree(kept))
    kept.flush()
    found, trees = again(kept).load()
    assert found.life("web") == memory.life("web")
    assert found.life("web").spec == SPECS[0]
    assert trees == [tree(kept)]


def test_a_tree_is_kept_before_anybody_knows_its_leader(kept: Store) -> None:
    """Without a leader, with one, and gone again (P6)."""
    kept.note_tree(tree(kept, None))
    kept.flush()
    assert again(kept).load()[1] == [tree(kept, None)]
    kept.note_tree(tree(kept))
    kept.flush()
    assert again(kept).load()[1] == [tree(kept)]
    kept.forget_tree("web:1")
    kept.forget_tree("never:1")
    kept.flush()
    assert again(kept).load()[1] == []


def test_after_another_boot_nothing_runs(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees of before the last boot are gone, whatever has their pids now; what was wanted is wanted (P2)."""
    kept.note_lives(lived())
    kept.note_tree(tree(kept))
    kept.flush()
    monkeypatch.setattr(store, "boot_id", lambda: "another")
    memory, trees = again(kept).load()
    assert trees == []
    assert not memory.life("web").live
    assert memory.life("web").state is State.STOPPED
    assert memory.life("web").wanted.value == "up"


def test_without_a_file_there_is_nothing(kept: Store) -> None:
    """The first daemon of a project finds nothing, and that is no error."""
    assert kept.load() == (Memory(), [])
    assert kept.load_roster() == ((), (), False)


def test_nothing_is_written_when_nothing_changed(kept: Store) -> None:
    """An idle daemon does not touch the disk (P12)."""
    kept.note_lives(lived())
    kept.flush()
    before = os.stat(kept._path)
    kept.note_lives(lived())  # equal, and not the same: written
    kept.dirty = False
    kept.flush()
    assert os.stat(kept._path).st_ino == before.st_ino


def valid(kept: Store) -> bytes:
    kept.note_lives(lived())
    kept.note_tree(tree(kept))
    kept.flush()
    return Path(kept._path).read_bytes()


def loads_or_refuses(kept: Store) -> None:
    with suppress(GuardianError):
        again(kept).load()


def test_every_torn_file_is_read_or_refused(kept: Store) -> None:
    """A state cut off anywhere is refused in one line that names the file (P10)."""
    whole = valid(kept)
    for end in range(len(whole)):
        Path(kept._path).write_bytes(whole[:end])
        with pytest.raises(GuardianError, match=r"state\.json"):
            again(kept).load()


@given(st.data())
def test_a_state_with_other_values_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever stands in place of one value: read, or refused in one line; never another error (P10)."""
    project = Project(str(tmp_path_factory.mktemp("state")))
    project.make()
    kept = Store(project)
    content = msgspec.json.decode(valid(kept))
    spoil(content, data)
    Path(kept._path).write_bytes(msgspec.json.encode(content))
    loads_or_refuses(kept)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.just(10**18),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


def spoil(content: Any, data: st.DataObject) -> None:
    """Replace one value somewhere within."""
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = data.draw(st.sampled_from(keys))
    inner = content[key]
    if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
        spoil(inner, data)
    else:
        content[key] = data.draw(VALUES)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"7", b'{"configured":7}', b"[" * 100_000])
def test_a_spoilt_roster_is_refused(kept: Store, content: bytes) -> None:
    """The services written down are read, or refused with the file's name (P10)."""
    Path(kept._project.roster).write_bytes(content)
    with pytest.raises(GuardianError, match=r"roster\.json"):
        kept.load_roster()


def test_the_roster_comes_back(kept: Store) -> None:
    """Configured and added services, and whether a monitor is wanted."""
    kept.save_roster(SPECS[:1], SPECS[1:], monitor=True)
    assert again(kept).load_roster() == (SPECS[:1], SPECS[1:], True)


def test_a_folder_that_is_gone_is_said(kept: Store) -> None:
    """A state that cannot be written is an error that names it, and is tried again (P10)."""
    kept.note_lives(lived())
    os.rename(kept._project.folder, f"{kept._project.folder}.away")
    with pytest.raises(GuardianError, match=r"cannot write .*state\.json"):
        kept.flush()
    os.rename(f"{kept._project.folder}.away", kept._project.folder)
    kept.flush()
    assert again(kept).load()[0].life("web").live


FULL = """
import os, resource, signal, sys
from pathlib import Path
from guardian.daemon import store
from guardian.errors import GuardianError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = sys.argv[1]
store.write(path, b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for size in (101, 5000):
    try:
        store.write(path, b"x" * size)
    except GuardianError as error:
        print("refused", Path(path).read_bytes())
"""


def test_what_does_not_fit_leaves_the_old_state(tmp_path: Path) -> None:
    """Where only a part can be written the old state stays whole (P6)."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "f")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["refused b'old'"] * 2, done.stderr
