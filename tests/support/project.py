"""One project and its daemon, as people start it; whatever a test does, nobody of it is left afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from house import House
from litter import Litter, end, marked, start_of
from waiting import wait_until

from guardian.contain.mark import Mark
from guardian.daemon.client import Connection, NoDaemon, connect
from guardian.daemon.places import Project as Places
from guardian.output.rotation import numbered, numbers

ROOT = Path(__file__).parents[2]
GUARDIAN = (sys.executable, "-m", "guardian")
PATIENCE = 45.0  # seconds in which what must happen has happened on the most loaded of machines
FUSE = 240  # seconds until guardian's commands, CPU seconds until its daemon and services, end by themselves


class Project:
    """A folder with a guardian.toml; its daemon carries the litter's mark, and so do its services."""

    def __init__(self, house: House, litter: Litter, root: Path | None = None) -> None:
        self.house, self.litter = house, litter
        self.root = root or house.root / "project"
        self.root.mkdir(parents=True, exist_ok=True)
        self.environment: dict[str, str] = {}  # what the next `up` gets besides
        self.config = self.root / "guardian.toml"

    # the files

    @property
    def places(self) -> Places:
        """Where the daemon keeps things."""
        return Places(str(self.root))

    @property
    def folder(self) -> Path:
        """Its `.guardian`."""
        return Path(self.places.folder)

    def write(self, *services: str) -> None:
        """Write guardian.toml of these sections."""
        self.config.write_text("\n".join(services), encoding="utf-8")
        self.config.chmod(0o600)

    def said(self) -> str:
        """Return what the daemon has logged."""
        log = self.folder / "daemon.log"
        return log.read_text("utf-8") if log.exists() else ""

    def printed(self, name: str, stream: str = "out") -> bytes:
        """Return everything that a service has printed, the oldest first, over all rotated files."""
        file = str(self.folder / "logs" / f"{name}.{stream}.log")
        return b"".join(Path(numbered(file, n)).read_bytes() for n in reversed(numbers(file)))

    def trees(self) -> dict[str, dict[str, Any]]:
        """Return the trees that are written down, by their ids; none when a test has spoilt the file."""
        try:
            found: dict[str, dict[str, Any]] = json.loads((self.folder / "state.json").read_bytes())["trees"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}
        return found

    # the commands

    def start(self, *words: str, before: Iterable[str] = (), **options: Any) -> subprocess.Popen[str]:
        """Start a command of guardian in the project's folder."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        inherited = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "GUARDIAN_CONFIG": str(self.config)}
        given: dict[str, Any] = {
            "cwd": self.root,
            "env": {**inherited, **self.environment},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "errors": "surrogateescape",
        }
        return self.litter.start(*before, *GUARDIAN, *words, fuse=FUSE, **(given | options))

    def guardian(self, *words: str, before: Iterable[str] = (), **options: Any) -> Answer:
        """Run a command of guardian to its end."""
        child = self.start(*words, before=before, **options)
        out, err = child.communicate(timeout=PATIENCE)
        return Answer(child.returncode, out or "", err or "")

    def up(self, *services: str) -> None:
        """`guardian up --detach`, with these sections where there are any."""
        if services:
            self.write(*services)
        answer = self.guardian("up", "--detach")
        assert answer.code == 0, f"{answer}\n{self.said()}"

    def down(self) -> Answer:
        """`guardian down`."""
        return self.guardian("down")

    # the daemon

    @contextmanager
    def talk(self) -> Iterator[Connection]:
        """Talk to the daemon; one that does not answer fails the test."""
        socket.setdefaulttimeout(PATIENCE)
        try:
            with connect(self.places) as connection:
                yield connection
        finally:
            socket.setdefaulttimeout(None)

    def ask(self, verb: str, **fields: object) -> Any:
        """Ask the daemon one thing."""
        with self.talk() as connection:
            return connection.ask(verb, **fields)

    def list(self) -> dict[str, dict[str, Any]]:
        """Return how services stand, as `guardian ps list --json` tells."""
        answer = self.guardian("ps", "list", "--json")
        assert answer.code == 0, f"{answer}\n{self.said()}"
        return {each["name"]: each for each in json.loads(answer.out)}

    def stands(self) -> dict[str, dict[str, Any]]:
        """Return the same, asked by this process: quicker."""
        return {each["name"]: each for each in self.ask("list")}

    def wait_for(self, what: str = "ready", *names: str) -> dict[str, dict[str, Any]]:
        """Wait until these services, or all, are in a state."""

        def reached() -> dict[str, dict[str, Any]]:
            try:
                found = self.stands()
            except NoDaemon:
                return {}
            good = all(found[name]["state"] == what for name in names or found)
            return found if good and found else {}

        return wait_until(reached, PATIENCE, what=f"{names or 'all'} {what}\n{self.said()}", every=0.02)

    def keeper(self) -> int:
        """Return the pid of the keeper, 0 when there is none."""
        return self._who("guardian-keep")

    def brain(self) -> int:
        """Return the pid of the brain, 0 when there is none."""
        return self._who("guardian-brain")

    def _who(self, name: str) -> int:
        found = [pid for pid in marked(self.litter.mark) if self._is(pid, name)]
        found = [pid for pid in found if parent_of(pid) not in found]  # not yet what it was forked for
        assert len(found) <= 1, f"more than one {name}: {found}"
        return found[0] if found else 0

    def _is(self, pid: int, name: str) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return (
                Path(f"/proc/{pid}/comm").read_text().strip() == name
                and os.fsencode(self.places.root) in words
            )
        except OSError:
            return False

    def kill(self, *pids: int) -> None:
        """Send SIGKILL to these, all at once, and wait until they are gone; none sees another's end."""
        starts = {pid: start_of(pid) for pid in pids}
        for pid in pids if len(pids) > 1 else ():
            os.kill(pid, signal.SIGSTOP)
        for pid, start in starts.items():
            end(pid, start)
        for pid, start in starts.items():
            wait_until(partial(_is_gone, pid, start), PATIENCE, what=f"end of {pid}")

    def members(self) -> set[int]:
        """Return everybody who belongs to a tree that is written down, by the number that it carries."""
        marks = [Mark(*tree["mark"]) for tree in self.trees().values() if tree["mark"][0]]
        everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return {pid for pid in everybody if any(m.owns(pid) for m in marks) and start_of(pid) is not None}

    def clear(self) -> None:
        """End the keeper, the brain, and what they have started, also who has cleared its environment."""
        for pid in [pid for pid in marked(self.litter.mark) if self._is_daemon(pid)]:
            end(pid, start_of(pid))
        members = self.members()
        for pid in members:
            self.litter.remember(pid)
        self.kill(*members)
        for tree in self.trees().values():
            with suppress(OSError):  # removed already, or somebody is in it still: the litter's to end
                os.rmdir(tree["cgroup"])

    def _is_daemon(self, pid: int) -> bool:
        return self._is(pid, "guardian-keep") or self._is(pid, "guardian-brain")


class Answer:
    """What a command of guardian answered."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"<exit {self.code}>\nstdout: {self.out}\nstderr: {self.err}"


def service(name: str, *lines: str, **values: object) -> str:
    """Return the section of one service: lines as they are, values as TOML."""
    text = [f"[services.{name}]", *(f"{key} = {toml(value)}" for key, value in values.items()), *lines]
    return "\n".join([*text, ""])


def toml(value: object) -> str:
    """Return a value as TOML; JSON's strings, numbers, lists and truth values are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def python(code: str, *words: str) -> dict[str, object]:
    """Return the command of a service that is a Python program; quick to start."""
    return {"command": sys.executable, "args": ["-S", "-E", "-c", code, *words]}


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _is_gone(pid: int, start: int | None) -> bool:
    return start_of(pid) != start


def has_variable(name: str, value: str) -> list[int]:
    """Return the pids of everybody alive who has that variable."""
    return [pid for pid in _pids() if f"{name}={value}".encode() in _environment(pid) and start_of(pid)]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
