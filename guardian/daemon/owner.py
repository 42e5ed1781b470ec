"""The owner of a daemon: a process with which everything ends, however it ended itself."""

from __future__ import annotations

import asyncio
import os

from guardian.procs.table import system_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.procs.model import ProcId

LOOK = 1.0  # seconds between two looks where the system tells nobody of the end of a process


def myself() -> ProcId:
    """Return who this process is."""
    found = system_table().identify(os.getpid())
    assert found is not None, "whoever asks is there"
    return found


def is_alive(who: ProcId) -> bool:
    """Whether that very process is there; SeeError when it cannot be told."""
    return system_table().identify(who.pid) == who


def when_gone(owner: ProcId, then: Callable[[], None]) -> None:
    """Call `then` once, as soon as that process has ended (pidfd_open(2)), at once if it has already.

    The handle is taken first and looked at then: whoever has the pid later is not waited for.
    """
    loop = asyncio.get_running_loop()
    try:
        handle = os.pidfd_open(owner.pid)
    except ProcessLookupError:
        loop.call_soon(then)
        return
    except (OSError, AttributeError):  # no descriptor left, or a system without such handles
        _look(loop, owner, then)
        return

    def gone() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        then()

    if is_alive(owner):
        loop.add_reader(handle, gone)
    else:
        os.close(handle)
        loop.call_soon(then)


def _look(loop: asyncio.AbstractEventLoop, owner: ProcId, then: Callable[[], None]) -> None:
    if is_alive(owner):
        loop.call_later(LOOK, _look, loop, owner, then)
    else:
        then()
