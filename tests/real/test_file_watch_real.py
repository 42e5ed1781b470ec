"""Changes of true files: none is missed, none is made up, and what is ignored costs nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alone import alone, namespace
from house import House
from waiting import wait_until

from guardian.probes.files import FileWatch
from guardian.probes.folders import Watched
from guardian.services import watching
from guardian.services.spec import ServiceSpec

SOON = 20.0  # seconds, on a loaded machine
SPEC = ServiceSpec("any", "true", watch=True)


def ignored(path: str) -> bool:
    """Ignore what every service ignores: node_modules, .git …"""
    return watching.ignored(SPEC, path)


class Listener:
    """Takes in what is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.complaints: list[tuple[str, str]] = []
        self._more = asyncio.Event()
        self.files = FileWatch(self._changed, lambda name, why: self.complaints.append((name, why)))

    def _changed(self, name: str, paths: tuple[str, ...]) -> None:
        self.told += [(name, path) for path in paths]
        self._more.set()

    async def hear(self, *expected: tuple[str, str]) -> None:
        """Wait until these were told, and forget them."""
        async with asyncio.timeout(SOON):
            while not set(expected) <= set(self.told):
                self._more.clear()
                await self._more.wait()
        self.told.clear()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener that leaves neither an inotify handle nor a thread of its own behind."""
    made = Listener()
    yield made
    await made.files.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "files"]
    # closed by a thread of the library's, which nothing tells of
    wait_until(lambda: not inotify_handles(), SOON, what="the end of the inotify handles")
    assert not made.complaints


@pytest.fixture
def place(house: House) -> Path:
    """A service's folder."""
    folder = house.root / "web"
    (folder / "src").mkdir(parents=True)
    return folder


def write(path: Path) -> None:
    """Write a file, and make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


async def test_changes_are_told_by_service(listener: Listener, place: Path) -> None:
    """Each service hears of what is below its own folder, from there, with slashes."""
    await listener.files.watch(
        {"web": Watched(str(place), ignored), "src": Watched(str(place / "src"), ignored)}
    )
    write(place / "src/a.py")
    await listener.hear(("web", "src/a.py"), ("src", "a.py"))
    (place / "src/a.py").rename(place / "b.py")
    await listener.hear(("web", "src/a.py"), ("web", "b.py"), ("src", "a.py"))
    (place / "b.py").unlink()
    await listener.hear(("web", "b.py"))


async def test_what_is_ignored_is_neither_told_nor_watched(listener: Listener, place: Path) -> None:
    """Folders of node_modules are not among those that the kernel watches for us."""
    for number in range(100):
        (place / f"node_modules/{number}").mkdir(parents=True)
    await listener.files.watch({"web": Watched(str(place), ignored)})
    assert watches() == 2
    write(place / "node_modules/1/x.js")
    write(place / "src/module.pyc")
    write(place / "src/last")
    await asyncio.wait_for(until_told(listener, ("web", "src/last")), SOON)
    assert set(listener.told) == {("web", "src/last")}


async def until_told(listener: Listener, one: tuple[str, str]) -> None:
    """Wait without forgetting."""
    while one not in listener.told:
        listener._more.clear()
        await listener._more.wait()


def inotify_handles() -> list[str]:
    """Return the numbers of this process's inotify descriptors."""
    return [fd for fd in os.listdir("/proc/self/fd") if "inotify" in os.path.realpath(f"/proc/self/fd/{fd}")]


def watches() -> int:
    """Return how many folders the kernel watches for this process (proc(5), fdinfo of inotify)."""
    infos = [Path(f"/proc/self/fdinfo/{fd}").read_text() for fd in inotify_handles()]
    return sum(info.count("inotify wd:") for info in infos)


async def test_new_folders_are_watched_with_what_is_in_them(listener: Listener, place: Path) -> None:
    """What was written before the new folder was watched is told too, and so is what comes later."""
    await listener.files.watch({"web": Watched(str(place), ignored)})
    write(place / "a/b/c/first")
    await listener.hear(("web", "a/b/c/first"))
    write(place / "a/b/c/second")
    await listener.hear(("web", "a/b/c/second"))


async def test_a_folder_that_is_made_again_is_watched_again(listener: Listener, place: Path) -> None:
    """Another folder of the same name is another one for the kernel, not for us."""
    await listener.files.watch({"web": Watched(str(place), ignored)})
    for number in range(3):
        shutil.rmtree(place / "src")
        write(place / f"src/first{number}")
        await listener.hear(("web", f"src/first{number}"))
        write(place / f"src/second{number}")
        await listener.hear(("web", f"src/second{number}"))


