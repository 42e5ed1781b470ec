"""What a service gets from guardian: the variables that it should, and none of guardian's secrets."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.daemon import surroundings
from guardian.daemon.surroundings import CannotLaunch, launch_of, read_env_file, user_of
from guardian.keep.launch import Launch
from guardian.services.spec import ServiceSpec


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """What is inherited is read once in a process: here, once in a test."""
    surroundings._inherited.cache_clear()
    yield
    surroundings._inherited.cache_clear()


def launch(root: Path, **values: Any) -> Launch:
    spec = ServiceSpec(**{"name": "web", "command": "true", **values})
    return launch_of(spec, root=str(root), key="web:3")


SECRETS = [
    "GUARDIAN_TOKEN",
    "GUARDIAN_WEB_TOKEN_2",
    "GUARDIAN_SECRET_X",
    "GUARDIAN_DB_PASSWORD",
    "GUARDIAN_KEY",
]


@pytest.mark.parametrize("clean", [True, False])
def test_secrets_of_guardian_reach_no_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clean: bool
) -> None:
    """Tokens and their like stay with guardian, also when all of the environment is to be kept (P9)."""
    for name in SECRETS:
        monkeypatch.setenv(name, "sesame")
    monkeypatch.setenv("NOTIFY_SOCKET", "/somebody/elses")
    monkeypatch.setenv("ORDINARY", "x")
    env = launch(tmp_path, clean_env=clean, keep_env=("*",)).env
    assert not [name for name, value in env.items() if value == "sesame"]
    assert "NOTIFY_SOCKET" not in env
    assert env["ORDINARY"] == "x"


def test_a_service_may_have_a_variable_of_its_own_of_that_name(tmp_path: Path) -> None:
    """What the configuration gives is given, whatever its name."""
    assert launch(tmp_path, env={"GUARDIAN_TOKEN": "mine"}).env["GUARDIAN_TOKEN"] == "mine"


def test_a_clean_environment_is_what_is_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With clean_env only names of keep_env are inherited, beside what guardian says of the service."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("PATH", "LC_TIME", "SECRET", "KEPT"):
        monkeypatch.setenv(name, name.lower())
    env = launch(tmp_path, clean_env=True, env={"OWN": "1"}).env
    assert dict(env) == {
        "PATH": "path",
        "LC_TIME": "lc_time",
        "OWN": "1",
        "GUARDIAN_SERVICE": "web",
        "GUARDIAN_RUN_ID": "web.3",
    }
    surroundings._inherited.cache_clear()
    env = launch(tmp_path, clean_env=True, keep_env=("KEPT",)).env
    assert set(env) == {"KEPT", "GUARDIAN_SERVICE", "GUARDIAN_RUN_ID"}


def test_what_is_nearer_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Inherited < first file < second file < env."""
    monkeypatch.setenv("A", "inherited")
    monkeypatch.setenv("B", "inherited")
    (tmp_path / "1.env").write_text("B=one\nC=one\nD=one\nE=one\n")
    (tmp_path / "2.env").write_text("C=two\nD=two\n")
    env = launch(tmp_path, env_files=("1.env", "2.env"), env={"D": "env"}).env
    assert [env[name] for name in "ABCDE"] == ["inherited", "one", "two", "env", "one"]


FILE = """
# a comment
export A=1
B = spaces around
C="quoted # here"
D='single "in" it'
E=
F=a=b=c
  G=indented
H="half
I=$A ${B} `date`
A=2
"""


def test_a_file_of_variables_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Comments, export, quotes and blanks are understood; nothing is expanded or run."""
    (tmp_path / "x.env").write_text(FILE)
    assert read_env_file(str(tmp_path / "x.env")) == {
        "A": "2",
        "B": "spaces around",
        "C": "quoted # here",
        "D": 'single "in" it',
        "E": "",
        "F": "a=b=c",
        "G": "indented",
        "H": '"half',
        "I": "$A ${B} `date`",
    }


@pytest.mark.parametrize("line", ["no sign", "=nothing", "A\0=1", "A=x\0"])
def test_what_is_no_variable_names_its_line(tmp_path: Path, line: str) -> None:
    """A line that is none is told with file and number (P10)."""
    (tmp_path / "x.env").write_text(f"A=1\n\n{line}\n")
    with pytest.raises(CannotLaunch, match=r"x\.env, line 3: expected NAME=value"):
        read_env_file(str(tmp_path / "x.env"))


@given(st.binary(max_size=200))
def test_a_file_of_bytes_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever a file holds: variables that exec takes, or a clear no (P10)."""
    file = tmp_path_factory.mktemp("env") / "x.env"
    file.write_bytes(content)
    try:
        found: Mapping[str, str] = read_env_file(str(file))
    except CannotLaunch:
        return
    for name, value in found.items():
        assert name
        assert "=" not in name
        assert b"\0" not in os.fsencode(name) + os.fsencode(value)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    """No file, or none that can be read: its path and the reason (P10)."""
    if kind == "folder":
        (tmp_path / "x.env").mkdir()
    with pytest.raises(CannotLaunch, match=r"env_files: cannot read .*x\.env"):
        launch(tmp_path, env_files=("x.env",))


def test_another_user_brings_his_home(needs_root: None, tmp_path: Path) -> None:
    """A service of another user has that user's ids, groups, HOME, USER and SHELL."""
    entry = pwd.getpwnam("daemon")
    made = launch(tmp_path, user="daemon")
    assert (made.uid, made.gid) == (entry.pw_uid, entry.pw_gid)
    assert entry.pw_gid in made.groups
    assert (made.env["HOME"], made.env["USER"]) == (entry.pw_dir, "daemon")


def test_a_number_that_nobody_has_is_a_user(needs_root: None) -> None:
    """A uid without an entry is taken as it is, with its own group alone, none of root's."""
    found = user_of("54321")
    assert (found.uid, found.gid, found.groups) == (54321, 54321, ())


@pytest.mark.parametrize("word", ["no_such_user", "-1", "4294967295", "99999999999", "0x0", "²", "a\0b"])
def test_who_is_nobody_is_refused(word: str) -> None:
    """A name or number that is no user: a clear no, not an error of the system (P10)."""
    with pytest.raises(CannotLaunch, match="user: "):
        user_of(word)


def test_an_ordinary_user_can_be_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root another user is refused before anything is started."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(CannotLaunch, match="has to be root"):
        user_of("root")


def test_words_are_handed_over(tmp_path: Path) -> None:
    """Interpreter, mask, limits and folder arrive as they were written."""
    made = launch(
        tmp_path, command="x.py", interpreter="python3 -u", umask="027", rlimits={"core": 0}, cwd="sub/.."
    )
    assert made.argv == ("python3", "-u", "x.py")
    assert (made.umask, made.rlimits, made.cwd) == (0o27, {"core": 0}, str(tmp_path))
