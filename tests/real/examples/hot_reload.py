"""The seed's "Development with Hot Reload": bun --hot, files that restart it, its log as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from parts import Witness, free_port, say, write

from guardian import HealthCheck, ProcessConfig, ProcessLog, ProcessManager

SERVER = """
const fuse = setTimeout(() => process.exit(9), 90_000)
const server = Bun.serve({ port: Number(process.env.PORT), fetch: () => new Response("VERSION") })
console.log("Server listening on", server.port, "as VERSION in", process.env.NODE_ENV)
console.error("WARN: debug is", process.env.DEBUG)
"""


async def main(bun: str) -> None:
    """Run it with that bun."""
    write("src/index.ts", SERVER.replace("VERSION", "one"))
    write("config/app.json", "{}")
    async with ProcessManager() as manager:
        witness = Witness(manager)
        config = ProcessConfig(
            name="dev-server",
            command=bun,
            args=["--hot", "run", "src/index.ts"],
            env={"NODE_ENV": "development", "DEBUG": "true", "PORT": str(free_port())},
            watch=True,
            watch_paths=["src/**/*.ts", "src/**/*.tsx", "config/**/*.json", "public/**/*"],
            ignore_watch=["node_modules/**", "dist/**", "logs/**", "**/*.log"],
            watch_debounce="300ms",
            autorestart=True,
            health_check=HealthCheck(type="output", output_pattern="Server listening on", start_period=3),
        )
        await manager.start(config, wait=True, timeout=30)

        heard: asyncio.Queue[ProcessLog] = asyncio.Queue()
        unfollow = manager.follow_logs("dev-server", heard.put_nowait, lines=None)
        first = await asyncio.wait_for(heard.get(), 30)
        say(stamp=first.timestamp.isoformat(), level=first.level, message=first.message)

        write("config/app.json", '{"changed": true}')
        write("src/ignored.log", "not this one")
        stopping = await witness.sees("process:stopping", "dev-server")
        await witness.sees("process:ready", "dev-server")
        say(why=stopping.why)
        unfollow()

        seen = []
        async with contextlib.aclosing(manager.follow_logs("dev-server", lines=None)) as lines:
            async for line in lines:
                seen.append((line.stream, line.level, line.message))
                if sum(stream == "stderr" for stream, *_ in seen) == 2 and len(seen) >= 4:
                    break
        say(lines=seen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
