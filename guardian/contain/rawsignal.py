"""The C half of the `signal` module: the same functions and numbers, without enums.

`import signal` costs `guardian run` 4 ms of the 11 that a bare Python needs to start, all of it for
turning the numbers into enums. Type checkers see the whole module.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]
