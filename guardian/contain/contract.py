"""What it means to own a tree of processes; `cgroup`, `subreaper` and `tree` keep this contract."""

from __future__ import annotations

from guardian.values import Value

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

        def empty(self) -> bool:
            """Whether nobody of the tree is alive; cheap."""
            ...

        def members(self) -> list[Proc]:
            """Return the living members. Slightly racy while they fork: look until nothing is new."""
            ...

        def brake(self, members: Iterable[Proc]) -> None:
            """Let forks of the members fail from now on, as far as this way can."""
            ...

        def freeze(self) -> frozenset[ProcId]:
            """Stop members all at once where the kernel can, and return whom; others need SIGSTOP."""
            ...

        def kill(self) -> frozenset[ProcId]:
            """End members all at once where the kernel can, and return whom; others need SIGKILL."""
            ...

        def usage(self) -> Usage:
            """Return what the kernel itself counts for the tree as a whole; -1 for what it does not."""
            ...

        def close(self) -> None:
            """Remove what was made for the tree; called when it is empty or given up."""
            ...


class Usage(Value):
    """What the kernel counts for a tree as a whole, its dead included; -1: it does not."""

    cpu: float = -1.0  # seconds
    memory: int = -1  # bytes charged: what is resident, tmpfs and pipe buffers too, shared pages once
    out_of_memory: int = -1  # how often the kernel ended somebody for the backstop


class Choice(Value):
    """Which way was chosen, and why not a stronger one."""

    name: str
    reasons: tuple[str, ...] = ()  # one for each stronger way that is not available, in its order
