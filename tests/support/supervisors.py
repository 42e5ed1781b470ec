"""guardian, supervisord, circus and pm2, each with the same services: started, asked and ended alike.

Each lives in a folder of its own with its sockets there, so several stand beside each other. The
settings take every artificial delay away: see the texts below.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path

from litter import MARK, Litter, below, end, start_of
from waiting import wait_until
from weighing import children, command_line, everybody, parent

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0  # seconds that a start or a stop may take; of a thousand services too
FUSE = 3600  # seconds until a daemon that we started in the foreground ends by itself

GUARDIAN = '[services.s{n}]\ncommand = "sleep"\nargs = ["{word}"]\n'

SUPERVISORD = """
[unix_http_server]
file = {root}/socket
[supervisord]
nodaemon = true
logfile = {root}/log
pidfile = {root}/pid
childlogdir = {root}
minfds = 16384
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl = unix://{root}/socket
"""
SUPERVISORD_EACH = "[program:s{n}]\ncommand = sleep {word}\nstartsecs = 0\nautorestart = true\n"

CIRCUS = """
[circus]
endpoint = ipc://{root}/endpoint
pubsub_endpoint = ipc://{root}/pubsub
check_delay = 0.1
warmup_delay = 0
debug = false
"""
CIRCUS_EACH = "[watcher:s{n}]\ncmd = sleep {word}\nwarmup_delay = 0\ncopy_env = true\n"
# With circus' own Python: asks until the arbiter counts so many processes.
CIRCUS_ASK = """
import sys, time, uuid, zmq
end = zmq.Context().socket(zmq.DEALER)
end.setsockopt(zmq.RECONNECT_IVL, 5)
end.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while True:
    end.send_json({"id": uuid.uuid4().hex, "command": "numprocesses", "properties": {}})
    if end.recv_json().get("numprocesses") == int(sys.argv[2]):
        break
    time.sleep(0.01)
print("all", flush=True)
"""


class Supervisor:
    """One tool with its services; `folder` holds its commands."""

    name = ""
    status: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()  # the name of a service follows
    quit: tuple[str, ...] = ()

    def __init__(self, root: Path, litter: Litter, folder: Path) -> None:
        self.root, self.litter, self.folder = root, litter, folder
        self.count = 0
        self.main: tuple[int, ...] = ()  # its processes that have services for children
        self.root.mkdir()

    # in the words of each tool

    def write(self, count: int) -> None:
        """Write the configuration of so many services."""
        raise NotImplementedError

    def up(self) -> None:
        """Start it with all services; return when it says that all of them run."""
        raise NotImplementedError

    def daemons(self) -> tuple[int, ...]:
        """Return the pids of the processes that are its own and have no other of its own above them."""
        raise NotImplementedError

    # what is done with each

    def word(self, number: int) -> str:
        """Return by what a service's process is known: how long it sleeps."""
        return f"3600.{number:04d}"

    def prepare(self, count: int) -> None:
        """Make everything ready for a start."""
        self.count = count
        self.write(count)

    def begin(self) -> None:
        """Start all services; AssertionError when one does not run that is said to."""
        self.up()
        self.main = self.daemons()
        wait_until(lambda: len(self.services()) == self.count, 10, what=f"{self.count} of {self.name}")

    @property
    def environment(self) -> dict[str, str]:
        """What its commands get."""
        return {**os.environ, MARK: self.litter.mark, "NO_COLOR": "1"}

    def words(self, *words: str) -> list[str]:
        """Return a command line with the path of the tool's command."""
        return [str(self.folder / words[0]), *words[1:]]

    def command(self, *words: str) -> str:
        """Run one of its commands to the end, return what it printed; AssertionError when it fails."""
        done = subprocess.run(
            self.words(*words),
            env=self.environment,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{done.args}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr}"
        return done.stdout

    def start_daemon(self, *words: str) -> int:
        """Start what stays in the foreground; return its pid."""
        nowhere = subprocess.DEVNULL
        options = {"stdin": nowhere, "stdout": nowhere, "stderr": nowhere}
        child = self.litter.start(
            *self.words(*words), fuse=FUSE, cwd=self.root, env=self.environment, **options
        )
        return child.pid

    def services(self) -> dict[str, int]:
        """Return the pids of its services by their words, as soon as they have become what they should."""
        return dict(self._sleepers(pid for main in self.main for pid in children(main)))

    def _sleepers(self, pids: Iterable[int]) -> Iterable[tuple[str, int]]:
        for pid in pids:
            words = command_line(pid)
            if len(words) == 2 and words[0].endswith("sleep"):
                yield words[1], pid

    def own(self) -> set[int]:
        """Return the pids of everything that runs because of it and is no service."""
        return below(set(self.main)) - set(self.services().values())

    def stop_all(self) -> None:
        """Stop all services; return when it says so and none of them runs any more."""
        started = {pid: start_of(pid) for pid in self.services().values()}
        self.command(*self.stop)
        wait_until(
            lambda: not any(start_of(pid) == start for pid, start in started.items()),
            PATIENCE,
            what=f"the end of {self.name}'s services",
            every=0.002,
        )

    def leave(self) -> None:
        """End it, and whoever of its own is left, whatever state it is in."""
        own = {pid: start_of(pid) for pid in below(set(self.main)) if start_of(pid) is not None}
        try:
            self.command(*self.quit)
        except (AssertionError, subprocess.TimeoutExpired):
            pass  # it may run no more; what does is ended now
        for pid, start in own.items():
            end(pid, start)


