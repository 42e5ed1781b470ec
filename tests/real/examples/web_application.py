"""The seed's "Web Application Server": health over HTTP, watched files, a memory limit, logs in files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from parts import PYTHON, WEB, Witness, free_port, get, say, write

from guardian import HealthCheck, ProcessConfig, ProcessManager


async def main() -> None:
    """Run it."""
    port = free_port()
    write("server.py", WEB)
    write("src/app.py", "")
    write("src/tmp/cache.py", "")
    async with ProcessManager() as manager:
        witness = Witness(manager)
        web = ProcessConfig(
            name="web-server",
            command=PYTHON,
            args=["server.py"],
            env={"NODE_ENV": "production", "PORT": str(port), "UNSET": None},
            autostart=True,
            autorestart=True,
            max_restarts=10,
            restart_delay="20ms",
            watch=True,
            watch_paths=["src/**/*.py", "public/**/*"],
            ignore_watch=["logs/**", "src/tmp/**"],
            watch_debounce="300ms",
            health_check=HealthCheck(
                type="http",
                url=f"http://localhost:{port}/health",
                interval="30s",
                timeout="5s",
                retries=3,
            ),
            max_memory="150MB",
            log_file="./logs/server.log",
            error_file="./logs/server.error.log",
        )
        state = await manager.start(web, wait=True, timeout=30)
        stats = await manager.get_stats("web-server")
        say(status=state.status, pid=state.pid, health=state.health, memory=stats.memory, cpu=stats.cpu)
        say(answer=await get(port, "/"))

        write("src/tmp/cache.py", "ignored = True")
        write("src/app.py", "changed = True")
        changed = await witness.sees("process:stopping", "web-server")
        await witness.sees("process:ready", "web-server")
        say(watched=changed.why, generation=(await manager.status("web-server")).generation)

        await get(port, "/grow")
        await get(port, "/grow")
        crashed = await witness.sees("process:crashed", "web-server")
        await witness.sees("process:ready", "web-server")
        say(limit=crashed.why, restarts=(await manager.status("web-server")).restarts)
        say(logs=[(line.stream, line.level, line.message) for line in await manager.logs("web-server")])
    say(out=Path("logs/server.log").read_text(), err=Path("logs/server.error.log").read_text())


if __name__ == "__main__":
    asyncio.run(main())
