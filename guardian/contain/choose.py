"""Which way to own the tree: the strongest that works here, or the one that was asked for."""

from __future__ import annotations

import os

from guardian.errors import GuardianError, SeeError, UsageError
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.contain.contract import Containment

    Maker = Callable[[str], Containment]


class Choice(Value):
    """Which way was chosen, and why not a stronger one."""

    name: str
    reasons: tuple[str, ...] = ()  # one for each stronger way that is not available, in its order


class NotHere(Exception):
    """A way that does not work on this machine, or not for this user; the text says why."""


def own_number() -> int:
    """Return who this process is in /proc; -1 when it is nobody there."""
    try:
        return int(os.readlink("/proc/self"))
    except (OSError, ValueError):
        return -1


def _check_sight() -> None:
    """Make sure that the tree can be seen. NotHere, or SeeError where nothing can be."""
    if own_number() != os.getpid():
        from guardian.procs.linux import check_namespace  # late: says what is wrong

        check_namespace()
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        raise NotHere("this kernel has no /proc/PID/task/TID/children (CONFIG_PROC_CHILDREN)")


def _cgroup(run_id: str) -> Containment:
    _check_sight()
    from guardian.contain.cgroup import CannotCreate, Cgroup

    try:
        made = Cgroup.create(run_id)
    except CannotCreate as error:
        raise NotHere(str(error)) from None
    made.own()
    return made


def _subreaper(_run_id: str) -> Containment:
    _check_sight()
    from guardian.contain.subreaper import Subreaper

    made = Subreaper()
    made.own()
    return made


def _tree(run_id: str) -> Containment:
    from guardian.contain.tree import Tree

    made = Tree(run_id)
    made.own()
    made.members()  # SeeError where there is nothing to be seen
    return made


LADDER: dict[str, Maker] = {"cgroup": _cgroup, "subreaper": _subreaper, "tree": _tree}  # the strongest first


def choose(wanted: str, run_id: str) -> tuple[Containment, Choice]:
    """Return the containment for a run, made and owned by this process, and why no stronger one.

    `wanted` is "auto" or the name of a way, which is then taken or refused: GuardianError.
    """
    if wanted != "auto" and wanted not in LADDER:
        raise UsageError(f"containment: found {wanted!r}, expected auto, {', '.join(LADDER)}")
    reasons: list[str] = []
    for name, make in LADDER.items():
        if wanted not in ("auto", name):
            continue
        try:
            return make(run_id), Choice(name, tuple(reasons))
        except SeeError:
            raise  # no other way would see more
        except (NotHere, GuardianError) as error:
            reasons.append(f"{name}: {error}")
    raise GuardianError(f"cannot contain the command: {'; '.join(reasons)}")