async def test_a_service_whose_folder_comes_later(listener: Listener, place: Path) -> None:
    """It is waited for, and again when it was removed; the others' changes are told all the while."""
    late = place.parent / "late/er"
    await listener.files.watch({"web": Watched(str(place), ignored), "late": Watched(str(late), ignored)})
    write(late / "x/one")
    await listener.hear(("late", "x/one"))
    write(place / "here")
    await listener.hear(("web", "here"))
    shutil.rmtree(late.parent)
    write(late / "two")
    await listener.hear(("late", "two"))
    write(late / "three")
    await listener.hear(("late", "three"))


async def test_nothing_is_lost_while_the_set_changes(listener: Listener, place: Path) -> None:
    """Files are written all the time, folders come, services come and go: every file is told."""
    written: list[str] = []
    done = threading.Event()

    def writer() -> None:
        number = 0
        while not done.is_set() and number < 20_000:
            number += 1
            path = f"src/f{number}" if number % 50 else f"new{number}/deep/f"
            write(place / path)
            written.append(path)
            done.wait(0.002)

    web, other = Watched(str(place), ignored), Watched(str(place / "src"), ignored)
    await listener.files.watch({"web": web})
    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for _ in range(5):
            await listener.files.watch({"web": web, "other": other})
            await listener.files.watch({"web": web})
    finally:
        done.set()
        await asyncio.to_thread(thread.join)
    assert len(written) > 100
    await listener.hear(*(("web", path) for path in written))


async def test_what_is_not_wanted_any_more_is_not_told(listener: Listener, place: Path) -> None:
    """A service that was taken out is silent, and its folders are let go."""
    other = place.parent / "other"
    other.mkdir()
    both = {"web": Watched(str(place), ignored), "other": Watched(str(other), ignored)}
    await listener.files.watch(both)
    await listener.files.watch({"other": both["other"]})
    write(place / "src/a")
    write(other / "b")
    await listener.hear(("other", "b"))
    write(place / "src/c")
    write(other / "d")
    await asyncio.wait_for(until_told(listener, ("other", "d")), SOON)
    assert {name for name, _ in listener.told} == {"other"}


LIMITED = """
import asyncio, pathlib
root = pathlib.Path({root!r})
pathlib.Path("/proc/sys/user/{limit}").write_text("{value}")
from guardian.probes.files import FileWatch
from guardian.probes.folders import Watched
async def main():
    told, complaints, came = [], [], asyncio.Event()
    def changed(name, paths):
        told.append((name, *paths)); came.set()
    files = FileWatch(changed, lambda name, why: complaints.append((name, why)))
    await files.watch({{name: Watched(str(root / name), lambda path: False) for name in ("small", "big")}})
    (root / "small/x").write_text("x"); (root / "big/1/x").write_text("x")
    try:
        await asyncio.wait_for(came.wait(), {patience})
    except TimeoutError:
        pass
    await files.close()
    tell(told=told, complaints=complaints)
asyncio.run(main())
"""


@pytest.fixture
def sizes(house: House) -> Path:
    """The folders of a small and of a big service."""
    (house.root / "small").mkdir()
    for number in range(50):
        (house.root / f"big/{number}").mkdir(parents=True)
    return house.root


def test_too_many_folders_are_one_services_trouble(sizes: Path) -> None:
    """The one with most of them is told what to do; the others are watched all the same."""
    code = LIMITED.format(root=str(sizes), limit="max_inotify_watches", value=20, patience=SOON)
    found = alone(code, inside=namespace("--user", "--map-root-user"))
    assert found["told"] == [["small", "x"]]
    ((name, why),) = found["complaints"]
    assert name == "big"
    assert why.startswith(
        "cannot watch its 51 folders: the kernel's limit is reached (sysctl fs.inotify.max_user"
    )


def test_without_any_watching_everybody_is_told(sizes: Path) -> None:
    """No inotify to be had: each service is told why, and nothing else happens."""
    code = LIMITED.format(root=str(sizes), limit="max_inotify_instances", value=0, patience=0.5)
    found = alone(code, inside=namespace("--user", "--map-root-user"))
    assert found["told"] == []
    assert [name for name, _ in found["complaints"]] == ["big", "small"]
    assert "Too many open files" in found["complaints"][0][1]
