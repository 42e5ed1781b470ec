"""Three services that would run for ever, and nobody who ends them."""

from __future__ import annotations

import asyncio

from parts import PYTHON, WORKER, say, write

from guardian import ProcessConfig, ProcessManager


async def main() -> None:
    """Run until somebody ends it."""
    write("worker.py", WORKER)
    async with ProcessManager() as manager:
        for number in range(3):
            await manager.start(ProcessConfig(f"worker-{number}", PYTHON, ["worker.py"]))
        say(pids=[state.pid for state in await manager.list()])
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
