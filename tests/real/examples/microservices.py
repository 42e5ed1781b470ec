"""The seed's "Microservices Architecture": groups, checks of three types, an end in order at SIGTERM."""

from __future__ import annotations

import asyncio
import os
import re
import signal

from parts import PYTHON, WEB, WORKER, free_port, get, say, write

from guardian import HealthCheck, ProcessConfig, ProcessManager, ProcessManagerConfig


async def main() -> None:
    """Run it until SIGTERM."""
    gateway, users, orders = free_port(), free_port(), free_port()
    write("service.py", WEB)
    write("workers/email.py", WORKER)
    config = ProcessManagerConfig(guardian_dir="./.tuix", auto_restart=True, max_restarts=5)
    async with ProcessManager(config) as manager:
        for name, port in (("user-service", users), ("order-service", orders)):
            await manager.start(
                ProcessConfig(
                    name=name,
                    group="services",
                    command=PYTHON,
                    args=["service.py"],
                    env={"PORT": str(port), "DATABASE_URL": os.environ.get("USER_DB_URL")},
                    health_check=HealthCheck(type="tcp", host="localhost", port=port),
                )
            )
        await manager.start(
            ProcessConfig(
                name="api-gateway",
                group="api",
                command=PYTHON,
                args=["service.py"],
                env={"PORT": str(gateway)},
                depends_on=["services"],
                health_check=HealthCheck(type="http", url=f"http://localhost:{gateway}/health"),
            ),
            wait=True,
            timeout=30,
        )
        await manager.start(
            ProcessConfig(
                name="email-worker",
                group="workers",
                command=PYTHON,
                args=["workers/email.py"],
                health_check=HealthCheck(
                    type="output", output_pattern=re.compile("worker READY", re.IGNORECASE), interval=10
                ),
            ),
            wait=True,
            timeout=30,
        )
        say(up={state.name: state.status for state in await manager.list()}, answer=await get(gateway, "/"))

        done = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
        say(waiting=True)
        await done.wait()
        await manager.stop("api-gateway")
        await manager.stop_group("services")
        await manager.stop_group("workers")
        say(down={state.name: state.status for state in await manager.list()})


if __name__ == "__main__":
    asyncio.run(main())
