"""Owning a tree by a cgroup of version 2 (kernel: admin-guide/cgroup-v2.rst), where one may be created.

Works without any controller, so also in the `unified` mount of a hybrid machine: what counts are
cgroup.kill (Linux 5.14), which ends everybody at once, whatever forks meanwhile.
The owner is a subreaper as well: a member with the rights to leave the cgroup stays its descendant.
"""

from __future__ import annotations

import os
import time

from guardian.contain.kernel import fork_into
from guardian.contain.subreaper import Subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn

    from guardian.procs.model import Proc, ProcId

MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")  # of a unified and of a hybrid machine (systemd(1))
WALK = 1.0  # seconds between two walks over the tree, for those who left the cgroup
HEADROOM = 0.1  # of memory.max above the limit: our own, politer look comes first


def text_of(path: str) -> str:
    """Return the whole text of a file of the kernel's; OSError when it is not there."""
    with open(path, "rb", buffering=0) as file:
        return file.read().decode("utf-8", "surrogateescape")


def mount_point() -> str:
    """Return where cgroup v2 is mounted; empty when it is not."""
    for path in MOUNTS:
        if os.path.exists(f"{path}/cgroup.controllers"):
            return path
    try:
        lines = text_of("/proc/self/mountinfo").splitlines()
    except OSError:
        return ""
    found = (line.partition(" - ") for line in lines)
    return next((left.split()[4] for left, _, right in found if right.startswith("cgroup2 ")), "")


def own_group() -> str:
    """Return the folder of this process's cgroup; empty when there is none (cgroups(7))."""
    mount = mount_point()
    try:
        lines = text_of("/proc/self/cgroup").splitlines()
    except OSError:
        return ""
    path = next((line[3:] for line in lines if line.startswith("0::")), "")
    return mount + path.rstrip("/") if mount and path and not path.startswith("/..") else ""


class CannotCreate(Exception):
    """There can be no cgroup here; the text says why, and what would help."""


class Cgroup(Subreaper):
    """Owns everybody in a cgroup of its own, and everybody below this process."""

    name = "cgroup"

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._limited = False  # whether memory.max is set
        self._leavers: list[int] = []  # below this process, but not in the cgroup, at the last walk
        self._walked = 0.0  # when that was, monotonic
        self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @classmethod
    def create(cls, run_id: str, *, parent: str | None = None) -> Cgroup:
        """Make a cgroup below `parent`, our own unless given; CannotCreate says why not."""
        parent = own_group() if parent is None else parent
        if not parent:
            raise CannotCreate("cgroup v2 is not mounted, or this process is in none")
        folder = f"{parent}/guardian-{run_id}-{os.urandom(4).hex()}"
        try:
            os.mkdir(folder)
        except OSError as error:
            raise CannotCreate(
                f"no cgroup may be created in {parent} ({error.strerror}); systemd delegates one: "
                "systemd-run --user --scope -p Delegate=yes"
            ) from None
        if not os.path.exists(f"{folder}/cgroup.kill"):
            os.rmdir(folder)
            raise CannotCreate("this kernel has no cgroup.kill (Linux 5.14)")
        return cls(folder)

    def limit_memory(self, limit: int) -> bool:
        """Set memory.max a little above the limit, as a backstop; whether the controller is there for us."""
        try:
            self._write("memory.max", str(int(limit * (1 + HEADROOM))))
            self._write("memory.oom.group", "1")
            self._limited = True
        except OSError:
            pass  # no such controller here
        return self._limited

    def spawn(self, child: Callable[[], NoReturn]) -> int:
        """Fork into the cgroup; on a kernel that cannot (before 5.7) the child moves itself."""
        pid = fork_into(self._handle)
        if pid is None:
            return super().spawn(lambda: self._enter_and(child))
        if pid == 0:
            child()
        return pid

    def _enter_and(self, child: Callable[[], NoReturn]) -> NoReturn:
        try:
            self._write("cgroup.procs", "0")
        except OSError:
            pass  # it is below a subreaper all the same
        child()

    def _write(self, file: str, text: str) -> None:
        """Write to one of the cgroup's files; OSError when the kernel refuses."""
        fd = os.open(f"{self.folder}/{file}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode("ascii"))
        finally:
            os.close(fd)

    def _groups(self) -> Iterator[str]:
        """Name the cgroup's folder and those that members made in it, the deepest first."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            yield folder

    def _inside(self) -> list[int]:
        """Return the pids in the cgroup; 0 is one of another PID namespace, which is left to the kernel."""
        pids: list[int] = []
        for folder in self._groups():
            try:
                pids += map(int, text_of(f"{folder}/cgroup.procs").split())
            except OSError:
                continue  # removed meanwhile, or a threaded one: its processes are listed above it
        return [pid for pid in pids if pid > 0]

    def holds(self, targets: Iterable[ProcId]) -> frozenset[ProcId]:
        """Return which of these are in the cgroup, by one read for all, or still who they were.

        A pid that is listed after its handle was opened belongs to a member. If that is not whom
        the handle means, then who it means has gone, and the signal reaches nobody.
        """
        inside = frozenset(self._inside())
        return frozenset(who for who in targets if who.pid in inside or self.identify(who.pid) == who)

    def everybody(self) -> list[Proc]:
        """Return everybody in the cgroup, and those below this process who have left it.

        The second costs a walk over the whole tree and needs rights that few members have, so it
        is done once a second, and whenever nobody is inside.
        """
        inside, now = self._inside(), time.monotonic()
        if not inside or now >= self._walked + WALK:
            known = frozenset(inside)
            self._leavers = [pid for pid in self._pids() if pid not in known]
            self._walked = now
        return self._looks(dict.fromkeys([*inside, *self._leavers]))

    def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """Return whom of these `kill` would end: those inside, and nobody can be forked past it.

        Not those whose first thread has ended while others live: cgroup.kill signals the first
        thread alone (kernel/cgroup/cgroup.c, __cgroup_kill), and the dead do not pass it on.
        """
        inside = frozenset(self._inside())
        return frozenset(proc.id for proc in members if proc.pid in inside and proc.state != "Z")

    def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
        """End everybody in the cgroup, those included that are being forked.

        Not frozen before: to wake 500 of them twice takes 10 ms of 45 (Linux 6.18).
        """
        reached = self.at_once(members)
        try:
            self._write("cgroup.kill", "1")
        except OSError:
            return frozenset()  # then each gets its signal
        return reached

    def cpu(self) -> float:
        """Return CPU seconds of everybody who is or was in the cgroup."""
        used = self._numbers("cpu.stat").get("usage_usec")
        return -1.0 if used is None else used / 1e6

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended the cgroup at memory.max."""
        return self._limited and self._numbers("memory.events").get("oom_group_kill", 0) > 0

    def _numbers(self, file: str) -> dict[str, int]:
        """Read a file of "name number" lines; empty where there is none."""
        try:
            text = text_of(f"{self.folder}/{file}")
        except OSError:
            return {}
        return {name: int(number) for name, number in (line.split() for line in text.splitlines())}

    def close(self) -> None:
        """Remove the cgroup; who may go on living moves to where guardian came from."""
        for pid in self._inside():
            try:
                self._write("../cgroup.procs", str(pid))
            except OSError:
                continue  # ended meanwhile
        for folder in self._groups():
            try:
                os.rmdir(folder)
            except OSError:
                return  # somebody who cannot be moved: the cgroup lives as long
