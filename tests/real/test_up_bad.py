"""Bad services, bad places and bad moments: a clear line or a FATAL with its reason, the others untouched."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from house import House
from litter import Litter, marked, start_of
from project import PATIENCE, Project, has_variable, parent_of, python, service
from waiting import wait_until

FUSE = "import os, signal, sys, time\nsignal.alarm(100)\n"
QUIET = python(f"{FUSE}signal.pause()")
UP = "print('up', flush=True)\nsignal.pause()"
GOOD = service("good", **QUIET)
SOON = {"restart_delay": "0s", "backoff_multiplier": 1, "max_restart_delay": "1ms"}


def state_of(project: Project, name: str) -> str:
    return str(project.stands()[name]["state"])


def untouched(project: Project, before: dict[str, object], name: str = "good") -> None:
    """The good one runs as it did."""
    now = project.stands()[name]
    assert (now["pid"], now["start"], now["restarts"]) == (before["pid"], before["start"], 0)
    assert now["state"] == "ready"


# services


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"command": "/nowhere/program"}, "No such file"),
        ({"command": "no-such-program-anywhere --x"}, "No such file"),
        ({"command": "/etc/passwd"}, "Permission denied"),
        ({"command": "true", "cwd": "no/such/folder"}, "cwd: No such file"),
        ({"command": "true", "user": "no_such_user_here"}, "no_such_user_here"),
        ({"command": "true", "env_files": ["no.env"]}, "no.env"),
        ({"command": "true", "rlimits": {}, "interpreter": "no-such-python"}, "No such file"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_what_cannot_be_started_is_fatal(project: Project, bad: dict[str, object], reason: str) -> None:
    """A command that cannot be executed is FATAL at once, with the reason; others run (P10)."""
    bad = {key: value for key, value in bad.items() if value != {}}
    project.up(GOOD, service("bad", **bad))
    found = project.wait_for("fatal", "bad")
    assert reason in found["bad"]["why"]
    untouched(project, project.wait_for("ready", "good")["good"])
    assert reason in project.list()["bad"]["why"]
    assert project.down().code == 0


BIND = f"{FUSE}import socket\nsocket.create_server(('127.0.0.1', int(sys.argv[1])))\nsignal.pause()"


def test_a_port_that_is_taken_ends_in_fatal(project: Project) -> None:
    """A service that fails again and again becomes FATAL and says how it ended; its log says why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        project.up(GOOD, service("bad", max_restarts=2, **SOON, **python(BIND, port)))
        before = project.wait_for("ready", "good")["good"]
        found = project.wait_for("fatal", "bad")["bad"]
    assert "code 1" in found["why"] or found["exit"] == "code 1"
    assert found["restarts"] == 2
    assert project.printed("bad", "err").count(b"Address already in use") == 3
    untouched(project, before)
    project.ask("do", wish="start", words=["bad"], wait=True)  # free by now: asked for, it starts


def test_a_service_that_ends_at_once_many_times(project: Project) -> None:
    """200 restarts in a row: nobody else is held up, what is logged is bounded, FATAL at the end."""
    project.up(GOOD, service("bad", "command = 'echo again'", max_restarts=200, **SOON))
    before = project.wait_for("ready", "good")["good"]
    longest = 0.0
    while state_of(project, "bad") != "fatal":
        begun = time.monotonic()
        project.stands()
        longest = max(longest, time.monotonic() - begun)
    assert longest < 2
    untouched(project, before)
    assert project.printed("bad") == b"again\n" * 201
    assert len(project.said()) < 400_000
    brain = project.brain()
    used = cpu_of(brain)
    time.sleep(1)
    assert cpu_of(brain) - used <= 0.05  # nothing goes on in it


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


DAEMON = f"""{FUSE}
with open(sys.argv[1], "a") as file:
    child = os.fork()
    if not child:
        os.setsid()
        signal.pause()
    file.write(f"{{child}}\\n")
"""


@pytest.mark.parametrize("again", [True, False])
def test_a_service_that_daemonises_itself(project: Project, again: bool) -> None:
    """When the leader ends the whole tree is ended, also its background; then policy decides (P1)."""
    book = project.root / "book"
    words = python(DAEMON, str(book))
    project.up(service("bad", autorestart=again, max_restarts=3, stop_timeout="1s", **SOON, **words))
    found = project.wait_for("fatal" if again else "exited", "bad")["bad"]
    children = [int(line) for line in book.read_text().split()]
    assert len(children) == (4 if again else 1)
    assert not [pid for pid in children if start_of(pid) is not None]
    assert found["pid"] is None


