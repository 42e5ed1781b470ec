from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardian.errors import Occupied
from guardian.guard.lock import MonitorLock, holder


def test_one_monitor_per_user(tmp_path: Path) -> None:
    """A second one is told which pid holds the lock, and how to end it."""
    first, second = MonitorLock(str(tmp_path)), MonitorLock(str(tmp_path))
    first.take()
    first.sign(since=1000.5)
    with pytest.raises(
        Occupied, match=f"running already, pid {os.getpid()}; end it with: kill {os.getpid()}"
    ):
        second.take()
    found = holder(str(tmp_path))
    assert found is not None
    assert (found.pid, found.since) == (os.getpid(), 1000.5)


def test_the_lock_is_free_when_its_holder_let_go(tmp_path: Path) -> None:
    """A lock file that nobody holds says nothing: no stale pid is believed (P6)."""
    lock = MonitorLock(str(tmp_path))
    lock.take()
    lock.sign(since=1.0)
    lock.free()
    assert holder(str(tmp_path)) is None
    lock.take()
    lock.free()


def test_no_lock_file_no_monitor(tmp_path: Path) -> None:
    """Where nobody ever watched nobody watches."""
    assert holder(str(tmp_path / "none")) is None


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    """The kernel frees the lock of a holder that was killed (P6)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        lock = MonitorLock(str(tmp_path))
        lock.take()
        lock.sign(since=1.0)
        os.write(writing, b"x")
        os.read(reading, 0)
        os.kill(os.getpid(), 9)
    assert os.read(reading, 1) == b"x"
    os.waitpid(child, 0)
    assert holder(str(tmp_path)) is None
