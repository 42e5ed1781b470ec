"""The seed's "Custom Health Checks": an inline script for an interpreter, and what a worker prints."""

from __future__ import annotations

import asyncio
import sys

from parts import PYTHON, WEB, WORKER, free_port, say, write

from guardian import GuardianError, HealthCheck, ProcessConfig, ProcessManager

JAVASCRIPT = """
const response = await fetch('http://localhost:PORT/deep-health')
const data = await response.json()
if (data.status === 'healthy' && data.database === 'connected') {
  process.exit(0) // Healthy
} else {
  process.exit(1) // Unhealthy
}
"""

PYTHON_SCRIPT = """
import json, sys, urllib.request
data = json.load(urllib.request.urlopen("http://localhost:PORT/deep-health"))
sys.exit(0 if data["database"] == "disconnected" else "database is " + data["database"])
"""


async def main(bun: str) -> None:
    """Run it with that bun."""
    write("service.py", WEB)
    write("worker.py", WORKER)
    async with ProcessManager() as manager:
        for name, interpreter, script in (("by-bun", bun, JAVASCRIPT), ("sick", PYTHON, PYTHON_SCRIPT)):
            port = free_port()
            check = HealthCheck(
                type="script",
                script=script.replace("PORT", str(port)),
                interpreter=interpreter,
                interval="100ms",
                timeout=10,
                retries=2,
                start_period=0,
            )
            config = ProcessConfig(
                name=name,
                command=PYTHON,
                args=["service.py"],
                env={"PORT": str(port)},
                autorestart=False,
                health_check=check,
            )
            try:
                state = await manager.start(config, wait=True, timeout=30)
                say(name=name, status=state.status, health=state.health)
            except GuardianError as error:
                say(name=name, error=str(error))
        worker = ProcessConfig(
            name="worker-service",
            command=PYTHON,
            args=["worker.py"],
            health_check=HealthCheck(
                type="output", output_pattern=r"Worker processed \d+ jobs successfully", interval=30
            ),
        )
        say(name="worker-service", status=(await manager.start(worker, wait=True, timeout=30)).status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