def test_a_health_url_that_hangs(project: Project) -> None:
    """A look that gets no answer ends at its timeout, makes the service restart, and holds nobody up."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        look = {"url": url, "interval": "200ms", "timeout": "200ms", "retries": 2, "start_period": "100ms"}
        health = ["[services.bad.health]", *(f"{key} = {json.dumps(value)}" for key, value in look.items())]
        project.up(GOOD, service("bad", *health, stop_timeout="1s", max_restarts=1, **SOON, **QUIET))
        before = project.wait_for("ready", "good")["good"]
        found = project.wait_for("fatal", "bad")["bad"]
    assert found["restarts"] == 1
    assert re.search("time|answer|within", found["why"] + found["health_note"])
    untouched(project, before)


def test_a_service_that_is_deaf_ends_after_its_time(project: Project) -> None:
    """Deaf to SIGTERM with a stop_timeout of 1 s: gone soon after it, and `down` is content (P3)."""
    deaf = python(
        f"{FUSE}signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\nsignal.pause()"
    )
    project.up(service("deaf", stop_timeout="1s", **deaf))
    wait_until(lambda: project.printed("deaf"), PATIENCE)
    pid = project.stands()["deaf"]["pid"]
    begun = time.monotonic()
    assert project.down().code == 0
    assert 0.9 < time.monotonic() - begun < 20
    assert start_of(pid) is None


STAMP = f"""{FUSE}
name, folder = sys.argv[1:3]
def note(what):
    with open(os.path.join(folder, "times"), "a") as file:
        file.write(f"{{time.monotonic()}} {{name}} {{what}}\\n")
def end(*_):
    time.sleep(0.1)
    note("end")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
note("start")
time.sleep(0.2)
note("ready")
print("I am ready", flush=True)
while True:
    signal.pause()
"""


def test_dependencies_start_and_stop_in_order(project: Project) -> None:
    """Who depends on others starts when they are READY, and they end when it has ended."""
    ready = '[services.{}.ready]\ntype = "output"\npattern = "I am ready"'

    def one(name: str, *needs: str) -> str:
        words = python(STAMP, name, str(project.root))
        return service(name, ready.format(name), depends_on=list(needs), **words)

    project.up(one("web", "api"), one("api", "db", "cache"), one("db"), one("cache"))
    project.wait_for("ready")
    assert project.down().code == 0
    lines = [line.split() for line in (project.root / "times").read_text().splitlines()]
    at = {(name, what): float(when) for when, name, what in lines}
    assert len(at) == len(lines) == 12
    for first, then in [("db", "api"), ("cache", "api"), ("api", "web")]:
        assert at[first, "ready"] <= at[then, "start"]
        assert at[then, "end"] <= at[first, "end"] - 0.09  # asked when the other had ended
    assert abs(at["db", "start"] - at["cache", "start"]) < 0.2  # these two at once


# logs

COUNT = f"""{FUSE}
for n in range(30000):
    sys.stdout.write(f"{{n}}\\n")
