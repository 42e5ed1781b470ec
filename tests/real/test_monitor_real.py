"""`guardian monitor` on real processes: one of them, how it ends, what it reads again, what it survives."""

from __future__ import annotations

import os
import select
import signal
import subprocess

import pytest
from ground import GUARDIAN, PATIENCE, Ground, Watcher, signals_of
from litter import start_of
from victims import DEAF, SLEEPER
from waiting import wait_until

ENDING = "ending"


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], PATIENCE)[0], f"{pid} did not end"
    finally:
        os.close(handle)


def test_a_second_monitor_names_the_first(ground: Ground) -> None:
    """There is one monitor per user: a second one names the pid that runs, and exits with 1 (P10)."""
    ground.rule()
    first = ground.monitor()
    for words in (("monitor",), ("monitor", "--detach")):
        second = ground.guardian(*words)
        assert second.code == 1, second
        running = f"a monitor of yours is running already, pid {first.pid}"
        assert second.err == f"guardian: {running}; end it with: kill {first.pid}\n"
    assert ground.guardian("status", "--json").json["monitor"]["pid"] == first.pid
    assert first.end(signal.SIGTERM) == 0
    assert ground.guardian("status", "--json").json["monitor"] is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_ends(ground: Ground, number: signal.Signals) -> None:
    """SIGTERM and ^C end a monitor at once, with exit code 0 and a line in its log."""
    ground.rule()
    monitor = ground.monitor("--interval", "1h")
    assert monitor.end(number) == 0
    assert "monitor ends" in monitor.lines[-1]


def test_asked_to_end_it_finishes_what_it_began(ground: Ground) -> None:
    """A monitor that is told to stop in the middle of an intervention brings it to its end first (P1, P8)."""
    ground.rule(timeout='"1ms"', grace='"2s"')
    deaf = ground.python(DEAF)
    monitor = ground.monitor("--interval", "1s")
    monitor.wait_for(ENDING)
    assert monitor.end(signal.SIGTERM) == 0
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
    (receipt,) = ground.receipts()
    assert signals_of(receipt, deaf.pid)["SIGKILL"] >= 2.0


def test_told_twice_it_ends_at_once(ground: Ground) -> None:
    """A second SIGTERM does not wait for the grace; the log says what was left."""
    ground.rule(timeout='"1ms"', grace='"50s"')
    deaf = ground.python(DEAF)
    monitor = ground.monitor("--interval", "1s")
    monitor.wait_for(ENDING)
    monitor.process.send_signal(signal.SIGTERM)
    monitor.wait_for("finish")
    assert monitor.end(signal.SIGTERM) == 0
    assert "an intervention was not finished" in monitor.lines[-1]
    assert deaf.poll() is None


def test_detached_it_goes_on_without_us(ground: Ground) -> None:
    """`--detach` prints the pid of what goes on, in a session of its own, and it logs to its file."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    started = ground.litter.start(
        *GUARDIAN,
        "monitor",
        "--detach",
        "--interval",
        "1s",
        cwd=ground.work,
        env=ground.environment(),
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    said = started.stdout.read()
    assert started.wait(PATIENCE) == 0
    log = ground.house.state / "logs" / "monitor.log"
    assert said.endswith(f", log {log}\n")
    pid = ground.guardian("status", "--json").json["monitor"]["pid"]
    assert f"monitor runs in the background, pid {pid}, " in said
    assert os.getsid(pid) not in (pid, os.getsid(0)), "it can never get a terminal again"
    assert os.stat(log).st_mode & 0o777 == 0o600

    victim = ground.bait()
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    os.kill(pid, signal.SIGTERM)
    wait_for_end(pid)
    assert f"pid {victim.pid}, rule victim" in log.read_text()
    assert "monitor ends" in log.read_text()


def test_a_good_configuration_is_read_again(ground: Ground) -> None:
    """SIGHUP makes a new configuration count at once."""
    ground.rule()
    monitor = ground.monitor("--interval", "1h")
    victim = ground.python(SLEEPER)
    ground.rule(timeout='"1ms"', grace='"5s"')
    monitor.process.send_signal(signal.SIGHUP)
    assert "rules victim" in monitor.wait_for("configuration read again")
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert monitor.end(signal.SIGTERM) == 0


def test_a_wrong_configuration_leaves_the_old_one(ground: Ground) -> None:
    """When the new configuration is wrong the old one stays in force, and the log says so (P10)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    monitor = ground.monitor("--interval", "1s")
    ground.house.write_config("[limits]\nmax_memroy = '1GB'\n")
    monitor.process.send_signal(signal.SIGHUP)
    line = monitor.wait_for("the new configuration is wrong, the old one stays")
    assert "ERROR" in line
    assert "max_memory" in line
    assert ground.bait().wait(PATIENCE) == -signal.SIGTERM
    assert monitor.end(signal.SIGTERM) == 0


