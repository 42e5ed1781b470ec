"""Where one project's daemon keeps things: `.guardian/` beside guardian.toml, 0700.

lock             held by keeper and brain: one daemon a project (flock(2))
socket           0600; a path that is too long for a socket leads to the runtime folder instead
lives/NAME.json  each service's life, written by rename
trees/ID.json    each tree that may run: whose, its mark and cgroup; written before it is started
roster.json      the services as they were configured last, and those that were added by hand
fifos/           what services write to
logs/, times/    what they wrote, and when
daemon.log       what the daemon itself says
"""

from __future__ import annotations

import os

from guardian.effects.folders import private_dir, runtime_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.procs.model import ProcId

FOLDER = ".guardian"
SOCKET_LIMIT = 100  # bytes of a socket's path: 107 on Linux, 103 on macOS (unix(7))
FOLDERS = ("fifos", "logs", "times")


class Project:
    """The places of one project; `owner` is with whom its daemon ends, None: with nobody."""

    def __init__(self, root: str, folder: str = FOLDER, *, owner: ProcId | None = None) -> None:
        self.root, self.owner = os.path.abspath(root), owner
        self.folder = os.path.join(self.root, folder)
        self.lock = os.path.join(self.folder, "lock")
        self.log = os.path.join(self.folder, "daemon.log")
        self.roster = os.path.join(self.folder, "roster.json")

    @property
    def socket(self) -> str:
        """The path of the control socket."""
        return self.short("socket")

    def short(self, name: str) -> str:
        """Return a path that a socket can have: in our folder, or else in the runtime folder."""
        near = os.path.join(self.folder, name)
        if len(os.fsencode(near)) <= SOCKET_LIMIT:
            return near
        import hashlib  # late: hardly ever needed, and megabytes in the keeper

        mark = hashlib.sha256(os.fsencode(near)).hexdigest()[:20]
        return os.path.join(runtime_path(), f"{mark}.socket")

    def make(self) -> None:
        """Make the folders; GuardianError when they are not ours, or cannot be made."""
        private_dir(self.folder, variable="GUARDIAN_CONFIG")
        for name in FOLDERS:
            os.makedirs(os.path.join(self.folder, name), mode=0o700, exist_ok=True)
        private_dir(os.path.dirname(self.socket))
        self._hide_from_git()

    def _hide_from_git(self) -> None:
        """Nothing of it belongs into a repository (gitignore(5)); a full disk is told by whoever needs it."""
        try:
            fd = os.open(self.below(".gitignore"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # it is there, or nothing can be written
        os.write(fd, b"*\n")
        os.close(fd)

    def below(self, *names: str) -> str:
        """Return the path of something in the folder."""
        return os.path.join(self.folder, *names)
