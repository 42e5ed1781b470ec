"""A look whether a port accepts connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from guardian.probes.finding import Finding, reason
from guardian.probes.local import addresses

if TYPE_CHECKING:
    from guardian.probes.finding import Where
    from guardian.services.spec import HealthSpec


class Tcp:
    """Connects, and hangs up at once."""

    def subject(self, check: HealthSpec) -> str:
        """Name host and port."""
        return f"tcp {check.host}:{check.port}"

    async def look(self, check: HealthSpec, where: Where) -> Finding:
        """Good when one of the host's addresses accepts."""
        why = ""
        for address in addresses(check.host):
            try:
                _, writer = await asyncio.open_connection(address, check.port)
            except (OSError, ValueError, OverflowError) as error:  # ValueError: a name that is none (IDNA)
                why = why or reason(error)
                continue
            writer.transport.abort()
            return Finding(True, f"{self.subject(check)} accepts connections")
        return Finding(False, f"{self.subject(check)}: {why}")

    async def close(self) -> None:
        """Nothing is kept."""
