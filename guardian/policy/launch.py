"""From processes to launches: the top process of every tree that a rule matches, and its tree. Pure."""

from __future__ import annotations

from guardian.policy.limits import Rule
from guardian.procs import tree
from guardian.procs.model import Proc, ProcId, Snapshot
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping


class Launch(Value):
    """One tree under one rule. It counts once, however many processes it has."""

    rule: Rule
    root: Proc
    members: tuple[Proc, ...]  # the root first; nobody spared, nobody dead
    age: float  # seconds since the root started
    orphan: bool = False
    foreground: bool = False  # a terminal has one of them in its foreground
    unreaped: tuple[Proc, ...] = ()  # the dead whom nobody has waited for: what they used still counts

    @property
    def id(self) -> ProcId:
        """The root's identity stands for the launch."""
        return self.root.id

    @property
    def rss(self) -> int:
        """Bytes resident; shared pages counted once for each who maps them, so an upper bound."""
        return sum(proc.rss for proc in self.members)

    @property
    def pss(self) -> int:
        """Bytes with shared pages counted once, swap included; RSS for members that were not looked at."""
        return sum(proc.pss if proc.pss >= 0 else proc.rss for proc in self.members)

    @property
    def looked_at(self) -> bool:
        """Whether at least one member's PSS is known, so that `pss` says more than `rss`."""
        return any(proc.pss >= 0 for proc in self.members)

    @property
    def io(self) -> int:
        """Bytes read and written by the tree since its members began; -1 if one does not tell."""
        numbers = [proc.io for proc in self.members if not proc.gone]
        return sum(numbers) if numbers and min(numbers) >= 0 else -1

    def __repr__(self) -> str:
        return f"<Launch {self.root.name} {self.id!r} of {len(self.members)} under {self.rule.name}>"


def matching(snapshot: Snapshot, rules: Iterable[Rule]) -> dict[int, Rule]:
    """Return the pids that a rule is about; the first rule that matches has them."""
    rules = tuple(rules)
    known: dict[tuple[str, tuple[str, ...]], Rule | None] = {}
    result: dict[int, Rule] = {}
    for proc in snapshot:
        if proc.kernel or proc.gone:
            continue
        key = (proc.name, proc.command)
        if key not in known:
            known[key] = next((r for r in rules if r.selector.matches(*key)), None)
        rule = known[key]
        if rule is not None:
            result[proc.pid] = rule
    return result


def may_judge(rule: Rule, proc: Proc, *, uid: int, user: str) -> bool:
    """Whether this process's user is one that the rule is about: one's own, unless it names users.

    `uid` is guardian's own, `user` the name of the process's user. A uid that cannot be read is
    nobody's we know.
    """
    if not rule.users:
        return proc.uid == uid
    return proc.uid >= 0 and any(each in ("*", user, str(proc.uid)) for each in rule.users)


def launches(snapshot: Snapshot, matched: Mapping[int, Rule], spared: Container[int]) -> tuple[Launch, ...]:
    """Return the launches among the matched processes, the oldest first.

    A matched process is the top of a launch when no matched process of the same rule stands above
    it; a spared one (guardian's ancestors, the protected) is no launch and cuts the tree, so that
    an agent that runs under bun lives while its forgotten `bun test` count.
    """
    result = []
    for pid, rule in matched.items():
        root = snapshot.procs[pid]
        if pid in spared or _below_one(snapshot, root, rule, matched, spared):
            continue
        below = tree.descendants(snapshot, root, stop_at=spared)
        members = (root, *(proc for proc in below if not proc.gone))
        unreaped = tuple(proc for proc in below if proc.gone)
        result.append(
            Launch(
                rule,
                root,
                members,
                snapshot.age(root),
                _forsaken(snapshot, root),
                any(tree.in_foreground(proc) for proc in members),
                unreaped,
            )
        )
    return tuple(sorted(result, key=lambda launch: (launch.root.start, launch.root.pid)))


def _forsaken(snapshot: Snapshot, root: Proc) -> bool:
    """Whether whoever wanted this launch is gone: it, or what started it in its session, is an orphan.

    A `sh -c 'bun test'` or `timeout 60 bun test` whose caller died is the orphan itself, not bun.
    The leader of a session is where this ends: a login shell is nobody's orphan.
    """
    for proc in (root, *tree.ancestors(snapshot, root)):
        if proc.session != root.session:
            return False
        if tree.is_orphan(snapshot, proc):
            return proc is root or proc.pid != proc.session
    return False


def _below_one(
    snapshot: Snapshot, proc: Proc, rule: Rule, matched: Mapping[int, Rule], spared: Container[int]
) -> bool:
    """Whether a matched process of the rule stands above, with nobody spared in between."""
    for above in tree.ancestors(snapshot, proc):
        if above.pid in spared:
            return False
        if matched.get(above.pid) is rule:
            return True
    return False
