"""Looks at a hundred services at once: what a cycle takes, and what it costs while nothing is wrong."""

from __future__ import annotations

import subprocess
import sys

from litter import Litter
from looker import ROOT, Looker
from measure import Table

SERVICES = 100
RUNS = 11

# Servers in a process of their own, so that only the looks are measured; says its ports.
SERVERS = """
import asyncio
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()
async def main():
    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range({count})]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

SETUP = """
import asyncio, os
from guardian.probes.finding import Where
from guardian.probes.look import Looker
from guardian.services.spec import HealthSpec
def memory():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private")) / 1024
before = memory()
loop, looker, where = asyncio.new_event_loop(), Looker(), Where("/", dict(os.environ))
checks = [HealthSpec({fields}) for port in {ports}]
async def cycle():
    found = await asyncio.gather(*(looker.look(check, where) for check in checks))
    assert all(each.good for each in found), found
"""
KINDS = {
    "HTTP": 'type="http", url=f"http://localhost:{port}/health"',
    "TCP": 'type="tcp", port=port',
}
SCRIPT = 'type="script", script="true", timeout=60.0'


def servers(litter: Litter) -> list[int]:
    """Start the services; return their ports."""
    code = SERVERS.format(count=SERVICES)
    process = litter.start(sys.executable, "-c", code, fuse=600, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return [int(port) for port in process.stdout.readline().split()]


def looks(litter: Litter, fields: str, ports: list[int]) -> Looker:
    """Return what does one cycle when it is called."""
    setup = SETUP.format(fields=fields, ports=ports)
    return Looker(litter, setup=setup, work="loop.run_until_complete(cycle())")


def bench_health_cycle(litter: Litter, table: Table) -> None:
    """A look at each of 100 services takes no longer than a person notices (P12)."""
    ports = servers(litter)
    for kind, fields in KINDS.items():
        ours = looks(litter, fields, ports)
        first = ours()
        times = sorted(ours() for _ in range(RUNS))
        work = f"health cycle of {SERVICES} {kind} services"
        table.alone(work, times[RUNS // 2] * 1000, unit="ms", aim=200)
        table.alone("  the first, with its imports", first * 1000, unit="ms")
        table.alone("  memory that the looks take", weight(litter, fields, ports), unit="MB")
    ours = looks(litter, SCRIPT, ports[:10])
    ours()
    times = sorted(ours() for _ in range(5))
    table.alone("health cycle of 10 scripts, each contained", times[2] * 1000, unit="ms")


def weight(litter: Litter, fields: str, ports: list[int]) -> float:
    """Return the megabytes that a process has more of its own after three cycles."""
    code = SETUP.format(fields=fields, ports=ports) + "for _ in range(3): loop.run_until_complete(cycle())\n"
    process = litter.start(
        *(sys.executable, "-c", code + "print(memory() - before)"),
        fuse=120,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    return float(process.communicate()[0])
