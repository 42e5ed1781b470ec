"""Where guardian keeps things for one user, and that nobody else can put anything there.

state    $GUARDIAN_STATE_DIR, or $XDG_STATE_HOME/guardian, or ~/.local/state/guardian: journal, logs
runtime  $GUARDIAN_RUNTIME_DIR, or $XDG_RUNTIME_DIR/guardian, or /run/user/UID/guardian where there is
         one, or /tmp/guardian-UID: locks, slots, sockets

The XDG variables count only when they are absolute (XDG Base Directory Specification), and the runtime
folder of a session only when it is ours: `su` and `sudo -E` leave the other user's in the environment.
A cron job has no such variable and finds the same folder as the desktop, so both share their slots.
"""

from __future__ import annotations

import os
import stat

from guardian.errors import GuardianError

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
STATE, RUNTIME = "GUARDIAN_STATE_DIR", "GUARDIAN_RUNTIME_DIR"
SESSIONS = "/run/user"  # where systemd-logind and elogind keep a folder for each user who is logged in
MOUNTS = "/proc/self/mountinfo"

# What is mounted from elsewhere. "fuse." is not among them: most of those are local.
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "afs", "ceph", "9p", "fuse.sshfs", "fuse.glusterfs", "lustre")


def state_path() -> str:
    """Return the folder of what is kept; it may not exist yet."""
    given = os.environ.get(STATE)
    if given:
        return os.path.abspath(given)
    xdg = os.environ.get("XDG_STATE_HOME", "")
    return os.path.join(xdg if os.path.isabs(xdg) else os.path.expanduser("~/.local/state"), "guardian")


def runtime_path() -> str:
    """Return the folder of what lives as long as the processes do; it may not exist yet."""
    given = os.environ.get(RUNTIME)
    if given:
        return os.path.abspath(given)
    for session in (os.environ.get("XDG_RUNTIME_DIR", ""), f"{SESSIONS}/{os.geteuid()}"):
        if os.path.isabs(session) and _is_ours(session):
            return os.path.join(session, "guardian")
    return f"/tmp/guardian-{os.geteuid()}"


def _is_ours(path: str) -> bool:
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def private_dir(path: str, *, variable: str = RUNTIME) -> str:
    """Make the folder `path`, 0700, unless it is there; return it.

    GuardianError unless it is ours and nobody else may write there; it names `variable`, with which
    the user can choose another.
    """
    try:
        found = _made(path)
    except OSError as error:
        raise GuardianError(
            f"cannot make the folder {path}: {error.strerror}; set {variable} to a folder of yours"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no folder"
        raise GuardianError(f"{path} is {what}, and guardian follows none: remove it or set {variable}")
    if found.st_uid != os.geteuid():
        raise GuardianError(
            f"{path} belongs to uid {found.st_uid}, not to you (uid {os.geteuid()}):"
            f" guardian does not use it; set {variable} to a folder of yours"
        )
    if found.st_mode & OTHERS_WRITE:
        raise GuardianError(f"others may write to {path}: guardian does not use it; chmod 700 {path}")
    return path


def _made(path: str) -> os.stat_result:
    """Return what is at `path`, a new folder if there was nothing; links are not followed."""
    try:
        return os.lstat(path)  # nearly always; two calls fewer
    except FileNotFoundError:
        pass
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass  # another guardian was quicker; or a dangling link, which lstat tells
    return os.lstat(path)


def state_dir() -> str:
    """Return the state folder, made and checked."""
    return private_dir(state_path(), variable=STATE)


def runtime_dir() -> str:
    """Return the runtime folder, made and checked."""
    return private_dir(runtime_path(), variable=RUNTIME)


def network_type(path: str, mounts: str) -> str:
    """Return the type of the network file system that `path` lies on, "" when it is a local one.

    `mounts` is the text of /proc/self/mountinfo (proc(5)); the longest mount point above decides,
    and of several on the same point the last.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields, types = left.split(" "), right.split(" ")
        if len(fields) < 5 or not types[0]:
            continue
        point = _unescaped(fields[4])
        if len(point) >= len(best) and (path + "/").startswith(point.rstrip("/") + "/"):
            best, kind = point, types[0]
    return kind if kind in NETWORK else ""


def _unescaped(point: str) -> str:
    """Undo the escapes of a mount point: blank, tab, newline and backslash are octal there."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, char)
    return point


def require_local(path: str) -> None:
    """Raise GuardianError when `path` lies on a network file system; nothing where that cannot be told.

    Slots there would be shared, or not, among machines that cannot see each other's processes.
    """
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            kind = network_type(os.path.realpath(path), file.read())
    except OSError:
        return  # no Linux, or no /proc
    if kind:
        raise GuardianError(
            f"{path} is on a network file system ({kind}), where locks and slots cannot be trusted:"
            f" set {RUNTIME} to a folder on a local disk"
        )
