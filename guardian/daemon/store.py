"""What outlives a daemon, in files that are replaced by rename: no reader sees half of one (rename(2)).

state.json holds lives and trees. It is written *before* anything is started, so that no tree can be
unknown to the next daemon, and before a client gets an answer. What only tells of the system, such
as that a leader runs, may wait for a moment: the next daemon would see it by itself. Each life is
encoded once for each change, so that of a hundred services the one that changed costs.
"""

from __future__ import annotations

import os

import msgspec

from guardian.contain.mark import Mark
from guardian.errors import GuardianError
from guardian.procs.model import ProcId
from guardian.services import saving
from guardian.services.mind import Memory
from guardian.services.spec import ServiceSpec
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from guardian.daemon.places import Project
    from guardian.services.living import Life


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


def write(path: str, content: bytes) -> None:
    """Replace a file; GuardianError when that is not possible."""
    new = f"{path}.new"
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb", buffering=0) as file:
            if file.write(content) < len(content):
                raise OSError(28, "No space left on device")
        os.replace(new, path)
    except OSError as error:
        raise GuardianError(f"cannot write {path}: {error.strerror}; make room there") from None


def read(path: str) -> Any:
    """Return what a file holds; None when there is none, GuardianError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GuardianError(f"cannot read {path}: {error}; remove it to begin anew") from None


def set_aside(path: str) -> str:
    """Put a file that cannot be read out of the way, for a person to look at; return its new path."""
    broken = f"{path}.broken"
    os.replace(path, broken)
    return broken


class Store:
    """The files of one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.boot = boot_id()
        self._forgotten = 0
        self._lives: dict[str, Life] = {}
        self._trees: dict[str, TreeRecord] = {}
        self._encoded: dict[str, bytes] = {}  # by service the life, by the id of a tree its record
        self._specs: dict[str, tuple[ServiceSpec | None, bytes]] = {}  # with which a life was started
        self._path = project.below("state.json")
        self.dirty = False

    # lives

    def note_lives(self, memory: Memory) -> None:
        """Take in how services stand; looks and stirs alone are not worth a write."""
        self._forgotten = memory.forgotten
        for name, service in memory.services.items():
            if self._lives.get(name) is not service.life:
                self._lives[name] = service.life
                self._encoded.pop(name, None)
                self.dirty = True
        for name in self._lives.keys() - memory.services.keys():
            del self._lives[name]
            self._encoded.pop(name, None)
            self._specs.pop(name, None)
            self.dirty = True

    # trees

    def note_tree(self, tree: TreeRecord) -> None:
        """Take in a tree: before it is started, and again when its leader is known."""
        self._trees[tree.id] = tree
        self._encoded.pop(tree.id, None)
        self.dirty = True

    def forget_tree(self, key: str) -> None:
        """It is gone."""
        if self._trees.pop(key, None) is not None:
            self._encoded.pop(key, None)
            self.dirty = True

    # the file

    def flush(self) -> None:
        """Write what has changed; GuardianError when that is not possible."""
        if not self.dirty:
            return
        head = {"boot": self.boot, "forgotten": self._forgotten}
        parts = {
            b"lives": [self._pair(name, self._plain_life) for name in self._lives],
            b"specs": [self._spec(life) for life in self._lives.values()],
            b"trees": [self._pair(key, self._plain_tree) for key in self._trees],
        }
        tables = [b'"%b":{%b}' % (name, b",".join(pairs)) for name, pairs in parts.items()]
        write(self._path, msgspec.json.encode(head)[:-1] + b"," + b",".join(tables) + b"}")
        self.dirty = False

    def _spec(self, life: Life) -> bytes:
        """Return the configuration that a life was started with; it is large, and hardly ever changes."""
        spec, encoded = self._specs.get(life.name, (None, b""))
        if not encoded or spec is not life.spec:
            plain = saving.plain(life.spec) if life.spec is not None else None
            encoded = msgspec.json.encode(life.name) + b":" + msgspec.json.encode(plain)
            self._specs[life.name] = life.spec, encoded
        return encoded

    def _pair(self, key: str, plain: Callable[[str], object]) -> bytes:
        if key not in self._encoded:
            self._encoded[key] = msgspec.json.encode(key) + b":" + msgspec.json.encode(plain(key))
        return self._encoded[key]

    def _plain_life(self, name: str) -> object:
        return saving.plain(self._lives[name].replace(spec=None))

    def _plain_tree(self, key: str) -> object:
        tree = self._trees[key]
        leader = tree.leader.astuple() if tree.leader else None
        return tree.asdict() | {"mark": tree.mark.astuple(), "leader": leader}

    def set_aside(self) -> str:
        """Put a state that cannot be read out of the way, for a person to look at; return its new path."""
        return set_aside(self._path)

    def load(self) -> tuple[Memory, list[TreeRecord]]:
        """Return the memory of the last daemon, and every tree that may run.

        Of before the last boot only what outlives one.
        """
        found = read(self._path)
        if found is None:
            return Memory(), []
        try:
            memory = saving.memory(found["lives"], found["specs"], forgotten=found["forgotten"])
            trees = [_tree_record(plain) for plain in found["trees"].values()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GuardianError(f"{self._path} is not what guardian wrote ({error}); remove it") from None
        if found["boot"] != self.boot:
            return saving.rebooted(memory), []
        self._trees = {tree.id: tree for tree in trees}
        return memory, trees

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
        write(self._project.roster, msgspec.json.encode(content))

    def load_roster(self) -> tuple[tuple[ServiceSpec, ...], tuple[ServiceSpec, ...], bool]:
        """Return the services that are configured, those that were added, and whether a monitor is wanted."""
        found = read(self._project.roster)
        if found is None:
            return (), (), False
        try:
            return saving.specs(found["configured"]), saving.specs(found["added"]), bool(found["monitor"])
        except (KeyError, TypeError, ValueError) as error:
            text = f"{self._project.roster} is not what guardian wrote ({error}); remove it"
            raise GuardianError(text) from None


def _tree_record(found: Mapping[str, Any]) -> TreeRecord:
    leader = ProcId(*found["leader"]) if found["leader"] else None
    return TreeRecord(**{**found, "mark": Mark(*found["mark"]), "leader": leader})
