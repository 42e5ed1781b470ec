"""The process trees of services: started through the keeper, adopted, ended; told to the mind as events."""

from __future__ import annotations

import asyncio
import os

from guardian.contain import mark
from guardian.daemon.deaths import ended, number_of
from guardian.daemon.endings import Endings
from guardian.daemon.kin import Family, Kin, leader_among, new_cgroup
from guardian.daemon.store import TreeRecord
from guardian.daemon.surroundings import CannotLaunch
from guardian.daemon.tree import Tree
from guardian.errors import GuardianError
from guardian.kill.signals import send
from guardian.procs.model import ProcId
from guardian.services import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardian.daemon.store import Store
    from guardian.keep.launch import Launch
    from guardian.keep.line import Message
    from guardian.services.effects import AskEnd, Signal, Spawn
    from guardian.services.events import Event

SETTLED = 0.1  # seconds after a keeper's death in which whoever it was starting has died, or can be found
SWEEP = 0.1  # seconds until the cgroup of a tree that is gone is removed: a restart comes first
CANNOT_HELP = frozenset({"exec", "user", "cwd", "limits"})  # steps that fail again if they are tried again


class Trees:
    """All trees of the daemon, by the id of service and generation."""

    def __init__(
        self,
        store: Store,
        *,
        tell: Callable[[Event], None],
        ask_keeper: Callable[[Message], None],
        begun: Callable[[Tree], None],
        ended: Callable[[Tree], None],
        gone: Callable[[Tree], None],
    ) -> None:
        self.family = Family()
        self.by_id: dict[str, Tree] = {}
        self._store, self._tell, self._ask_keeper = store, tell, ask_keeper
        self._begun, self._over = begun, gone
        self._loop = asyncio.get_running_loop()
        self._marks: set[int] = set()  # the numbers that trees have
        self._to_launch: list[Launch] = []
        self._endings = Endings(self.family, tell=tell, ended=ended, gone=self._gone)
        self._emptied: list[Kin] = []  # whose cgroups are to be removed
        self._handles: dict[str, int] = {}  # pidfds of leaders that are no children of the keeper

    # starting

    def start(self, action: Spawn, make: Callable[[str], Launch]) -> None:
        """Start the leader of a generation; `make` says what is to be launched under an id."""
        try:
            launch = make(f"{action.name}:{action.generation}")
        except CannotLaunch as error:
            self._tell(events.SpawnFailed(action.name, action.generation, str(error), final=True))
            return
        except GuardianError as error:
            self._tell(events.SpawnFailed(action.name, action.generation, str(error)))
            return
        record = self._record(action.name, action.generation)
        self.by_id[record.id] = self._tree(record)
        self._store.note_tree(record)
        self._to_launch.append(launch.replace(mark=record.mark.number, cgroup=record.cgroup))

    @property
    def to_launch(self) -> int:
        """How many are prepared, and not handed to the keeper."""
        return len(self._to_launch)

    def launch(self) -> None:
        """Let the keeper start what is to be started; its trees are written down by now."""
        for launch in self._to_launch:
            self._ask_keeper({"launch": launch.asdict()})
        self._to_launch.clear()

    def _record(self, name: str, generation: int) -> TreeRecord:
        number = mark.fresh(self._marks)
        return TreeRecord(name, generation, number, new_cgroup(f"{name}-{generation}"), self._store.boot)

    def _tree(self, record: TreeRecord) -> Tree:
        self._marks.add(record.mark.number)
        kin = Kin(self.family, record.mark, cgroup=record.cgroup)
        kin.leader = record.leader
        return Tree(record, kin)

    # what the keeper tells

    def heard(self, message: Message) -> None:
        """Take in what the keeper tells about a child."""
        if "failed" in message:
            self._not_started(message)
        elif "orphan" in message:
            self._endings.nudge_soon()
        elif message["child"] in self.by_id:
            self._follow(self.by_id[message["child"]], message)
        elif message["status"] is not None:
            self._ask_keeper({"forget": message["child"]})

    def _follow(self, tree: Tree, message: Message) -> None:
        if message["starting"]:
            return
        record = tree.record
        if tree.starting:
            who = ProcId(message["pid"], message["start"])
            self._started(tree, who)
            self._tell(
                events.Spawned(record.name, record.generation, ProcId(message["pid"], message["start"]))
            )
        if message["status"] is not None:
            self._leader_ended(tree, message["status"])

    def _started(self, tree: Tree, who: ProcId) -> None:
        tree.starting, tree.leads = False, True
        tree.record = tree.record.replace(leader=who)
        tree.kin.leader = who
        self.family.leaders.add(who.pid)
        self._store.note_tree(tree.record)
        self._begun(tree)

    def _leader_ended(self, tree: Tree, status: int) -> None:
        self._leader_gone(tree)
        self._ask_keeper({"forget": tree.record.id})
        self._tell(ended(tree.record, status))
        if tree.ending is not None:
            self._endings.go_on(tree)

    def _leader_gone(self, tree: Tree) -> None:
        tree.leads = False
        if tree.leader is not None:
            self.family.leaders.discard(tree.leader.pid)

    def _not_started(self, message: Message) -> None:
        tree = self.by_id.pop(message["failed"], None)
        if tree is None:
            return
        record, step = tree.record, message["step"]
        self._forget(tree)
        note = f"{step}: {os.strerror(message['errno'])}" if message["errno"] else step
        self._tell(events.SpawnFailed(record.name, record.generation, note, final=step in CANNOT_HELP))

    # adopting

    def adopt(self, records: Iterable[TreeRecord], have: dict[str, Message]) -> list[Event]:
        """Take over what an earlier brain left; return what has become of it."""
        found: list[Event] = []
        written = {record.id: record for record in records}
        unwritten = {
            key: self._unwritten(key, message) for key, message in have.items() if key not in written
        }
        for record in (written | unwritten).values():
            tree = self.by_id[record.id] = self._tree(record)
            known = have.get(record.id)
            if known is not None and known["starting"]:
                continue  # the keeper will tell
            if known is None:
                self.family.lost.add(record.id)  # its leader was another keeper's, or has ended
            found += self._adopted(tree, known)
        return found

    def _unwritten(self, key: str, message: Message) -> TreeRecord:
        """Return what can be seen of a child of the keeper of which nothing is written."""
        name, _, generation = key.rpartition(":")
        number = max(0, mark.of(message["pid"]))
        who = ProcId(message["pid"], message["start"])
        return TreeRecord(name, int(generation), mark.Mark(number), "", self._store.boot, who)

    def _adopted(self, tree: Tree, known: Message | None) -> list[Event]:
        if known is not None:
            tree.record = tree.record.replace(leader=ProcId(known["pid"], known["start"]))
        elif tree.record.leader is None:
            tree.record = tree.record.replace(leader=leader_among(tree.kin.members()))
        tree.starting = False
        record, status = tree.record, known["status"] if known else None
        result: list[Event] = []
        if record.leader is not None and status is None and (known or _is_there(tree)):
            self._started(tree, record.leader)
            result = [events.Adopted(record.name, record.generation, record.leader)]
            if known is None:
                self._watch(tree, record.leader)
        elif tree.kin.members():
            self._leader_gone(tree)
            result = [events.Adopted(record.name, record.generation), self._end_of(record, status)]
        else:
            self._leader_gone(tree)
            result = self._vain(record, status)
            del self.by_id[record.id]
            self._forget(tree)
        if status is not None:
            self._ask_keeper({"forget": record.id})
        return result

    def _vain(self, record: TreeRecord, status: int | None) -> list[Event]:
        """Return that nothing is left of a tree: it has ended, or was never started."""
        if record.leader is None:
            note = "guardian was killed before it was started"
            return [events.SpawnFailed(record.name, record.generation, note)]
        return [self._end_of(record, status), events.TreeGone(record.name, record.generation)]

    @staticmethod
    def _end_of(record: TreeRecord, status: int | None) -> Event:
        return events.Ended(record.name, record.generation) if status is None else ended(record, status)

    def _watch(self, tree: Tree, who: ProcId) -> None:
        """Wait for the end of a leader of which the keeper will not tell (pidfd_open(2))."""
        try:
            handle = os.pidfd_open(who.pid)
        except OSError:
            self._loop.call_soon(self._vanished, tree)
            return
        self._handles[tree.record.id] = handle
        self._loop.add_reader(handle, self._vanished, tree)

    def _vanished(self, tree: Tree) -> None:
        handle = self._handles.pop(tree.record.id, None)
        if handle is not None:
            self._loop.remove_reader(handle)
            os.close(handle)
        self._leader_gone(tree)
        self._tell(events.Ended(tree.record.name, tree.record.generation))
        if tree.ending is not None:
            self._endings.go_on(tree)

    def keeper_lost(self) -> None:
        """The keeper is gone: its children are somebody else's now."""
        self.family.lost.update(self.by_id)
        for tree in self.by_id.values():
            if tree.leads and tree.leader is not None and tree.record.id not in self._handles:
                self._watch(tree, tree.leader)
        waiting = {launch.id for launch in self._to_launch}
        starting = [tree for tree in self.by_id.values() if tree.starting and tree.record.id not in waiting]
        self._loop.call_later(SETTLED, self._give_up, starting)

    def _give_up(self, starting: Iterable[Tree]) -> None:
        """These were being started by a keeper that was killed: nobody will tell whether they run."""
        for tree in starting:
            if self.by_id.get(tree.record.id) is tree and tree.starting:
                for event in self._adopted(tree, None):
                    self._tell(event)

    # ending

    def end(self, action: AskEnd) -> None:
        """End a whole tree, politely first; once it is gone TreeGone is told."""
        tree = self.by_id.get(f"{action.name}:{action.generation}")
        if tree is None:
            self._tell(events.TreeGone(action.name, action.generation))
            return
        if tree.starting:
            return  # asked again when it exists
        self._endings.end(tree, action)

    def _gone(self, tree: Tree) -> None:
        """Nobody of a tree is left."""
        tree.over = True
        self._over(tree)
        del self.by_id[tree.record.id]
        self._forget(tree)
        self._tell(events.TreeGone(tree.record.name, tree.record.generation))

    def _forget(self, tree: Tree) -> None:
        self._marks.discard(tree.record.mark.number)
        self.family.lost.discard(tree.record.id)
        self._emptied.append(tree.kin)
        if len(self._emptied) == 1:
            self._loop.call_later(SWEEP, self.sweep)
        self._store.forget_tree(tree.record.id)

    def sweep(self) -> None:
        """Remove the cgroups of the trees that are gone."""
        while self._emptied:
            self._emptied.pop().close()

    # signals

    def signal(self, action: Signal) -> None:
        """Send one signal to the leader; who is gone gets none."""
        tree = self.by_id.get(f"{action.name}:{action.generation}")
        if tree is not None and tree.leads and tree.leader is not None:
            send(tree.leader, (number_of(action.signal),), tree.kin.identify)


def _is_there(tree: Tree) -> bool:
    """Whether the leader of a tree that the keeper does not know can be seen."""
    return tree.leader is not None and tree.kin.identify(tree.leader.pid) == tree.leader
