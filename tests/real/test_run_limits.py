"""The limits of `guardian run` on real processes: who breaks one is ended for it, and the honest pass."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from subprocess import DEVNULL, PIPE

import pytest
from house import House
from litter import Litter

WAYS = ["cgroup", "subreaper"]
GRACE = "500ms"
MB = 1 << 20

# At most 700 MB, 10 MB at a time: fast, and no danger for the machine when nobody stops it.
LEAK = """
import time
kept = []
for n in range(70):
    kept.append(bytearray(b'x') * (10 << 20)); time.sleep(0.005)
time.sleep(30)
"""
LEAK_ON = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LEAK}"
SPIN = "while True: pass"
BUSY = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
CHILDREN_SPIN = """
import os
while True:
    if os.fork() == 0:
        for n in range(2_000_000): pass
        os._exit(0)
    os.wait()
"""
MANY = "i=0; while [ $i -lt 60 ]; do sleep 30 & i=$((i+1)); done; wait"

# Those that look like runaways and are none
RESERVED = "import mmap, time; m = mmap.mmap(-1, 8 << 30); time.sleep(0.5)"
SHARING = """
import os, time
data = bytearray(b'x') * (120 << 20)
for n in range(5):
    if os.fork() == 0:
        sum(data[::4096]); time.sleep(1); os._exit(0)
for n in range(5): os.wait()
"""
DOUBLING = """
import subprocess
data = bytearray(b'x') * (150 << 20)
for n in range(10): subprocess.run(["true"], preexec_fn=lambda: None)
"""
SAWTOOTH = """
import time
for n in range(8):
    data = bytearray(b'x') * (150 << 20); time.sleep(0.05); del data
"""
BURST = """
import time
for n in range(3):
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
    time.sleep(1)
"""
CACHE = """
import os, sys
path = sys.argv[1]
with open(path, "wb") as file:
    for n in range(40): file.write(bytes(10 << 20))
with open(path, "rb") as file:
    while file.read(10 << 20): pass