sys.stdout.flush()
signal.pause()
"""
MOUNT = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'


def test_a_full_disk_holds_the_service_and_loses_nothing(needs_root: None, project: Project) -> None:
    """A log on a full disk: the service waits, it is said once, others go on; then all is there (P7)."""
    small = project.root / "small"
    small.mkdir()
    project.write(GOOD, service("big", log_file="small/big.log", **python(COUNT)))
    before = ["unshare", "--mount", "--propagation=slave", "sh", "-c", MOUNT, str(small)]
    answer = project.guardian("up", "--detach", before=before)
    assert answer.code == 0, answer
    good = project.wait_for("ready")["good"]
    wait_until(lambda: "big.log" in project.said(), PATIENCE, what="a complaint")
    log = Path(f"/proc/{project.brain()}/root") / str(small).lstrip("/") / "big.log"
    time.sleep(2.5)  # it tries again meanwhile, silently
    assert project.said().count("cannot write the log") == 1
    assert state_of(project, "big") == "ready"
    assert log.stat().st_size <= 65536
    untouched(project, good)
    enter = ["nsenter", "--mount", f"--target={project.brain()}"]
    subprocess.run([*enter, "mount", "-o", "remount,size=10m", str(small)], check=True)
    expected = "".join(f"{n}\n" for n in range(30000)).encode()
    wait_until(lambda: log.stat().st_size == len(expected), PATIENCE, what="the rest")
    assert log.read_bytes() == expected


def test_a_log_that_cannot_be_made_is_said(project: Project) -> None:
    """A log below something that is no folder: the service does not start and says why; others run (P10)."""
    (project.root / "file").write_text("")
    project.up(GOOD, service("bad", log_file="file/bad.log", max_restarts=1, **SOON, **QUIET))
    found = project.wait_for("fatal", "bad")["bad"]
    assert "bad.log" in found["why"]
    untouched(project, project.wait_for("ready", "good")["good"])
    (project.root / "file").unlink()
    project.ask("do", wish="start", words=["bad"], wait=True)


def test_a_read_only_folder_of_logs_is_said(needs_root: None, project: Project) -> None:
    """The same on a file system that is read-only (P10)."""
    small = project.root / "small"
    small.mkdir()
    project.write(GOOD, service("bad", log_file="small/bad.log", max_restarts=1, **SOON, **QUIET))
    mount = 'mount -t tmpfs -o ro tmpfs "$0" && exec "$@"'
    before = ["unshare", "--mount", "--propagation=slave", "sh", "-c", mount, str(small)]
    assert project.guardian("up", "--detach", before=before).code == 0
    found = project.wait_for("fatal", "bad")["bad"]
    assert "Read-only" in found["why"]
    untouched(project, project.wait_for("ready", "good")["good"])


def test_another_user_is_one_time_after_time(needs_root: None, project: Project) -> None:
    """A service of another user writes its log again after a restart (its FIFO is that user's)."""
    os.chmod(project.house.root, 0o755)
    script = "id -u; echo own > /dev/stdout; exec sleep 60"
    project.up(service("other", user="65534", cwd="/", command="sh", args=["-c", script]))
    for number in (1, 2, 3):
        wait_until(partial(has_printed, project, "other", b"65534\nown\n" * number), what=project.said())
        if number < 3:
            project.ask("do", wish="restart", words=["other"], wait=True)


def has_printed(project: Project, name: str, expected: bytes) -> bool:
    return project.printed(name) == expected


# configurations


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[services.a]\ncommand='true'\n[services.a]\ncommand='true'\n", ["twice", "guardian.toml"]),
        (
            service("a", command="true", depends_on=["b"]) + service("b", command="true", depends_on=["a"]),
            ["a → b → a", "circle"],
        ),
        (service("a", command="true", depends_on=["zz"]), ["zz", "depends_on"]),
        (service("a", command="true", umask="9"), ["umask"]),
        (service("a", command="true", rlimits={}) + "rlimits = { nosuch = 1 }\n", ["rlimits"]),
        ("", ["services"]),
    ],
    ids=["twice", "cycle", "unknown", "umask", "rlimit", "empty"],
)
def test_a_bad_configuration_starts_nothing(project: Project, text: str, words: list[str]) -> None:
    """What is wrong with guardian.toml is said in one line; no daemon is started (P10)."""
    project.write(text.replace("rlimits = {}\n", ""))
    answer = project.guardian("up", "--detach")
    assert answer.code == 2, answer
    assert all(word in answer.err for word in words), answer
    assert len(answer.err.strip().splitlines()) == 1
    assert not project.brain()


# places


@pytest.mark.parametrize(
    "name", ["x" * 200 + "/" + "y" * 150, "a b\n'\"$c;", "\udcff\udcfe é"], ids=["long", "odd", "bytes"]
)
def test_any_folder_can_be_a_project(house: House, litter: Litter, name: str) -> None:
    """A path of 350 characters, one with blanks and a line end, one that is no text: all work (P10)."""
    made = Project(house, litter, house.root / name)
    try:
        made.environment["PYTHONUTF8"] = "1"
        made.up(service("a", **python(f"{FUSE}print('here', os.getcwdb(), flush=True)\nsignal.pause()")))
        made.wait_for("ready")
        wait_until(lambda: b"here" in made.printed("a"), PATIENCE)
        assert made.list()["a"]["state"] == "ready"
        keeper, brain = made.keeper(), made.brain()
        made.kill(brain)
        made.wait_for("ready")
        made.kill(keeper)
        made.wait_for("ready")
        made.ask("do", wish="restart", words=["a"], wait=True)
        assert made.down().code == 0
    finally:
        made.clear()


