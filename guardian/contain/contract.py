"""What it means to own a tree of processes; `cgroup`, `subreaper` and `tree` keep this contract."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn, Protocol

    from guardian.procs.model import Proc, ProcId

    class Containment(Protocol):
        """Owns the tree below one command. Its owner is one single-threaded process."""

        name: str

        def own(self) -> None:
            """Take ownership in this process: called by each guardian process before anything is spawned."""
            ...

        def spawn(self, child: Callable[[], NoReturn]) -> int:
            """Fork; the child, a member from its first instruction, calls `child`, which execs or exits."""
            ...

        def identify(self, pid: int) -> ProcId | None:
            """Return who has this pid at this moment, on the clock of `members`."""
            ...

        def holds(self, targets: Iterable[ProcId]) -> frozenset[ProcId]:
            """Return which of these are still in the tree; SeeError when that cannot be told.

            Asked when their handles are open: then a signal goes to the tree, or to nobody.
            """
            ...

        def empty(self) -> bool:
            """Whether nobody of the tree is left, nor a dead one to reap; by the kernel's word if it can."""
            ...

        def everybody(self) -> list[Proc]:
            """Return the members, with the dead whom nobody has reaped yet, as far as they are seen.

            Slightly racy while they fork: whoever must not miss anybody looks until nothing is new.
            """
            ...

        def members(self) -> list[Proc]:
            """Return those of everybody who are alive."""
            ...

        def brake(self, members: Iterable[Proc]) -> None:
            """Let forks of the members fail from now on, as far as this way can."""
            ...

        def at_once(self, members: Iterable[Proc]) -> frozenset[ProcId]:
            """Return whom of these `kill` would end, with whatever they fork meanwhile: nobody has to be
            stopped before, to find them all."""
            ...

        def kill(self, members: Iterable[Proc]) -> frozenset[ProcId]:
            """End the tree at once where the kernel can; return whom of these, others need SIGKILL."""
            ...

        def cpu(self) -> float:
            """Return CPU seconds of the tree, its dead included, as the kernel counts; -1: it does not."""
            ...

        def limit_memory(self, limit: int) -> bool:
            """Let the kernel end the tree a little above the limit, as a backstop; whether it will."""
            ...

        def out_of_memory(self) -> bool:
            """Whether the kernel has ended members for that backstop."""
            ...

        def close(self) -> None:
            """Remove what was made for the tree; called when it is empty or given up."""
            ...