def test_killed_it_leaves_no_lock(ground: Ground) -> None:
    """A monitor that was killed with SIGKILL blocks no other, and what it had begun is begun again (P6)."""
    ground.rule(timeout='"1ms"', grace='"4s"')
    deaf = ground.python(DEAF)
    first = ground.monitor("--interval", "1s")
    first.wait_for(ENDING)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert ground.guardian("status", "--json").json["monitor"] is None
    second = ground.monitor("--interval", "1s")
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
    assert signals_of(ground.receipt_of(deaf.pid), deaf.pid)["SIGKILL"] >= 4.0
    assert second.end(signal.SIGTERM) == 0


def test_stopped_and_continued_it_goes_on(ground: Ground) -> None:
    """A monitor that slept through its rounds plays one when it wakes, and goes on."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    monitor = ground.monitor("--interval", "100ms")
    monitor.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, monitor.pid, os.WSTOPPED | os.WNOWAIT)
    victim = ground.python(SLEEPER)
    monitor.process.send_signal(signal.SIGCONT)
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert monitor.end(signal.SIGTERM) == 0


def test_once_is_one_look_to_its_end(ground: Ground) -> None:
    """`--once` ends what it finds, waits for the end, and needs no lock."""
    ground.rule()
    monitor = ground.monitor("--interval", "1h")
    ground.rule(timeout='"1ms"', grace='"5s"')
    victim = ground.python(SLEEPER)
    once = ground.guardian("monitor", "--once")
    assert once.code == 0, once
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    assert f"pid {victim.pid}, rule victim" in once.err
    assert [receipt["by"] for receipt in ground.receipts()] == ["monitor"]
    assert monitor.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("words", [("--once",), ("--interval", "100ms")])
def test_a_dry_run_touches_nobody(ground: Ground, words: tuple[str, ...]) -> None:
    """`--dry-run` says once whom it would end and why; it signals nobody and writes no receipt (P2)."""
    ground.rule(timeout='"1ms"', grace='"1ms"')
    victim = ground.python(SLEEPER)
    if "--once" in words:
        done = ground.guardian("monitor", "--dry-run", *words)
        assert done.code == 0, done
        lines = done.err.splitlines()
    else:
        monitor = ground.monitor("--dry-run", *words)
        monitor.wait_for("would end")
        looks = watch_looks(monitor, victim.pid)
        assert monitor.end(signal.SIGTERM) == 0
        lines = monitor.lines
        assert looks
    assert len([line for line in lines if "would end" in line and f"pid {victim.pid}," in line]) == 1
    assert victim.poll() is None
    assert not ground.records("signal")
    assert not ground.receipts()


def watch_looks(monitor: Watcher, pid: int) -> bool:
    """Wait until the monitor has used CPU for some more looks; whether the victim is there still."""

    def used() -> float:
        with open(f"/proc/{monitor.pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = used()
    wait_until(lambda: used() >= before + 5, PATIENCE, what="some more looks")
    return start_of(pid) is not None
