"""The seed's "Database Cluster": a PostgreSQL primary and its replica, in one group."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

from parts import free_port, say

from guardian import HealthCheck, ProcessConfig, ProcessManager

USER = "postgres" if os.geteuid() == 0 else ""  # PostgreSQL refuses to run as root


def as_user(*command: str) -> None:
    """Run a command of PostgreSQL to its end."""
    subprocess.run(command, user=USER or None, check=True, capture_output=True, cwd="/")


def database(name: str, port: int, tools: Path, data: Path) -> ProcessConfig:
    """Return the service of one server."""
    return ProcessConfig(
        name=name,
        group="database",
        command=tools / "postgres",
        args=["-D", data, "-p", str(port), "-h", "localhost", "-k", data, "-c", "shared_buffers=16MB"],
        user=USER,
        stop_signal="INT",  # a fast shutdown
        rlimits={"cpu": 60},
        health_check=HealthCheck(type="tcp", host="localhost", port=port, interval=5),
        max_memory="2GB",
        depends_on=["postgres-primary"] if name != "postgres-primary" else [],
    )


async def ask(tools: Path, port: int, statement: str) -> str:
    """Return what a server answers."""
    words = ["-h", "localhost", "-p", str(port), "-U", "app", "-d", "postgres", "-Atc", statement]
    asked = await asyncio.create_subprocess_exec(tools / "psql", *words, stdout=-1, stderr=-2)
    told, _ = await asked.communicate()
    return told.decode().strip()


async def main(tools: Path) -> None:
    """Run it with the tools of that folder."""
    here = Path.cwd()
    primary, replica = here / "primary", here / "replica"
    ports = {"postgres-primary": free_port(), "postgres-replica": free_port()}
    if USER:
        for folder in (primary, replica):
            folder.mkdir(mode=0o700)
            shutil.chown(folder, USER)
    as_user(str(tools / "initdb"), "-D", str(primary), "-U", "app", "-A", "trust", "--no-sync")
    async with ProcessManager() as manager:
        one = database("postgres-primary", ports["postgres-primary"], tools, primary)
        await manager.start(one, wait=True, timeout=60)
        where = ["-h", "localhost", "-p", str(ports["postgres-primary"]), "-U", "app"]
        as_user(str(tools / "pg_basebackup"), "-D", str(replica), "-R", "-c", "fast", "--no-sync", *where)
        two = database("postgres-replica", ports["postgres-replica"], tools, replica)
        await manager.start(two, wait=True, timeout=60)
        await ask(tools, ports["postgres-primary"], "create table told as select 42 as answer")
        async with asyncio.timeout(30):
            while (answer := await ask(tools, two_port(ports), "select answer from told")) != "42":
                await asyncio.sleep(0.05)
        stats = await manager.get_stats("postgres-primary")
        say(answer=answer, processes=stats.processes, memory=stats.memory)
        await manager.stop_group("database")
        say(down=[state.status for state in await manager.list()])


def two_port(ports: dict[str, int]) -> int:
    """Return where the replica listens."""
    return ports["postgres-replica"]


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
