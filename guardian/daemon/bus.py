"""The bus: what happens, told to everybody who listens. A listener that fails is its own problem."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Record = Mapping[str, object]  # "topic" is always there; "service" where it is about one
    Listener = Callable[[Record], None]

LOUD = frozenset({"output", "written"})  # topics that only those hear who name them


class Bus:
    """Who listens to which topics of which services."""

    def __init__(self) -> None:
        self._listeners: dict[Listener, tuple[frozenset[str], frozenset[str]]] = {}
        self.changed: Callable[[], None] = lambda: None  # called when somebody comes or goes

    def listen(
        self,
        listener: Listener,
        *,
        topics: frozenset[str] = frozenset(),
        services: frozenset[str] = frozenset(),
    ) -> None:
        """Call `listener` from now on; no topics: all but the loud ones, no services: all."""
        self._listeners[listener] = (topics, services)
        self.changed()

    def leave(self, listener: Listener) -> None:
        """Call it no longer."""
        self._listeners.pop(listener, None)
        self.changed()

    def wants(self, topic: str, service: str = "") -> bool:
        """Whether anybody would hear it."""
        return any(_fits(each, topic, service) for each in self._listeners.values())

    def publish(self, record: Record) -> None:
        """Tell everybody who wants it."""
        topic, service = str(record["topic"]), str(record.get("service", ""))
        for listener, filters in list(self._listeners.items()):
            if _fits(filters, topic, service):
                listener(record)


def _fits(filters: tuple[frozenset[str], frozenset[str]], topic: str, service: str) -> bool:
    topics, services = filters
    wanted = topic in topics if topics else topic not in LOUD
    return wanted and (not services or not service or service in services)
