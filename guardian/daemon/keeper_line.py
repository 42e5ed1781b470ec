"""The brain's end of the line to the keeper, and another keeper when that one is killed."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.keep.line import Line, Message


class KeeperLine:
    """Talks with the keeper there is, in the event loop."""

    def __init__(
        self,
        line: Line,
        another: Callable[[], Line],
        *,
        heard: Callable[[Message], None],
        lost: Callable[[], None],
    ) -> None:
        """`heard` gets what the keeper tells; `lost` is called before `another` keeper is made."""
        self._line, self._another, self._heard, self._lost = line, another, heard, lost
        self._loop = asyncio.get_running_loop()

    def listen(self) -> None:
        """Hear the keeper from now on."""
        self._loop.add_reader(self._line.fileno(), self._hear)

    def _hear(self) -> None:
        for message in self._line.heard():
            self._heard(message)
        if self._line.closed:
            self.leave()
            self._lost()
            self._line = self._another()
            self.listen()

    def ask(self, message: Message) -> None:
        """Tell the keeper something, now or as soon as it takes it."""
        self._line.send(message)
        if self._line.waiting:
            self._loop.add_writer(self._line.fileno(), self._flush)

    def _flush(self) -> None:
        self._line.flush()
        if not self._line.waiting:
            self._loop.remove_writer(self._line.fileno())

    def leave(self) -> None:
        """Listen no longer."""
        self._loop.remove_reader(self._line.fileno())
        self._loop.remove_writer(self._line.fileno())
