"""What becomes of a brain in which something fails that nobody foresaw."""

from __future__ import annotations

import subprocess
import sys

from guardian.daemon.session import FAILED

CODE = """
import asyncio, logging, sys
from functools import partial
from guardian.daemon.session import _failed
async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(_failed, logging.getLogger()))
    if sys.argv[1] == "callback":
        loop.call_soon(lambda: 1 / 0)
    else:
        task = loop.create_task(fail())
        while not task.done(): await asyncio.sleep(0)
        del task
    await asyncio.sleep(0)
    await asyncio.sleep(0)
async def fail(): 1 / 0
asyncio.run(main())
"""


def played(where: str) -> subprocess.CompletedProcess[str]:
    """Let something fail, and return how the process ended."""
    return subprocess.run([sys.executable, "-c", CODE, where], capture_output=True, text=True, timeout=60)


def test_a_fault_in_the_loop_ends_the_brain() -> None:
    """Half a decision is worse than a new brain (P6): it ends, and has logged why."""
    ended = played("callback")
    assert ended.returncode == FAILED
    assert "ZeroDivisionError" in ended.stderr


def test_a_fault_in_one_clients_task_does_not() -> None:
    """Others are served on."""
    ended = played("task")
    assert ended.returncode == 0
    assert "ZeroDivisionError" in ended.stderr
