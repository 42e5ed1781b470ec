"""Twenty services of every kind, for a daemon that is killed under them; and the judge of what is left."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from litter import start_of
from project import Project, python, service

CHATTY = ("chatty1", "chatty2")
RESTARTING = ("again1", "again2")
STABLE = (*CHATTY, "http", "tcp", "output", "script", "db", "web", *(f"quiet{n}" for n in range(1, 11)))
EVERYBODY = (*STABLE, *RESTARTING)
PART = 40  # lines that each generation of a restarting service prints at its end

FUSE = "import os, signal, sys, time\nsignal.alarm(200)\n"
TALK = f"""{FUSE}
over = False
def end(*_):
    global over
    over = True
signal.signal(signal.SIGTERM, end)
number, begun = 0, time.monotonic()
while not over:
    due = int((time.monotonic() - begun) * 10000)
    part = "".join(f"{{n}}\\n" for n in range(number, due))
    done = 0
    while done < len(part):
        done += os.write(1, part[done:].encode())
    number = max(number, due)
    time.sleep(0.005)
os.write(1, f"end {{number}}\\n".encode())
"""
AGAIN = f"""{FUSE}
time.sleep(0.5)
run = os.environ["GUARDIAN_RUN_ID"]
for n in range({PART}):
    os.write(1, f"{{run}} {{n}}\\n".encode())
open(os.path.join(sys.argv[1], run), "w").close()
"""
HTTP = f"""{FUSE}
import socket
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    client.close()
"""
WELL = f"""{FUSE}
while True:
    print("all is well", flush=True)
    time.sleep(0.1)
"""
QUIET = f"{FUSE}\nsignal.pause()"


def free_ports(number: int) -> list[int]:
    """Return ports that nobody listens at now."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    found = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return found


def sections(project: Project, tag: str) -> list[str]:
    """Return the sections of guardian.toml; each service has its name and the tag in its command line."""
    http, tcp = free_ports(2)
    done = project.root / "done"
    done.mkdir()

    def one(name: str, code: str, *lines: str, words: tuple[str, ...] = (), **values: object) -> str:
        return service(name, *lines, **python(code, *words, word(name, tag)), stop_timeout="5s", **values)

    look = 'interval = "300ms"\nstart_period = "20s"'
    often = {"restart_delay": "0s", "backoff_multiplier": 1, "max_restart_delay": "50ms"}
    return [
        *(one(name, TALK, log_max_size="300KB", log_keep=100) for name in CHATTY),
        *(
            one(name, AGAIN, words=(str(done),), max_restarts=100000, group="again", **often)
            for name in RESTARTING
        ),
        one(
            "http",
            HTTP,
            f'[services.http.health]\ntype = "http"\nurl = "http://127.0.0.1:{http}/"\n{look}',
            words=(str(http),),
        ),
        one(
            "tcp",
            HTTP,
            f'[services.tcp.health]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {tcp}\n{look}',
            words=(str(tcp),),
        ),
        one("output", WELL, '[services.output.health]\ntype = "output"\npattern = "is well"'),
        one("script", QUIET, f'[services.script.health]\ntype = "script"\nscript = "true"\n{look}'),
        one("db", QUIET, group="back"),
        one("web", QUIET, depends_on=["db", "http"], group="front"),
        *(one(f"quiet{n}", QUIET, groups=["quiet"]) for n in range(1, 11)),
    ]


def word(name: str, tag: str) -> str:
    """Return the word in a service's command line by which its processes are known."""
    return f"{tag}-{name}-"


def copies(tag: str) -> dict[str, list[int]]:
    """Return the pids of each service's processes, looked for in all of /proc."""
    found: dict[str, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().decode("ascii", "replace").split("\0")
        except OSError:
            continue
        names = [each[len(tag) + 1 : -1] for each in words if each.startswith(tag)]
        if names and start_of(int(entry)) is not None:
            found.setdefault(names[0], []).append(int(entry))
    return found


def check_chatty(project: Project, name: str) -> int:
    """Every line exactly once and in order, the last says how many; return how many."""
    lines = project.printed(name).split(b"\n")
    assert lines[-1] == b""
    end = re.fullmatch(rb"end (\d+)", lines[-2])
    assert end, f"{name}: the last line is {lines[-2]!r}"
    numbers = [int(line) if line.isdigit() else line for line in lines[:-2]]
    expected = list(range(int(end[1])))
    if numbers != expected:
        at = next((n for n, (a, b) in enumerate(zip(numbers, expected, strict=False)) if a != b), -1)
        raise AssertionError(
            f"{name}: {len(numbers)} lines of {len(expected)}; at {at}: {numbers[at - 2 : at + 3]}"
        )
    return len(numbers)


def check_again(project: Project, name: str) -> int:
    """Of each generation that ended by itself every line exactly once and in order; return how many did."""
    runs: dict[str, list[int]] = {}
    for line in project.printed(name).decode().splitlines():
        run, _, number = line.partition(" ")
        runs.setdefault(run, []).append(int(number))
    done = [path.name for path in (project.root / "done").iterdir() if path.name.startswith(f"{name}.")]
    broken = {run: runs.get(run) for run in done if runs.get(run) != list(range(PART))}
    assert not broken, f"{name}: {broken}"
    return len(done)


def quiet_sections(tag: str, number: int = 20) -> list[str]:
    """Return services that do nothing; the last ones wait for the first."""
    first = [service(f"q{n}", **python(QUIET, word(f"q{n}", tag))) for n in range(number - 4)]
    last = [
        service(f"q{n}", **python(QUIET, word(f"q{n}", tag)), depends_on=[f"q{n - 16}"])
        for n in range(number - 4, number)
    ]
    return first + last
