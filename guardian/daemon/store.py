"""What outlives a daemon, in files that are replaced by rename: no reader sees half of one (rename(2)).

A life has its own file, so that of a hundred services only those are written that changed.
"""

from __future__ import annotations

import json
import os

from guardian.contain.mark import Mark
from guardian.errors import GuardianError
from guardian.procs.model import ProcId
from guardian.services import saving
from guardian.services.mind import Memory
from guardian.services.spec import ServiceSpec
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.services.tending import Service


class TreeRecord(Value):
    """A tree that may run: enough to find it whatever happened to the daemon."""

    name: str
    generation: int
    mark: Mark
    cgroup: str
    boot: str  # in which it was started; after another one it is gone
    leader: ProcId | None = None

    @property
    def id(self) -> str:
        """Name and generation in one word; names hold no colon."""
        return f"{self.name}:{self.generation}"


def boot_id() -> str:
    """Return what is another value after each boot (random(4)); empty where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def write(path: str, content: object) -> None:
    """Replace a file; GuardianError when that is not possible."""
    new = f"{path}.new"
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(content, file, separators=(",", ":"))
        os.replace(new, path)
    except OSError as error:
        raise GuardianError(f"cannot write {path}: {error.strerror}; make room there") from None


def read(path: str) -> Any:
    """Return what a file holds; None when there is none, GuardianError when it cannot be read."""
    try:
        with open(path, encoding="ascii") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GuardianError(f"cannot read {path}: {error}; remove it to begin anew") from None


class Store:
    """The files of one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.boot = boot_id()

    # lives

    def save_lives(self, before: Memory, after: Memory) -> None:
        """Write what changed in a life; looks and stirs alone are not worth a write."""
        for name, service in after.services.items():
            old = before.services.get(name)
            if old is None or old.life is not service.life:
                record = {
                    "boot": self.boot,
                    **saving.save(Memory({name: service}, forgotten=after.forgotten)),
                }
                write(self._life(name), record)
        for name in before.services.keys() - after.services.keys():
            _remove(self._life(name))

    def load_lives(self) -> Memory:
        """Return the memory of the last daemon; of before the last boot only what outlives one."""
        services: dict[str, Service] = {}
        forgotten = 0
        for path in self._files("lives"):
            found = read(path)
            memory = saving.load(found)
            if found.get("boot") != self.boot:
                memory = saving.rebooted(memory)
            services |= memory.services
            forgotten = max(forgotten, memory.forgotten)
        return Memory(services, forgotten=forgotten)

    def _life(self, name: str) -> str:
        return self._project.below("lives", f"{name}.json")

    # trees

    def save_tree(self, tree: TreeRecord) -> None:
        """Write a tree down: before it is started, and again when its leader is known."""
        record = tree.asdict() | {"mark": list(tree.mark.astuple())}
        record["leader"] = list(tree.leader.astuple()) if tree.leader else None
        write(self._tree(tree.id), record)

    def forget_tree(self, key: str) -> None:
        """It is gone."""
        _remove(self._tree(key))

    def load_trees(self) -> list[TreeRecord]:
        """Return every tree that may run."""
        found = [_tree_record(read(path)) for path in self._files("trees")]
        for tree in found:
            if tree.boot != self.boot:
                self.forget_tree(tree.id)
        return [tree for tree in found if tree.boot == self.boot]

    def _tree(self, key: str) -> str:
        return self._project.below("trees", f"{key}.json")

    # the roster

    def save_roster(
        self, configured: Iterable[ServiceSpec], added: Iterable[ServiceSpec], *, monitor: bool
    ) -> None:
        """Write the services down that there are, and whether a monitor is wanted."""
        content = {
            "configured": [saving.plain(spec) for spec in configured],
            "added": [saving.plain(spec) for spec in added],
            "monitor": monitor,
        }
        write(self._project.roster, content)

    def load_roster(self) -> tuple[tuple[ServiceSpec, ...], tuple[ServiceSpec, ...], bool]:
        """Return the services that are configured, those that were added, and whether a monitor is wanted."""
        found = read(self._project.roster) or {"configured": [], "added": [], "monitor": False}
        return saving.specs(found["configured"]), saving.specs(found["added"]), bool(found.get("monitor"))

    def _files(self, folder: str) -> Iterator[str]:
        for name in sorted(os.listdir(self._project.below(folder))):
            if name.endswith(".json"):
                yield self._project.below(folder, name)


def _tree_record(found: dict[str, Any]) -> TreeRecord:
    leader = ProcId(*found["leader"]) if found["leader"] else None
    return TreeRecord(**found | {"mark": Mark(*found["mark"]), "leader": leader})


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