class Guardian(Supervisor):
    """guardian, as it comes."""

    name = "guardian"
    status = ("guardian", "ps", "list")
    stop = ("guardian", "ps", "stop", "*")
    restart = ("guardian", "ps", "restart")
    quit = ("guardian", "down")

    def write(self, count: int) -> None:
        sections = [GUARDIAN.format(n=n, word=self.word(n)) for n in range(count)]
        config = self.root / "guardian.toml"
        config.write_text("\n".join(sections))
        config.chmod(0o600)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        config = str(self.root / "guardian.toml")
        return {**super().environment, "PYTHONPATH": path, "GUARDIAN_CONFIG": config}

    def words(self, *words: str) -> list[str]:
        own = self.folder / "guardian"
        return [*([str(own)] if own.exists() else [sys.executable, "-m", "guardian"]), *words[1:]]

    def up(self) -> None:
        self.command("guardian", "up", "--wait", "--timeout", f"{PATIENCE:g}s")

    def daemons(self) -> tuple[int, ...]:
        found = [pid for pid in everybody() if command_line(pid)[2:4] == ["keeper", str(self.root)]]
        return tuple(pid for pid in found if parent(pid) not in found)  # the brain is its child


class Supervisord(Supervisor):
    """supervisord: started in the foreground, asked by XML-RPC until all are RUNNING."""

    name = "supervisord"
    status = ("supervisorctl", "status")
    stop = ("supervisorctl", "stop", "all")
    restart = ("supervisorctl", "restart")
    quit = ("supervisorctl", "shutdown")
    pid = 0

    def write(self, count: int) -> None:
        each = [SUPERVISORD_EACH.format(n=n, word=self.word(n)) for n in range(count)]
        (self.root / "conf").write_text("\n".join([SUPERVISORD.format(root=self.root), *each]))

    def words(self, *words: str) -> list[str]:
        return [str(self.folder / words[0]), "-c", str(self.root / "conf"), *words[1:]]

    def up(self) -> None:
        self.pid = self.start_daemon("supervisord")
        wait_until(self._all_run, PATIENCE, what="supervisord's services")

    def _all_run(self) -> bool:
        server = xmlrpc.client.ServerProxy("http://here", Unix(str(self.root / "socket")))
        try:
            found = server.supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return False
        assert isinstance(found, list)
        return sum(each["statename"] == "RUNNING" for each in found) == self.count

    def daemons(self) -> tuple[int, ...]:
        return (self.pid,)


class Circus(Supervisor):
    """circusd: started in the foreground, asked over its socket until all processes are counted."""

    name = "circus"
    status = ("circusctl", "status")
    stop = ("circusctl", "stop", "--waiting")
    restart = ("circusctl", "restart", "--waiting")
    quit = ("circusctl", "quit")
    pid = 0

    def write(self, count: int) -> None:
        each = [CIRCUS_EACH.format(n=n, word=self.word(n)) for n in range(count)]
        (self.root / "conf").write_text("\n".join([CIRCUS.format(root=self.root), *each]))

    @property
    def endpoint(self) -> str:
        """Where its arbiter is asked."""
        return f"ipc://{self.root}/endpoint"

    def words(self, *words: str) -> list[str]:
        how = ("--endpoint", self.endpoint) if words[0] == "circusctl" else ()
        return [str(self.folder / words[0]), *how, *words[1:]]

    def prepare(self, count: int) -> None:
        super().prepare(count)
        python = str(Path((self.folder / "circusd").resolve()).with_name("python"))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.ask = self.litter.start(python, "-c", CIRCUS_ASK, self.endpoint, str(count), **pipes, fuse=FUSE)
        assert self.ask.stdout is not None
        assert self.ask.stdout.readline() == "ready\n"

    def up(self) -> None:
        self.pid = self.start_daemon("circusd", str(self.root / "conf"))
        assert self.ask.communicate("go\n", timeout=PATIENCE)[0] == "all\n"

    def daemons(self) -> tuple[int, ...]:
        return (self.pid,)


class Pm2(Supervisor):
    """pm2: its daemon is started by its command, which returns when all are online."""

    name = "pm2"
    status = ("pm2", "ls")
    stop = ("pm2", "stop", "all")
    restart = ("pm2", "restart")
    quit = ("pm2", "kill")

    def write(self, count: int) -> None:
        each = {"script": "sleep", "interpreter": "none", "exec_mode": "fork"}
        apps = [each | {"name": f"s{n}", "args": self.word(n)} for n in range(count)]
        (self.root / "ecosystem.config.json").write_text(json.dumps({"apps": apps}))

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "PM2_HOME": str(self.root / "home"),
            "PM2_DISABLE_VERSION_CHECK": "true",
        }

    def up(self) -> None:
        self.command("pm2", "start", "ecosystem.config.json")

    def daemons(self) -> tuple[int, ...]:
        return (int((self.root / "home/pm2.pid").read_text()),)


class Unix(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("here")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(self.path)
        return connection
