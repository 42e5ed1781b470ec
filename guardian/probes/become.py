"""A program of its own: `become.py UID GID GROUP,… COMMAND…` gives up root's rights and becomes the command.

Everything is imported while it still has those rights: the Python that it runs in may lie where its
user cannot read.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Executor = Callable[[tuple[str, ...], Mapping[bytes, bytes]], OSError]

CANNOT_EXECUTE, NOT_FOUND = 126, 127


def main(words: list[str], execute: Executor) -> int:
    """Become the command; return an exit code only when that was not possible."""
    uid, gid, groups, *command = words
    try:
        os.setgroups([int(group) for group in groups.split(",") if group])
        os.setresgid(int(gid), int(gid), int(gid))
        os.setresuid(int(uid), int(uid), int(uid))
        error = execute(tuple(command), os.environb)
    except OSError as refused:
        error = refused
    os.write(2, f'guardian: cannot run "{command[0]}" as user {uid}: {error.strerror}\n'.encode())
    return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_EXECUTE


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import guardian.run.command

    sys.exit(main(sys.argv[1:], guardian.run.command.execute))
