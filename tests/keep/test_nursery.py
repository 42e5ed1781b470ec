"""Children of the keeper: started once each, with a named step where they fail, followed to their end."""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.contain import mark
from guardian.contain.descent import identify
from guardian.keep.launch import Launch
from guardian.keep.nursery import Nursery

PATIENCE = 20.0
MARK = mark.HIGHEST - (1 << 30)


class Ward:
    """A nursery, its news, and the end of everybody who was started in it."""

    def __init__(self, root: Path) -> None:
        self.nursery, self.root = Nursery(), root
        self.pids: set[int] = set()
        self.out = root / "out"
        self.out.touch()

    def launch(self, *argv: str, **more: Any) -> Launch:
        given = {"id": "a:1", "argv": argv, "env": dict(os.environ), "out": str(self.out)}
        return Launch(**{**given, **more})

    def start(self, *argv: str, **more: Any) -> dict[str, Any]:
        """Start it; return the first news."""
        news = self.nursery.start(self.launch(*argv, **more))
        self.pids |= {child.who.pid for child in self.nursery.children.values()}
        return news or self.next_word()

    def next_word(self) -> dict[str, Any]:
        words = list(self.nursery.words())
        ready, _, _ = select.select(words, [], [], PATIENCE)
        assert ready, "it never had its say"
        news = self.nursery.hear(ready[0])
        assert news is not None
        return news

    def ended(self, key: str = "a:1") -> int:
        """Wait for the end of one; return its status."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for news in self.nursery.reap():
                if news.get("child") == key and news["status"] is not None:
                    return int(news["status"])
            select.select([], [], [], 0.005)
        raise AssertionError("it never ended")

    def said(self) -> str:
        return self.out.read_text()

    def clear(self) -> None:
        for child in self.nursery.children.values():
            if child.status is None and identify(child.who.pid) == child.who:
                os.kill(child.who.pid, signal.SIGKILL)  # ours, and not reaped
                os.waitpid(child.who.pid, 0)


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path)
    yield made
    made.clear()


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", f"import os, resource, signal, sys\n{code}")


BAD = {
    "output": ({"out": "/nowhere/fifo"}, errno.ENOENT),
    "cwd": ({"cwd": "/nowhere"}, errno.ENOENT),
    "exec": ({"argv": ("/nowhere/program",)}, errno.ENOENT),
    "limits": ({"rlimits": {"nofile": 1 << 62}}, errno.EPERM),
}


@pytest.mark.parametrize("step", BAD)
def test_a_failure_names_its_step(ward: Ward, step: str) -> None:
    """What hinders a child from becoming the service is told with the step and the error (P10)."""
    changes, number = BAD[step]
    news = ward.start("true", **changes)
    assert news == {"failed": "a:1", "step": step, "errno": number}
    assert not ward.nursery.children


@pytest.mark.parametrize("argv", [("a\0b",), ("",), ("/",), ("/etc/passwd",)])
def test_what_cannot_be_executed_is_told(ward: Ward, argv: tuple[str, ...]) -> None:
    """Names that no program can have are a failure of exec, never a silent end (P10)."""
    news = ward.start(*argv)
    assert (news["failed"], news["step"]) == ("a:1", "exec")


def test_an_environment_that_is_none_is_told(ward: Ward) -> None:
    """A variable that the system refuses is a failure of exec too."""
    news = ward.start("true", env={"A": "x\0y"})
    assert news["step"] == "exec"


def test_a_cgroup_that_is_not_there_is_told(ward: Ward) -> None:
    """A cgroup that has gone meanwhile: nothing is started, and the step is named."""
    news = ward.start("true", cgroup="/nowhere/cgroup")
    assert news["step"] in ("fork", "cgroup")
    assert news["errno"] == errno.ENOENT


def test_another_user_needs_rights(needs_root: None, ward: Ward) -> None:
    """A user id that cannot be is a failure of its step."""
    news = ward.start("true", uid=(1 << 32) - 2, gid=(1 << 32) - 2, groups=((1 << 32) - 1,))
    assert news["step"] in ("user", "output")


def test_nothing_is_started_twice_under_one_id(ward: Ward) -> None:
    """Asked again while it runs and after its end: the same child is told, none is started (P6)."""
    first = ward.start(*python("sys.stdin.read(); print('x', flush=True)"))
    for _ in range(3):
        again = ward.nursery.start(ward.launch("true"))
        assert again is not None
        assert (again["pid"], again["start"]) == (first["pid"], first["start"])
    assert ward.ended() == 0
    known = ward.nursery.start(ward.launch("true"))
    assert known is not None
    assert known["status"] == 0
    assert ward.said() == "x\n"
    ward.nursery.forget("a:1")
    assert not ward.nursery.children


def test_who_runs_is_not_forgotten(ward: Ward) -> None:
    """Only what has ended can be forgotten."""
    ward.start("sleep", "20")
    ward.nursery.forget("a:1")
    ward.nursery.forget("nobody")
    assert list(ward.nursery.children) == ["a:1"]


@pytest.mark.parametrize(("code", "status"), [("os._exit(7)", 7 << 8), ("os.kill(os.getpid(), 9)", 9)])
def test_the_end_is_told_as_the_kernel_tells_it(ward: Ward, code: str, status: int) -> None:
    """Exit code and signal of a leader arrive unchanged."""
    ward.start(*python(code))
    assert ward.ended() == status


def test_who_ends_before_anybody_listened_was_started(ward: Ward) -> None:
    """A child that is gone before its word was read is told as started, then as ended."""
    assert ward.nursery.start(ward.launch("true")) is None
    select.select(list(ward.nursery.words()), [], [], PATIENCE)
    assert ward.ended() == 0
    assert not list(ward.nursery.words())


def handed_on() -> list[int]:
    """Return the descriptors that whoever started the tests left open for everybody."""
    return [fd for fd in range(3, 99) if os.path.exists(f"/proc/self/fd/{fd}") and os.get_inheritable(fd)]


def test_a_child_is_what_it_should_be(ward: Ward) -> None:
    """Session, folder, mask, limits, mark, signals, stdin and descriptors are the service's, none of ours."""
    code = """
def is_open(fd):
    return os.path.exists(f'/proc/self/fd/{fd}') and os.readlink(f'/proc/self/fd/{fd}')
lines = [
    os.getsid(0) == os.getpid(), os.getcwd(), oct(os.umask(0)),
    resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_RTTIME)[1],
    signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    os.readlink('/proc/self/fd/0'), sorted(fd for fd in range(3, 99) if is_open(fd)), dict(os.environ),
]
print(*lines, sep='|')
"""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        ward.start(
            *python(code),
            cwd="/usr",
            umask=0o27,
            rlimits={"nofile": 99},
            mark=MARK,
            env={"A": "b", "É": "\udcff"},
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ward.ended() == 0
    found = ward.out.read_bytes().decode("utf-8", "surrogateescape").strip().split("|")
    assert found[:9] == [
        "True", "/usr", "0o27", "(99, 99)", str(MARK), "True", "set()", "/dev/null", str(handed_on()),
    ]  # fmt: skip
    assert "'A': 'b'" in found[9]


def test_a_child_gets_the_limit_of_files_that_guardian_had(ward: Ward) -> None:
    """Guardian raises its own limit of open files; who is started has the one from before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(10, soft - 1), hard))
    try:
        ward.start(*python("print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ward.ended() == 0
    from guardian.keep.limits import AT_START

    assert int(ward.said()) == AT_START[0]


def test_both_streams_have_their_ways(ward: Ward) -> None:
    """What is printed and complained goes where each is told to; without one of its own stderr goes along."""
    code = "os.write(1, b'out\\n'); os.write(2, b'err\\n')"
    ward.start(*python(code))
    assert ward.ended() == 0
    assert ward.said().split() == ["out", "err"]
    err = ward.root / "err"
    err.touch()
    ward.out.write_text("")
    ward.start(*python(code), id="a:2", err=str(err))
    assert ward.ended("a:2") == 0
    assert (ward.said(), err.read_text()) == ("out\n", "err\n")


ORPHAN = """
import os, select, sys
from guardian.keep import launch
from guardian.keep.launch import Launch
from guardian.keep.nursery import Nursery

def stall(_):
    os.write(int(sys.argv[1]), b"%d" % os.getpid())
    select.select([], [], [], 20)
launch.DOING["cwd"] = stall
Nursery().start(Launch("a:1", ("sleep", "20")))
select.select([], [], [], 20)
"""


def test_who_has_not_become_the_service_ends_with_the_keeper(tmp_path: Path) -> None:
    """Killed between fork and exec, the keeper leaves nobody whom no mark would show (P1, P6)."""
    reading, writing = os.pipe()
    keeper = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", ORPHAN, str(writing)],
        {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, writing)],
    )
    os.close(writing)
    try:
        child = int(os.read(reading, 20))
        handle = os.pidfd_open(child)
    finally:
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
    ready, _, _ = select.select([handle], [], [], PATIENCE)
    os.close(handle)
    os.close(reading)
    assert ready, "it lived on"
