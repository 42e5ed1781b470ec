"""A program of its own: runs one check under containment, bound to a pipe instead of a process.

`python -I -S contained.py LIFE WAY UID GID COMMAND…`: LIFE is the descriptor of a pipe; when its
other end is closed, on purpose or because the daemon was killed, the whole tree is ended. The text of the
check, if it has one, is the standard input. No configuration is read: a check is no launch of the user's.
"""

from __future__ import annotations

import os
import sys

FAILED = 125


def main(words: list[str]) -> int:
    """Run the command; return its exit code when nobody of its tree is left."""
    life, way, uid, gid, *command = words
    os.set_inheritable(int(life), False)
    folder = _folder(int(uid), int(gid)) if way == "file" else ""
    try:
        if folder:
            command.append(_file(folder, int(uid), int(gid)))
        return _run(tuple(command), int(life))
    finally:
        if folder:
            _remove(folder)


def _run(command: tuple[str, ...], life: int) -> int:
    from guardian.errors import GuardianError
    from guardian.run.order import Order
    from guardian.run.staff import Staff
    from guardian.run.verdict import say
    from guardian.run.wire import above_standard
    from guardian.run.wrap import run

    order = Order(command, f"check-{os.urandom(4).hex()}", grace=0.0, quiet=True)
    try:
        staff = Staff(order)
    except GuardianError as error:
        say(str(error))
        return FAILED
    staff.owner = above_standard(life)
    try:
        return run(order, staff)
    finally:
        staff.dismiss()


def _folder(uid: int, gid: int) -> str:
    """Make a folder for the file of the check that only its user can enter."""
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"guardian-check-{os.urandom(8).hex()}")
    os.mkdir(folder, 0o700)
    os.chown(folder, uid, gid)
    return folder


def _file(folder: str, uid: int, gid: int) -> str:
    """Write the text, which is our standard input, into a file; return its path."""
    path = os.path.join(folder, "check")
    with open(0, "rb", closefd=False) as text, open(path, "xb", opener=_private) as file:
        file.write(text.read())
    os.chown(path, uid, gid)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remove(folder: str) -> None:
    try:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        pass  # the check's own user has put something there: theirs to clean up


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    code = main(sys.argv[1:])
    os._exit(code)  # nothing is buffered, and the interpreter's own end costs 3 ms
