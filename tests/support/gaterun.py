"""What `guardian run` does at the gate and nothing else: wait for a slot, run a command, end with it.

python -S gaterun.py RUNTIME NAME LIMIT COMMAND…
"""

from __future__ import annotations

import os
import sys

from guardian.gate.door import Ask, Gate


def main(runtime: str, name: str, limit: str, *command: str) -> int:
    """Return the command's exit code."""
    slot = Gate(runtime).enter(Ask(name, int(limit), command))
    pid = os.fork()
    if pid == 0:
        os.execvp(command[0], command)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    slot.release()  # a millisecond before the interpreter has been taken down
    return code


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