def test_somebody_elses_folder_is_refused(needs_root: None, project: Project) -> None:
    """A .guardian that belongs to another user is refused with its name (P9, P10)."""
    project.folder.mkdir()
    os.chown(project.folder, 65534, 65534)
    project.write(GOOD)
    answer = project.guardian("up", "--detach")
    assert answer.code != 0
    assert ".guardian" in answer.err
    assert not project.brain()


def test_no_cgroup_is_left(needs_cgroup: Path, project: Project) -> None:
    """Services that run, restart, cannot be started: after `down` none of their cgroups is there (P1)."""
    tag = f"c{project.litter.mark[:10]}"
    bad = service(f"{tag}-bad", command="true", env_files=["no.env"])
    again = service(f"{tag}-again", command="true", max_restarts=20, **SOON)
    project.up(service(f"{tag}-good", **QUIET), bad, again)
    project.wait_for("fatal", f"{tag}-again", f"{tag}-bad")
    assert [path for path in needs_cgroup.iterdir() if tag in path.name]
    project.down()
    assert not [path.name for path in needs_cgroup.iterdir() if tag in path.name]


def test_many_who_start_it_at_once_make_one_daemon(project: Project) -> None:
    """Eight `up --detach` at once, twice: one keeper, one brain, each service once, all content (P6)."""
    project.environment["ROUND"] = project.litter.mark[:8]
    project.write(GOOD, service("other", **QUIET))
    for _ in range(2):
        children = [project.start("up", "--detach") for _ in range(8)]
        for child in children:
            out, err = child.communicate(timeout=PATIENCE)
            assert child.returncode == 0, (out, err, project.said())
        found = project.wait_for("ready")
        assert project.keeper()  # fails when there are two
        assert project.brain()
        mine = {
            pid
            for pid in has_variable("ROUND", project.litter.mark[:8])
            if parent_of(pid) == project.keeper()
        }
        assert mine == {found["good"]["pid"], found["other"]["pid"], project.brain()}
        assert project.down().code == 0


def test_what_a_dead_daemon_left_behind_is_recognised(project: Project) -> None:
    """Socket and lock of a killed daemon are stale: `ps list` says that there is none, `up` starts one."""
    project.up(GOOD)
    pid = project.wait_for("ready")["good"]["pid"]
    project.kill(project.keeper(), project.brain())
    assert os.path.exists(project.places.socket)
    answer = project.guardian("ps", "list")
    assert answer.code == 1
    assert "guardian up" in answer.err
    project.up()
    assert project.wait_for("ready")["good"]["pid"] == pid
    assert project.down().code == 0


@pytest.mark.parametrize("name", ["state.json", "roster.json"])
@pytest.mark.parametrize(
    "content", [b"", b'{"lives":7}', b"\xff", None], ids=["empty", "other", "bytes", "none"]
)
def test_a_spoilt_state_is_set_aside(project: Project, content: bytes | None, name: str) -> None:
    """A state that cannot be read is kept aside; no service runs twice, the daemon serves (P6, P10)."""
    project.up(GOOD)
    pid = project.wait_for("ready")["good"]["pid"]
    state = project.folder / name
    brain = project.brain()
    os.kill(brain, signal.SIGSTOP)
    if content is None:
        state.unlink()
    else:
        state.write_bytes(content)
    project.kill(brain)
    wait_until(lambda: project.brain() not in (0, brain), PATIENCE)
    project.guardian("up", "--detach")
    found = project.wait_for("ready")
    alive = [pid for pid in marked(project.litter.mark) if b"signal.pause()" in _cmdline(pid)]
    assert alive == [found["good"]["pid"]]
    if name == "roster.json" and content is not None:
        assert alive == [pid]
    assert project.down().code == 0
    assert start_of(pid) is None


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_daemon_keeps_nothing_of_who_started_it(project: Project) -> None:
    """A pipe that `up --detach` inherited comes to its end: neither daemon nor services hold it."""
    project.write(GOOD)
    reading, writing = os.pipe()
    child = project.start("up", "--detach", pass_fds=[writing])
    os.close(writing)
    child.communicate(timeout=PATIENCE)
    project.wait_for("ready")
    ready, _, _ = select.select([reading], [], [], 5)
    os.close(reading)
    assert ready, "somebody holds it"


# moments


