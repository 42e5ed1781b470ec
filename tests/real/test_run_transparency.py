"""What reaches the command through `guardian run`, and what reaches it without: the same."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from house import House
from litter import MARK, Litter
from waiting import wait_until

ROOT = str(Path(__file__).parents[2])
GUARDIAN = [sys.executable, "-m", "guardian", "run", "--"]

# Looks at itself and says what it sees, in C's own words where Python changes something at its start.
LOOK = r"""
import json, os, sys
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
initial = [part for part in open("/proc/self/environ", "rb").read().split(b"\0") if part]
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
alive = [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")]
print(json.dumps({
    "blocked": status["SigBlk"], "ignored": status["SigIgn"],
    "environ": sorted(repr(part) for part in initial if not part.startswith(b"GUARDIAN_RUN_ID=")),
    "run_id": any(part.startswith(b"GUARDIAN_RUN_ID=") for part in initial),
    "cwd": os.getcwd(), "umask": status["Umask"],
    "argv": repr([os.fsencode(word) for word in sys.argv[1:]]),
    "fds": [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")],
    "limits": open("/proc/self/limits").read(), "nice": os.nice(0),
    "tty": [os.isatty(fd) for fd in (0, 1, 2) if fd in fds],
}))
"""
SEE = [sys.executable, "-S", "-E", "-c", LOOK]


def seen(litter: Litter, command: list[str | bytes], **options: Any) -> dict[str, object]:
    """Return what a command saw of itself."""
    environment = {**os.environ, "PYTHONPATH": ROOT, **options.pop("env", {}), MARK: litter.mark}
    run = subprocess.run(command, stdout=subprocess.PIPE, timeout=30, env=environment, check=True, **options)
    result: dict[str, object] = json.loads(run.stdout)
    return result


def both(litter: Litter, *words: str | bytes, **options: Any) -> tuple[dict[str, object], dict[str, object]]:
    """Return what the command saw without and with guardian, the run's id checked and left out."""
    bare = seen(litter, [*SEE, *words], **options)
    guarded = seen(litter, [*GUARDIAN, *SEE, *words], **options)
    assert (bare.pop("run_id"), guarded.pop("run_id")) == (False, True)
    return bare, guarded


def block_some() -> None:
    """Block two signals and ignore two others, as a parent may."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGWINCH})
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def close_stdin() -> None:
    """Start without a standard input."""
    os.close(0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preexec_fn": block_some},
        {"umask": 0o027},
        {"cwd": "/"},
        {"env": {"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}},
        {"env": {"ODD\udcff": "by\udcfftes", "EMPTY": ""}},
        {"preexec_fn": close_stdin},
    ],
    ids=["plain", "signals", "umask", "folder", "no locale", "bytes", "no stdin"],
)
def test_the_command_sees_no_difference(options: dict[str, Any], house: House, litter: Litter) -> None:
    """Signals, environment, folder, umask, descriptors and limits reach the command unchanged."""
    bare, guarded = both(litter, **options)
    assert guarded == bare


def test_the_c_locale_leaves_no_trace(house: House, litter: Litter) -> None:
    """Python adds LC_CTYPE to its own environment in the C locale (PEP 538); the command does not get it."""
    bare = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": os.getcwd()}
    run = subprocess.run([*GUARDIAN, "env"], env=bare, capture_output=True, text=True, check=True, timeout=30)
    assert "LC_CTYPE" not in run.stdout


def test_arguments_are_bytes(house: House, litter: Litter) -> None:
    """Arguments that are no UTF-8, empty or look like options arrive as they are."""
    words = [b"\xff\xfe", "", "--", "--timeout", "ä", " "]
    bare, guarded = both(litter, *words)
    assert guarded["argv"] == bare["argv"]


def test_descriptors_go_through(house: House, litter: Litter) -> None:
    """A further descriptor, like that of make's jobserver, is there; guardian's own are not."""
    reading, writing = os.pipe()
    try:
        bare, guarded = both(litter, pass_fds=(reading, writing))
    finally:
        os.close(reading)
        os.close(writing)
    assert guarded["fds"] == bare["fds"]
    assert {reading, writing} <= set(guarded["fds"])  # type: ignore[call-overload]


# Says into a file which of the standard descriptors it has, and what the open ones are.
STANDARD = r"""
import os, sys
def kind(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return "closed"
kinds = [kind(fd) for fd in (0, 1, 2)]
with open(sys.argv[1], "a") as file:
    print(*kinds, file=file)
for fd in (1, 2):
    try:
        os.write(fd, b"said\n")
    except OSError:
        pass
if sys.argv[2:]:
    import signal; signal.alarm(30); signal.pause()
"""
CLOSED = [fds for n in (1, 2, 3) for fds in itertools.combinations((0, 1, 2), n)]


@pytest.mark.parametrize("way", ["cgroup", "subreaper"])
@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_closed_descriptors_stay_closed(
    closed: tuple[int, ...], way: str, house: House, litter: Litter, needs_root: None
) -> None:
    """`<&- >&- 2>&-`: the command finds closed what was closed, and nothing of guardian's in its place.

    Neither with a slot, a report and counted output, nor when guardian has something to say.
    """
    told, report = house.root / "told", house.root / "report"
    redirections = " ".join(f"{fd}>&-" for fd in closed)
    others = " ".join(f"{fd}<>/dev/zero" for fd in (0, 1, 2) if fd not in closed)
    command = [sys.executable, "-S", "-E", "-c", STANDARD, str(told)]
    everything = ["--slots", "one", "--max-concurrent", "1", "--max-output", "1MB", "--report", str(report)]
    run = [*GUARDIAN[:-1], "--containment", way]
    for words, code in (
        (command, 0),
        ([*run, "--", *command], 0),
        ([*run, *everything, "--", *command], 0),
        ([*run, *everything, "--timeout", "300ms", "--", *command, "on"], 124),
        ([*run, "--", "/nowhere"], 127),
    ):
        script = f"exec {shlex.join(words)} {redirections} {others}"
        done = subprocess.run(
            ["sh", "-c", script], timeout=30, check=False, env={**os.environ, "PYTHONPATH": ROOT}
        )
        assert done.returncode == code
    bare, passed, *counted = [line.split() for line in told.read_text().splitlines()]
    assert passed == bare
    assert [bare[fd] == "closed" for fd in (0, 1, 2)] == [fd in closed for fd in (0, 1, 2)]
    for kinds in counted:
        assert [kind == "closed" for kind in kinds] == [kind == "closed" for kind in bare]
    assert json.loads(report.read_text())["exit_code"] == 124


def test_output_is_not_pumped(house: House, litter: Litter) -> None:
    """Without an output limit the command writes to the very same pipe."""
    command = [sys.executable, "-S", "-E", "-c", "import os; print(os.fstat(1).st_ino, os.fstat(2).st_ino)"]
    reading, writing = os.pipe()
    subprocess.run([*GUARDIAN, *command], stdout=writing, stderr=writing, check=True, timeout=30)
    inode = os.fstat(reading).st_ino
    assert os.read(reading, 100).split() == [b"%d" % inode] * 2
    os.close(reading)
    os.close(writing)


COUNT = """
import signal, sys, time
signal.alarm(30)
got = []
numbers = [int(word) for word in sys.argv[1:]]
for number in numbers:
    signal.signal(number, lambda number, frame: got.append(number))
print("up", flush=True)
while len(got) < len(numbers):
    signal.pause() if not got else time.sleep(0.05)
print(sorted(got) == sorted(numbers), flush=True)
"""
FORWARDED = sorted(
    set(signal.valid_signals())
    - {signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG}
    - {signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}
    - {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
)


def test_signals_are_passed_on(house: House, litter: Litter) -> None:
    """Every signal that ends, USR1, USR2, WINCH, the real-time ones: once each to the command."""
    numbers = [str(int(number)) for number in FORWARDED]
    run = litter.start(*GUARDIAN, sys.executable, "-S", "-E", "-c", COUNT, *numbers, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    for number in FORWARDED:
        run.send_signal(number)
    assert run.stdout.readline() == "True\n"
    assert run.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_who_was_started_deaf_stays_deaf(number: signal.Signals, house: House, litter: Litter) -> None:
    """An inherited SIG_IGN is honoured, by guardian and by the command: nohup works."""
    run = litter.start(
        "sh", "-c", f'trap "" {number.value}; exec "$@"', "sh", *GUARDIAN, "sh", "-c",
        f"echo up; kill -{number.value} $$; read go; echo alive", stdout=PIPE, stdin=PIPE,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdin is not None
    assert run.stdout.readline() == "up\n"
    run.send_signal(number)
    run.stdin.write("go\n")
    run.stdin.flush()
    assert run.stdout.readline() == "alive\n"
    assert run.wait(30) == 0


@pytest.mark.parametrize("group", [False, True], ids=["guardian alone", "the group"])
def test_a_signal_comes_exactly_once(group: bool, house: House, litter: Litter) -> None:
    """Whether somebody signals guardian or the whole job, the command hears it once."""
    counting = "import signal,time; n=[]\nsignal.signal(15, lambda *a: n.append(1)); signal.alarm(30)\n"
    counting += (
        "print('up', flush=True)\nwhile not n: time.sleep(0.01)\ntime.sleep(0.3)\nprint(len(n), flush=True)"
    )
    run = litter.start(
        *GUARDIAN, sys.executable, "-S", "-E", "-c", counting, stdout=subprocess.PIPE, process_group=0
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    (os.killpg if group else os.kill)(run.pid, signal.SIGTERM)
    assert run.stdout.readline() == "1\n"


def test_a_script_without_a_first_line_runs(house: House, litter: Litter) -> None:
    """A file without a format that the kernel knows is given to the shell, as execvp(3) does."""
    script = house.root / "script"
    script.write_text("echo script $1\nexit 3\n")
    script.chmod(0o755)
    run = subprocess.run([*GUARDIAN, str(script), "word"], capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stdout, run.stderr) == (3, "script word\n", "")


def test_path_is_searched_as_a_shell_does(house: House, litter: Litter) -> None:
    """What may not be executed is passed over; it is what is told when nothing else is found."""
    for name in ("a", "b"):
        (house.root / name).mkdir()
    (house.root / "a" / "tool").write_text("#!/bin/sh\necho a\n")
    (house.root / "b" / "tool").write_text("#!/bin/sh\necho b\n")
    (house.root / "b" / "tool").chmod(0o755)
    environment = {**os.environ, "PATH": f"{house.root}/a:{house.root}/b:{os.environ['PATH']}"}
    found = subprocess.run([*GUARDIAN, "tool"], env=environment, capture_output=True, text=True, timeout=30)
    assert (found.returncode, found.stdout) == (0, "b\n")
    (house.root / "b" / "tool").unlink()
    missed = subprocess.run([*GUARDIAN, "tool"], env=environment, capture_output=True, text=True, timeout=30)
    assert (missed.returncode, "Permission denied" in missed.stderr) == (126, True)


def forbid(*numbers: int) -> None:
    """Let system calls fail with EPERM from now on, as a sandbox does (seccomp(2)); x86-64 only."""
    import ctypes
    import struct

    load = struct.pack("HBBI", 0x20, 0, 0, 0)  # the number of the call
    tests = [struct.pack("HBBI", 0x15, 0, 1, n) + struct.pack("HBBI", 0x06, 0, 0, 0x50001) for n in numbers]
    program = load + b"".join(tests) + struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, head, 0, 0) == 0


PIDFD_OPEN, PIDFD_SEND_SIGNAL, CLONE3, PRCTL = 434, 424, 435, 157


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86-64")
@pytest.mark.parametrize("calls", [(PIDFD_OPEN, PIDFD_SEND_SIGNAL, CLONE3), (PRCTL,)], ids=["pidfd", "prctl"])
def test_a_sandbox_does_not_make_it_blind(calls: tuple[int, ...], house: House, litter: Litter) -> None:
    """Where calls are forbidden the next best way is taken, and nothing is left behind (P1, P11)."""
    options = ["--timeout", "500ms", "--grace", "200ms", "--report", str(house.root / "report")]
    command = ["sh", "-c", "setsid sleep 40 & trap '' TERM; while :; do sleep 1; done"]
    run = subprocess.Popen(
        [*GUARDIAN[:-1], *options, "--", *command],
        env={**os.environ, MARK: litter.mark},
        stderr=PIPE,
        text=True,
        preexec_fn=lambda: forbid(*calls),
    )
    _, err = run.communicate(timeout=30)
    assert (run.returncode, litter.alive()) == (124, set()), err
    report = json.loads((house.root / "report").read_text())
    assert (report["containment"]["name"] == "tree") == (PRCTL in calls)


def test_without_proc_nothing_is_launched(needs_root: None, house: House, litter: Litter) -> None:
    """Who cannot see processes does not start any (P10)."""
    run = litter.start(
        *("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"),
        *(*GUARDIAN, "echo", "launched"),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (125, "")
    assert "/proc" in err


NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
EXEC = 'exec "$@"'  # of a shell: the first exec of who gave up root's rights still has them


def python_of_nobody() -> str:
    """Return a Python that an ordinary user may start; a virtual environment's may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        tried = [*NOBODY, "sh", "-c", EXEC, "sh", python, "-c", "import guardian.run.wrap"]
        if not subprocess.run(tried, env={"PYTHONPATH": ROOT}, capture_output=True).returncode:
            return python
    return pytest.skip("an ordinary user may start no Python here")


@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_where_proc_hides_others_the_tree_is_ended(
    hidepid: str, needs_root: None, house: House, litter: Litter
) -> None:
    """An ordinary user who sees only their own processes sees the whole tree, and ends it (P1, P11)."""
    script = "setsid sleep 40 & (setsid sleep 40 &) ; trap '' TERM; while :; do sleep 1; done"
    os.chown(house.home, 65534, 65534)
    # no variables of guardian's: to read settings takes a library that this Python may not have
    clean = ["env", "-i", f"PATH={os.environ['PATH']}", f"HOME={house.home}", f"PYTHONPATH={ROOT}"]
    clean.append(f"{MARK}={litter.mark}")
    limits = ["--timeout", "700ms", "--grace", "200ms"]
    run = litter.start(
        *("unshare", "--mount", "sh", "-c", f"mount -t proc -o hidepid={hidepid} proc /proc && {EXEC}", "sh"),
        *(*clean, *NOBODY, "sh", "-c", EXEC, "sh"),
        *(python_of_nobody(), "-m", "guardian", "run", *limits, "--", "sh", "-c", script),
        stderr=PIPE,
        cwd="/",
    )
    _, err = run.communicate(timeout=30)
    assert (run.returncode, litter.alive()) == (124, set()), err
    assert "still there" not in err


def owner_case(litter: Litter, act: Callable[[subprocess.Popen[str]], None]) -> int:
    """Bind a run to a process, let that process end, and return the run's exit code."""
    owner = litter.start("sleep", "50")
    run = litter.start(
        *GUARDIAN[:-1],
        "--bind-to",
        str(owner.pid),
        "--",
        "sh",
        "-c",
        "echo up; sleep 50",
        stdout=subprocess.PIPE,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    act(owner)
    return run.wait(30)


def test_the_run_ends_with_its_owner(house: House, litter: Litter) -> None:
    """--bind-to ends the tree when that process ends, also while nobody has waited for it."""
    assert owner_case(litter, lambda owner: owner.kill()) == 143
    wait_until(lambda: not litter.alive(), what="an empty tree")
