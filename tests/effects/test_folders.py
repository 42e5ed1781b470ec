"""Where guardian's folders are, and whom it trusts them to."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from house import House

from guardian.effects import folders
from guardian.errors import GuardianError

UID = os.geteuid()
MOUNTS = """\
20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
21 20 0:20 / /home rw - nfs4 server:/home rw
22 21 0:21 / /home/me/fast rw - tmpfs tmpfs rw
23 20 0:22 / /mnt/with\\040blank rw - fuse.sshfs me@there:/ rw
24 20 0:23 / /mnt/local rw - fuse.bindfs / rw
25 20 0:24 / /mnt/twice rw - nfs server:/a rw
26 20 0:25 / /mnt/twice rw - ext4 /dev/vdb rw
27 20 no separator, fewer fields
"""


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home, and no variable that leads elsewhere."""
    for name in (folders.STATE, folders.RUNTIME, "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(folders, "SESSIONS", str(tmp_path / "sessions"))
    return tmp_path


def test_state_is_where_the_first_variable_says(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GUARDIAN_STATE_DIR, then XDG_STATE_HOME, then ~/.local/state."""
    assert folders.state_path() == str(nothing_set / ".local/state/guardian")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert folders.state_path() == str(nothing_set / ".local/state/guardian")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert folders.state_path() == "/xdg/guardian"
    monkeypatch.setenv(folders.STATE, "/mine")
    assert folders.state_path() == "/mine"


def test_the_runtime_folder_of_a_session_counts_when_it_is_ours(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `su` left of another user's session in the environment is not used (P2)."""
    ours = nothing_set / "session"
    ours.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(ours))
    assert folders.runtime_path() == str(ours / "guardian")
    for elsewhere in ("relative", str(nothing_set / "missing")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", elsewhere)
        assert folders.runtime_path() == f"/tmp/guardian-{UID}"
    monkeypatch.setenv(folders.RUNTIME, "mine")
    assert folders.runtime_path() == str(Path.cwd() / "mine")


def test_a_job_without_a_session_finds_the_folder_of_the_desktop(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron sets no XDG_RUNTIME_DIR, and its launches still share their slots with the desktop's (P5)."""
    ours = nothing_set / "sessions" / str(UID)
    ours.mkdir(parents=True)
    assert folders.runtime_path() == str(ours / "guardian")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(ours))
    assert folders.runtime_path() == str(ours / "guardian")


def test_a_session_folder_of_somebody_else_is_passed_over(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ownership decides, not the variable (P9)."""
    session = nothing_set / "session"
    session.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    monkeypatch.setattr(folders.os, "geteuid", lambda: UID + 1)
    assert folders.runtime_path() == f"/tmp/guardian-{UID + 1}"


def test_a_new_folder_is_for_us_alone(tmp_path: Path) -> None:
    """It is made 0700, with the folders above it, and found again the next time (P9)."""
    path = tmp_path / "a" / "b" / "guardian"
    for _ in range(2):
        assert folders.private_dir(str(path)) == str(path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o700, 0o700]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777, 0o720])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever may write there could put locks and slots in our way (P9, P10)."""
    path = tmp_path / "open"
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(GuardianError, match=r"others may write to .*chmod 700") as caught:
        folders.private_dir(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder_that_others_may_read_is_fine(tmp_path: Path) -> None:
    """0755, as an umask makes it, lets nobody else change anything."""
    path = tmp_path / "read"
    path.mkdir(mode=0o755)
    assert folders.private_dir(str(path))


@pytest.mark.usefixtures("needs_root")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """It names who has it, who we are, and the variable to set (P9, P10)."""
    path = tmp_path / "theirs"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(GuardianError, match=r"uid 12345, not to you \(uid 0\).* set GUARDIAN_X"):
        folders.private_dir(str(path), variable="GUARDIAN_X")


def test_links_and_files_are_refused(tmp_path: Path) -> None:
    """A link could lead anywhere by the next look; a dangling one too (P9, P10)."""
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    for name, where in (("link", target), ("dangling", tmp_path / "missing")):
        (tmp_path / name).symlink_to(where)
        with pytest.raises(GuardianError, match="is a link, and guardian follows none"):
            folders.private_dir(str(tmp_path / name))
    (tmp_path / "file").write_text("")
    with pytest.raises(GuardianError, match="is no folder"):
        folders.private_dir(str(tmp_path / "file"))


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.ENAMETOOLONG])
def test_what_the_system_refuses_is_said_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """One line with the folder, the system's words and what to do (P10)."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folders.os, "mkdir", refuse)
    with pytest.raises(GuardianError) as caught:
        folders.private_dir(str(tmp_path / "new"))
    text = str(caught.value)
    assert str(tmp_path / "new") in text
    assert os.strerror(number) in text
    assert "set GUARDIAN_RUNTIME_DIR" in text
    assert "\n" not in text


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    """No folder can be made below a file (P10)."""
    (tmp_path / "file").write_text("")
    with pytest.raises(GuardianError, match="Not a directory"):
        folders.private_dir(str(tmp_path / "file" / "guardian"))


def test_both_folders_are_made_where_the_house_says(house: House) -> None:
    """state_dir and runtime_dir make what state_path and runtime_path name."""
    assert folders.state_dir() == str(house.state)
    assert folders.runtime_dir() == str(house.runtime)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/guardian-1000", ""),
        ("/home/me/.guardian", "nfs4"),
        ("/home", "nfs4"),
        ("/homestead", ""),
        ("/home/me/fast/guardian", ""),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/mnt/local/x", ""),
        ("/mnt/twice/x", ""),
    ],
)
def test_network_file_systems_are_known_by_their_mount(path: str, kind: str) -> None:
    """The longest mount point above decides, and of several on one point the last (P5)."""
    assert folders.network_type(path, MOUNTS) == kind


def test_a_network_folder_is_refused_for_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots on NFS would be shared among machines that do not see each other's processes (P5, P10)."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"20 1 0:1 / / rw - ext4 d rw\n21 20 0:2 / {tmp_path} rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(folders, "MOUNTS", str(mounts))
    with pytest.raises(GuardianError, match=r"network file system \(nfs4\).*GUARDIAN_RUNTIME_DIR"):
        folders.require_local(str(tmp_path / "run"))
    folders.require_local("/elsewhere")
    monkeypatch.setattr(folders, "MOUNTS", str(tmp_path / "missing"))
    folders.require_local(str(tmp_path / "run"))
