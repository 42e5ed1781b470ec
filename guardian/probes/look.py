"""One look at a service: it always answers, in time, whatever the service does."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from guardian.probes.finding import Finding
from guardian.units import exact_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.probes.finding import Kind, Where
    from guardian.services.spec import HealthSpec

# HealthSpec.type → where its class is; imported when the first service asks for it.
KINDS: Mapping[str, tuple[str, str]] = {
    "http": ("guardian.probes.http", "Http"),
    "tcp": ("guardian.probes.tcp", "Tcp"),
    "script": ("guardian.probes.script", "Script"),
}


class Looker:
    """Looks at services, at any number of them at once; belongs to one event loop."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    async def look(self, check: HealthSpec, where: Where) -> Finding:
        """Look once, for at most `check.timeout` seconds.

        What the service does wrong is a bad finding, never an error. Cancelling ends the look: its
        sockets are closed and the tree of its script is gone when the cancelled task has ended.
        KeyError for a type that nobody looks at (output, notify: the service tells by itself).
        """
        kind = self._kind(check.type)
        try:
            async with asyncio.timeout(check.timeout):
                return await kind.look(check, where)
        except TimeoutError:
            said = f"no answer within {exact_duration(check.timeout)}"
            return Finding(False, f"{kind.subject(check)}: {said}")

    async def close(self) -> None:
        """Give back what the looks share; looks that are under way are the caller's to cancel before."""
        kinds, self._kinds = self._kinds, {}
        for kind in kinds.values():
            await kind.close()

    def _kind(self, name: str) -> Kind:
        if name not in self._kinds:
            module, cls = KINDS[name]
            self._kinds[name] = getattr(import_module(module), cls)()
        return self._kinds[name]