os.unlink(path)
"""


def python(code: str, *words: str) -> list[str]:
    """Return the command that runs some Python."""
    return [sys.executable, "-S", "-E", "-c", code, *words]


class Ran:
    """A run that is over: its exit code, its words, and its report."""

    def __init__(
        self, house: House, litter: Litter, options: str, command: list[str], way: str = "auto"
    ) -> None:
        path = house.root / "report.json"
        words = [
            "--containment",
            way,
            "--grace",
            GRACE,
            "--report",
            str(path),
            *options.split(),
            "--",
            *command,
        ]
        run = litter.start(
            sys.executable, "-m", "guardian", "run", *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        self.out, self.err = run.communicate(timeout=60)
        self.code = run.returncode
        self.report = json.loads(path.read_text())

    @property
    def kind(self) -> str:
        """Which limit it was ended for; empty when it was not."""
        return self.report["receipt"]["kind"] if self.report["receipt"] else ""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("options", "command", "code", "kind"),
    [
        ("--timeout 500ms", python("import time; time.sleep(30)"), 124, "timeout"),
        ("--idle-timeout 1s", python("import time; time.sleep(30)"), 124, "idle_timeout"),
        ("--cpu-time 500ms", python(SPIN), 124, "cpu_time"),
        ("--cpu-time 500ms", python(CHILDREN_SPIN), 124, "cpu_time"),
        ("--memory 300MB", python(LEAK), 122, "max_memory"),
        ("--cpu 5 --cpu-window 1s", python(SPIN), 122, "max_cpu"),
        ("--cpu 5 --cpu-window 1s", python(CHILDREN_SPIN), 122, "max_cpu"),
        ("--max-procs 20", ["sh", "-c", MANY], 122, "max_procs"),
        ("--max-output 1MB", ["yes"], 122, "max_output"),
    ],
    ids=[
        "timeout", "idle", "cpu time", "cpu time of children", "memory", "cpu", "cpu of children",
        "procs", "output",
    ],
)  # fmt: skip
def test_who_breaks_a_limit_is_ended_for_it(
    options: str, command: list[str], code: int, kind: str, way: str, house: House, litter: Litter
) -> None:
    """Each limit counts the tree, the dead included; it has its exit code and its reason (P4, P8)."""
    ran = Ran(house, litter, options, command, way)
    assert (ran.code, ran.kind, litter.alive()) == (code, kind, set())
    assert re.fullmatch(r'guardian: ended ".*" after .*; why: guardian why \w+\n', ran.err)


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ("--memory 300MB", python(RESERVED)),
        ("--memory 300MB", python(SHARING)),
        ("--memory 300MB", python(DOUBLING)),
        ("--memory 300MB", python(SAWTOOTH)),
        ("--memory 300MB", python(CACHE, "/tmp/guardian-page-cache")),
        ("--cpu 60 --cpu-window 3s", python(BURST)),
        ("--idle-timeout 1s", ["sh", "-c", "for n in 1 2 3 4; do echo $n; sleep 0.5; done"]),
        ("--idle-timeout 1s", python(BUSY)),
        ("--max-procs 5", ["sh", "-c", "for n in 1 2 3 4 5 6 7 8 9; do sleep 0.05; done"]),
        ("--max-output 1MB", ["head", "-c", "1048576", "/dev/zero"]),
    ],
    ids=[
        "reserved, not touched", "shared by children", "doubled until exec", "sawtooth", "page cache",
        "burst of CPU", "talks", "computes", "few at once", "output up to the limit",
    ],
)  # fmt: skip
def test_the_honest_pass(options: str, command: list[str], house: House, litter: Litter) -> None:
    """What looks like a runaway at a glance and is none runs to its end, in silence (P4)."""
    ran = Ran(house, litter, options, command)
    assert (ran.code, ran.kind, ran.err) == (0, "", "")


def test_who_grows_on_loses_its_grace(house: House, litter: Litter) -> None:
    """A leak that ignores SIGTERM does not grow for the whole grace (P4)."""
    ran = Ran(house, litter, "--memory 200MB --grace 20s", python(LEAK_ON))
    assert (ran.code, ran.kind) == (122, "max_memory")
    assert ran.report["receipt"]["took"] < 10
    assert ran.report["peak_memory"] < 600 * MB


def test_the_line_says_where_a_limit_came_from(house: House, litter: Litter) -> None:
    """Who gave no flag is told which default it was, and how to change it (P8)."""
    house.write_config('[limits]\ntimeout = "500ms"\nspare_foreground = false\n')
    ran = Ran(house, litter, "", ["sleep", "30"])
    assert ran.code == 124
    assert "timeout 500ms ([limits] timeout or --timeout)" in ran.err


def test_the_rule_of_the_command_counts(house: House, litter: Litter) -> None:
    """The rule that matches the command gives the limits."""
    house.write_config('[rules.naps]\nnames = ["sleep"]\ntimeout = "500ms"\n')
    ran = Ran(house, litter, "", ["sleep", "30"])
    assert (ran.code, ran.report["receipt"]["rule"]) == (124, "naps")


def test_output_beyond_the_limit_is_not_delivered(house: House, litter: Litter) -> None:
    """What is within the limit arrives, byte by byte; the last lines are kept for the receipt (P7, P8)."""
    ran = Ran(house, litter, "--max-output 100KB", ["sh", "-c", "seq 100000; echo last words"])
    numbers = "".join(f"{n}\n" for n in range(1, 100001)).encode()
    assert ran.code == 122
    assert ran.out.encode() == numbers[: 100 << 10]
    assert ran.report["receipt"]["output"][-1] == "last words"


def test_counted_output_keeps_its_order_and_its_terminal(house: House, litter: Litter) -> None:
    """Stdout and stderr that lead to one place stay in order."""
    script = "for n in 1 2 3 4 5 6 7 8; do echo out $n; echo err $n >&2; done; exit 5"
    words = ["--max-output", "1MB", "--", "sh", "-c", script]
    run = subprocess.run(
        [sys.executable, "-m", "guardian", "run", *words], stdout=PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 5
    assert run.stdout == "".join(f"out {n}\nerr {n}\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "needs a command"),
        (["--"], 2, "needs a command"),
        (["--tiemout", "5", "true"], 2, "--timeout"),
        (["--timeout", "-1", "true"], 2, "--timeout: found '-1'"),
        (["--timeout"], 2, "--timeout: needs a value"),
        (["--memory", "5XB", "true"], 2, "--memory: found '5XB'"),
        (["--timeout", "1e400", "true"], 2, "--timeout"),
        (["--max-procs", "many", "true"], 2, "--max-procs"),
        (["--signal", "FOO", "true"], 2, "--signal"),
        (["--containment", "magic", "true"], 2, "--containment"),
        (["--rule", "nope", "true"], 2, "nope"),
        (["--quiet=yes", "true"], 2, "--quiet"),
        (["--bind-to", "999999999", "true"], 2, "999999999"),
        (["--report", "/no/such/folder/report", "true"], 125, "nothing was launched"),
        (["--report", "/", "true"], 125, "nothing was launched"),
        (["no-such-command"], 127, "no-such-command"),
        (["/etc/passwd"], 126, "Permission denied"),
    ],
)
def test_bad_input_gets_one_line(
    words: list[str], code: int, said: str, house: House, litter: Litter
) -> None:
    """One clear line and a documented exit code, and nothing is launched (P10)."""
    run = litter.start(sys.executable, "-m", "guardian", "run", *words, stdout=PIPE, stderr=PIPE)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (code, "")
    assert err.startswith("guardian: ")
    assert err.count("\n") == 1
    assert said in err


def test_too_few_descriptors_are_told_before_the_launch(house: House, litter: Litter) -> None:
    """With no descriptor left nothing runs unguarded (P10)."""
    run = litter.start(
        *("sh", "-c", 'ulimit -n 8; exec "$@"', "sh"),
        *(sys.executable, "-m", "guardian", "run", "--", "echo", "launched"),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (125, "")
    assert "open files" in err


def test_a_report_tells_also_of_a_killed_sentinel(house: House, litter: Litter) -> None:
    """When the sentinel is killed the front writes the report (P8)."""
    ran = Ran(house, litter, "", ["sh", "-c", "kill -9 $PPID; sleep 30"])
    assert (ran.code, ran.kind, litter.alive()) == (125, "guardian", set())


def test_a_report_tells_also_of_a_killed_front(house: House, litter: Litter) -> None:
    """When the front is killed the sentinel, who is the last, writes the report (P6, P8)."""
    ran = Ran(house, litter, "", ["sh", "-c", "kill -9 $(ps -o ppid= $PPID); sleep 30"])
    assert (ran.code, ran.kind, litter.alive()) == (-9, "guardian", set())
    assert ran.report["exit_code"] == 125


def test_a_report_tells_of_a_quiet_run(house: House, litter: Litter) -> None:
    """A run that ended by itself has a report too, without a receipt (P8)."""
    ran = Ran(house, litter, "", ["sh", "-c", "exit 3"], "subreaper")
    assert (ran.code, ran.report["exit_code"], ran.report["receipt"]) == (3, 3, None)
    assert ran.report["containment"]["name"] == "subreaper"
    assert os.path.basename(ran.report["command"][0]) == "sh"


def test_another_signal_asks(house: House, litter: Litter) -> None:
    """--signal asks with another signal than SIGTERM, and the receipt says so (P3, P8)."""
    polite = python("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(30)")
    ran = Ran(house, litter, "--timeout 500ms --signal USR1", polite)
    assert ran.code == 124
    assert "1 process got SIGUSR1; " in ran.err
