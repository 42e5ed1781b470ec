"""The seed's Redis cache of "Database Cluster": a real redis-server behind a check over TCP."""

from __future__ import annotations

import asyncio
import sys

from parts import free_port, say

from guardian import HealthCheck, ProcessConfig, ProcessManager


async def main(redis: str) -> None:
    """Run it with that redis-server."""
    port = free_port()
    async with ProcessManager() as manager:
        config = ProcessConfig(
            name="redis-cache",
            group="cache",
            command=redis,
            args=["--port", str(port), "--maxmemory", "256mb", "--save", ""],
            rlimits={"cpu": 60},
            health_check=HealthCheck(type="tcp", host="localhost", port=port, interval=10),
        )
        await manager.start(config, wait=True, timeout=30)
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"PING\r\n")
        answer = (await reader.readline()).decode().strip()
        writer.close()
        say(answer=answer, down=[state.status for state in await manager.stop_group("cache")])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
