"""The sections of guardian.toml that limits come from; `config` reads them into these."""

from __future__ import annotations

from guardian.procs.match import Selector
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from guardian.units import Duration, Percent, Size


class Limits(Value):
    """[limits]: what a tree may use. 0 means no limit. Every rule may set its own."""

    max_concurrent: int = 3  # launches at once, not processes: a tree counts once
    max_memory: Size = 1 << 30  # of the whole tree, shared pages once
    max_cpu: Percent = 80.0  # of one core, of the whole tree, over all of cpu_window
    cpu_window: Duration = 60.0
    cpu_when: Literal["spinning", "always"] = "spinning"  # spinning: and nothing read or written
    timeout: Duration = 300.0  # age of a tree
    spare_foreground: bool = True  # no timeout for what a person has in front of them in a terminal
    grace: Duration = 5.0  # between SIGTERM and SIGKILL


class Rule(Value):
    """[rules.NAME]: which processes are meant, and their limits."""

    name: str
    selector: Selector
    limits: Limits = Limits()
    victims: Literal["oldest", "newest", "largest"] = "oldest"  # who goes when there are too many
    users: tuple[str, ...] = ()  # whose processes, "*": everybody's; empty: one's own; others need root

    def __repr__(self) -> str:
        return f"<Rule {self.name}>"


class Protect(Value):
    """[protect]: whom guardian never signals, and whose children it does not count to a tree."""

    names: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