@pytest.mark.parametrize("whom", ["brain", "keeper"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_an_orderly_end(project: Project, whom: str, number: int) -> None:
    """SIGTERM or SIGINT to either half of the daemon stops everything in order, as `down` does (P1, P3)."""
    code = f"{FUSE}signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), os._exit(0)))\n{UP}"
    project.up(service("a", **python(code)), service("b", depends_on=["a"], **QUIET))
    project.wait_for("ready")
    wait_until(lambda: project.printed("a"), PATIENCE)
    pids = [project.keeper(), project.brain(), *(each["pid"] for each in project.stands().values())]
    os.kill(getattr(project, whom)(), number)
    wait_until(lambda: not any(start_of(pid) for pid in pids), PATIENCE, what=f"the end\n{project.said()}")
    assert project.printed("a") == b"up\nbye\n"
    assert not os.path.exists(project.places.socket)


def test_two_who_end_it_at_once(project: Project) -> None:
    """Several `down` at once: all come back content, everything is gone once."""
    project.up(
        GOOD,
        service(
            "slow",
            stop_timeout="1s",
            **python(f"{FUSE}signal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\nsignal.pause()"),
        ),
    )
    wait_until(lambda: project.printed("slow"), PATIENCE)
    children = [project.start("down") for _ in range(3)]
    codes = [child.wait(PATIENCE) for child in children]
    assert codes == [0, 0, 0], [child.communicate() for child in children]
    assert not project.brain()


def test_a_daemon_whose_socket_was_removed_can_be_ended(project: Project) -> None:
    """Somebody removed the socket: the daemon still ends when it is asked by a signal (P1)."""
    project.up(GOOD)
    project.wait_for("ready")
    os.unlink(project.places.socket)
    pids = [project.keeper(), project.brain()]
    os.kill(pids[1], signal.SIGTERM)
    wait_until(lambda: not any(start_of(pid) for pid in pids), PATIENCE, what=f"the end\n{project.said()}")


def test_as_process_one(needs_root: None, project: Project) -> None:
    """As process 1 of a PID namespace: services run, orphans are reaped, SIGTERM ends all (P1)."""
    fork = "if not os.fork():\n    if not os.fork():\n        time.sleep(0.2)\n    os._exit(0)\nos.wait()\n"
    code = FUSE + fork + UP
    project.write(service("a", **python(code)))
    child = project.start("up", before=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    wait_until(lambda: project.printed("a"), PATIENCE, what=f"the service\n{project.said()}")
    project.wait_for("ready")
    inside = [pid for pid in marked(project.litter.mark) if parent_of(pid) == child.pid]
    time.sleep(0.5)
    zombies = [p for p in Path("/proc").iterdir() if p.name.isdigit() and _is_zombie(p, project)]
    assert not zombies
    os.kill(inside[0], signal.SIGTERM)
    child.communicate(timeout=PATIENCE)
    assert not any(_cmdline(pid) for pid in inside)
    assert "the daemon ends" in project.said()


def _is_zombie(path: Path, project: Project) -> bool:
    try:
        fields = (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] == "Z" and int(fields[1]) in set(marked(project.litter.mark))


def test_few_descriptors(project: Project) -> None:
    """64 descriptors for 20 services: some cannot start and say so, the others run, all end (P10)."""
    sections = [service(f"s{n}", max_restarts=2, **SOON, **QUIET) for n in range(20)]
    project.write(*sections)
    answer = project.guardian("up", "--detach", before=["prlimit", "--nofile=64:64"])
    assert answer.code == 0, answer

    def settled() -> dict[str, dict[str, object]]:
        found = project.stands()
        states = {each["state"] for each in found.values()}
        return found if states <= {"ready", "fatal"} else {}

    found = wait_until(settled, PATIENCE, what=f"ready or fatal\n{project.said()[-3000:]}")
    ready = [name for name, each in found.items() if each["state"] == "ready"]
    assert len(ready) >= 5
    assert all("open files" in str(each["why"]) for each in found.values() if each["state"] == "fatal")
    assert project.down().code == 0


def test_a_step_of_the_wall_clock_changes_nothing(project: Project) -> None:
    """The wall clock jumps by a year, there and back: no restart, no look, no timeout comes of it."""
    faketime = shutil.which("faketime") or pytest.skip(
        "needs faketime, to step the clock of one process alone"
    )
    project.write(GOOD)
    answer = project.guardian("up", "--detach", before=[faketime, "-f", "+1y x1"])
    assert answer.code == 0
    good = project.wait_for("ready")["good"]
    project.kill(project.brain())
    project.wait_for("ready")
    untouched(project, good)
