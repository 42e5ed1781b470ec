"""^C and its like as a question that can be asked, for commands that must not stop in the middle."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Self

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Notes the first of INTERRUPTS instead of ending by it; those that were ignored stay so (nohup)."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        """Whether there was one."""
        return self.number != 0

    @property
    def exit_code(self) -> int:
        """128 + its number, as of a command that it ended."""
        return 128 + self.number

    def __enter__(self) -> Self:
        heard = [number for number in INTERRUPTS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.number = self.number or number
