"""A program of its own: runs one check under containment, bound to a pipe instead of a process.

`python -I -S contained.py LIFE WAY UID GID COMMAND…`: LIFE is the descriptor of a pipe; when its
other end is closed, on purpose or because the daemon was killed, the whole tree is ended. The text of the
check, if it has one, is the standard input. No configuration is read: a check is no launch of the user's.
"""

from __future__ import annotations

import os
import sys

FAILED = 125
NAME = "check"


def main(words: list[str]) -> int:
    """Run the command; return its exit code when nobody of its tree is left."""
    life, way, uid, gid, *command = words
    os.set_inheritable(int(life), False)
    if way != "file":
        return _run(tuple(command), int(life))
    try:
        file = TextFile(int(uid), int(gid))
    except OSError as error:
        os.write(2, f"guardian: cannot write the check into {error.filename}: {error.strerror}\n".encode())
        return FAILED
    try:
        return _run((*command, file.path), int(life))
    finally:
        file.remove()


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


class TextFile:
    """The text of a check, which is our standard input, as a file that only its user can read.

    Its folder stays ours, and is reached by its descriptor: a user who runs checks for root cannot
    put something else in its place that we would then give away, or remove.
    """

    def __init__(self, uid: int, gid: int) -> None:
        """Write it; OSError when that is not possible."""
        above = os.environ.get("TMPDIR") or "/tmp"
        self._folder = os.path.join(above, f"guardian-check-{os.urandom(8).hex()}")
        self.path = os.path.join(self._folder, NAME)
        os.mkdir(self._folder, 0o700)
        self._handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._write(uid, gid)
        except OSError:
            self.remove()
            raise
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)

    def _write(self, uid: int, gid: int) -> None:
        if uid != os.geteuid():
            os.fchmod(self._handle, 0o711)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        made = os.open(NAME, flags, 0o600, dir_fd=self._handle)
        with open(0, "rb", closefd=False) as text, open(made, "wb") as file:
            file.write(text.read())
            os.fchown(made, uid, gid)

    def remove(self) -> None:
        """Remove file and folder; what the check put there itself stays, and the folder with it."""
        try:
            os.unlink(NAME, dir_fd=self._handle)
            os.rmdir(self._folder)
        except OSError:
            pass


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    code = main(sys.argv[1:])
    os._exit(code)  # nothing is buffered, and the interpreter's own end costs 3 ms
