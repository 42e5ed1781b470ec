"""From a service's configuration to its launch: environment, user, folders, command line."""

from __future__ import annotations

import grp
import os
import pwd
from functools import cache

from guardian.errors import GuardianError
from guardian.keep.launch import Launch
from guardian.procs.match import globbed
from guardian.run.posture import environment
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.services.spec import ServiceSpec

# Names of variables of guardian's own that no child may see; a guardian below needs the others.
SECRETS = (
    *("GUARDIAN_*TOKEN*", "GUARDIAN_*SECRET*", "GUARDIAN_*PASSWORD*", "GUARDIAN_*KEY*"),
    "NOTIFY_SOCKET",  # of whoever started guardian
)


LAST_UID = (1 << 32) - 2  # the next one means "as it is" to setresuid(2), which here would be root


class CannotLaunch(GuardianError):
    """A service cannot be launched as it is configured."""


class User(Value):
    """Whom a service runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str = ""
    home: str = "/"
    shell: str = "/bin/sh"


def launch_of(spec: ServiceSpec, *, root: str, key: str, extra: Mapping[str, str] | None = None) -> Launch:
    """Return the launch of a service whose project lies in `root`; CannotLaunch says why not."""
    try:
        argv = spec.argv
    except ValueError as error:
        raise CannotLaunch(f"command: {error}") from None
    user = user_of(spec.user) if spec.user else None
    return Launch(
        id=key,
        argv=argv,
        env={**variables(spec, root=root, key=key, user=user), **(extra or {})},
        cwd=folder_of(spec, root),
        umask=int(spec.umask, 8) if spec.umask else -1,
        rlimits=dict(spec.rlimits),
        uid=user.uid if user else -1,
        gid=user.gid if user else -1,
        groups=user.groups if user else (),
    )


def folder_of(spec: ServiceSpec, root: str) -> str:
    """Return the service's working directory."""
    return os.path.normpath(os.path.join(root, os.path.expanduser(spec.cwd)))


def variables(spec: ServiceSpec, *, root: str, key: str, user: User | None) -> dict[str, str]:
    """Return the environment: what is inherited < the user's own < env_files < env."""
    kept = {name: value for name, value in _inherited() if _is_kept(spec, name)}
    if user is not None:
        kept |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name, "SHELL": user.shell}
    for file in spec.env_files:
        kept |= read_env_file(os.path.join(root, os.path.expanduser(file)))
    own = {"GUARDIAN_SERVICE": spec.name, "GUARDIAN_RUN_ID": key.replace(":", ".")}
    return kept | dict(spec.env) | own


@cache
def _inherited() -> tuple[tuple[str, str], ...]:
    """Return the variables that guardian was started with, but for those that no child may see."""
    found = ((os.fsdecode(name), os.fsdecode(value)) for name, value in environment("").items())
    return tuple(each for each in found if not any(globbed(each[0], secret) for secret in SECRETS))


def _is_kept(spec: ServiceSpec, name: str) -> bool:
    return not spec.clean_env or any(globbed(name, kept) for kept in spec.keep_env)


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of a file of NAME=value lines: # comments, `export`, quotes; CannotLaunch.

    Nothing is expanded: what stands there is what the service gets.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise CannotLaunch(f"env_files: cannot read {path}: {error.strerror}") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or "\0" in text:
            raise CannotLaunch(f"env_files: {path}, line {number}: expected NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def user_of(word: str) -> User:
    """Return who that is, by name or number; CannotLaunch when there is nobody, or no right to be it."""
    number = int(word) if word.isascii() and word.isdigit() else None
    if number is not None and number > LAST_UID:
        raise CannotLaunch(f"user: {word} is no user's number; the last is {LAST_UID}")
    try:
        entry = pwd.getpwuid(number) if number is not None else pwd.getpwnam(word)
    except (KeyError, ValueError):
        if number is None:
            raise CannotLaunch(f"user: there is no user {word}") from None
        user = User(number, number, ())
    else:
        groups = [g.gr_gid for g in grp.getgrall() if entry.pw_name in g.gr_mem]
        user = User(
            entry.pw_uid,
            entry.pw_gid,
            tuple(dict.fromkeys([entry.pw_gid, *groups])),
            entry.pw_name,
            entry.pw_dir,
            entry.pw_shell,
        )
    if os.geteuid() not in (0, user.uid):
        raise CannotLaunch(f"user: to run as {word} guardian has to be root, it runs as uid {os.geteuid()}")
    return user
