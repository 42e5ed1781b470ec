"""The Python API on real processes: its own daemon, another's, killed brains, crowds, cancelled waits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from house import House
from litter import MARK, Litter, start_of

from guardian import (
    ConfigError,
    GuardianError,
    HealthCheck,
    Occupied,
    ProcessConfig,
    ProcessEvent,
    ProcessLog,
    ProcessManager,
    ProcessManagerConfig,
    UsageError,
    connect,
)

FUSE = "import signal; signal.alarm(60)\n"
SLEEPER = FUSE + "signal.pause()"
COUNTER = FUSE + "import sys\nfor n in range(1_000_000): print(n, flush=True); signal.sigtimedwait([], 0.001)"
STUBBORN = FUSE + "signal.signal(15, signal.SIG_IGN)\nprint('up')\nwhile True: signal.pause()"


def python(name: str, code: str = SLEEPER, **fields: object) -> ProcessConfig:
    """Return a service that runs this code."""
    return ProcessConfig(name, sys.executable, ["-S", "-E", "-u", "-c", code], **fields)  # type: ignore[arg-type]


@pytest.fixture
def folder(house: House, litter: Litter, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the project is; whatever a daemon starts goes with the litter."""
    monkeypatch.setenv(MARK, litter.mark)
    found = house.root / "project"
    found.mkdir()
    return found


@pytest.fixture
async def manager(folder: Path) -> AsyncIterator[ProcessManager]:
    """A manager with a daemon of its own."""
    async with asyncio.timeout(100), ProcessManager(cwd=folder) as made:
        yield made


def children(name: str, litter: Litter) -> list[int]:
    """Return the pids of those of the daemon's processes that are called so."""
    return [pid for pid in litter.alive() if Path(f"/proc/{pid}/comm").read_text().strip() == name]


async def soon(fits: Callable[[], object], what: str) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + 20
    while not fits():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def test_a_service_lives_and_nobody_outlives_its_manager(folder: Path, litter: Litter) -> None:
    """Start says the pid, stop ends the tree, leaving the manager ends everybody and the daemon (P1)."""
    async with ProcessManager(cwd=folder) as manager:
        state = await manager.start(python("web"))
        assert state.running
        assert start_of(state.pid or 0) is not None
        assert (await manager.status("web")).pid == state.pid
        assert [each.name for each in await manager.list()] == ["web"]
        stats = await manager.get_stats("web")
        assert stats.memory > 1 << 20
        assert stats.processes == 1
        (stopped,) = await manager.stop("web")
        assert (stopped.status, stopped.pid, start_of(state.pid or 0)) == ("stopped", None, None)
        again = await manager.start("web")
        assert again.pid != state.pid
    await soon(lambda: not litter.alive(), "nobody is left")


async def test_restart_makes_another_process(manager: ProcessManager) -> None:
    """A restart returns with a new pid, and is no crash that anybody counts."""
    before = await manager.start(python("web"))
    (after,) = await manager.restart("web")
    assert after.pid != before.pid
    assert after.restarts == 0


async def test_starting_the_same_name_twice(manager: ProcessManager) -> None:
    """The same configuration changes nothing; another command restarts; another limit is taken over."""
    first = await manager.start(python("web"))
    assert (await manager.start(python("web"))).pid == first.pid
    assert (await manager.start(python("web", max_memory="1GB"))).pid == first.pid
    changed = await manager.start(python("web", SLEEPER + " "))
    assert changed.pid != first.pid
    assert start_of(first.pid or 0) is None


async def test_what_cannot_be_done_is_one_clear_line(manager: ProcessManager) -> None:
    """Unknown names, groups and events, wrong fields, missing commands: an error of its own each (P10)."""
    await manager.start(python("web", group="api"))
    with pytest.raises(UsageError, match="did you mean web"):
        await manager.status("wbe")
    with pytest.raises(UsageError, match="no group is called apo; there are api"):
        await manager.stop_group("apo")
    with pytest.raises(UsageError, match="is no service but a group or a glob"):
        await manager.status("a*")
    with pytest.raises(UsageError, match="did you mean process:started"):
        manager.on("process:start", print)
    with pytest.raises(UsageError, match="no signal FOO"):
        await manager.signal("FOO", "web")
    with pytest.raises(ConfigError, match=r"x\.max_memory: found 'lots', expected a size"):
        await manager.start(python("x", max_memory="lots"))
    with pytest.raises(GuardianError, match=r"nope is fatal: cannot be executed.*No such file"):
        await manager.start(ProcessConfig("nope", "/no/such/program"))
    with pytest.raises(GuardianError, match="needy waits for nope; nope is fatal"):
        await manager.start(python("needy", depends_on=["nope"]))
    with pytest.raises(UsageError, match=r"depends_on.*did you mean web"):
        await manager.start(python("lost", depends_on=["wev"]))


async def test_a_hundred_starts_at_once(manager: ProcessManager) -> None:
    """One hundred starts under way together all succeed, each with a process of its own."""
    states = await asyncio.gather(*(manager.start(python(f"s{n}")) for n in range(100)))
    assert len({state.pid for state in states}) == 100
    assert all(state.running for state in await manager.list())
    await manager.stop("s*")
    assert {state.status for state in await manager.list()} == {"stopped"}


async def test_handlers_hear_everything_in_order(manager: ProcessManager) -> None:
    """Sync and async handlers hear a life in order, whatever others of them do; unsubscribed hear nothing."""
    heard: list[str] = []
    slowly: list[str] = []

    async def slow(event: ProcessEvent) -> None:
        await asyncio.sleep(0.005)
        slowly.append(event.name)

    def broken(event: ProcessEvent) -> None:
        raise RuntimeError("a handler's own fault")

    manager.on("*", broken)
    manager.on("*", lambda event: heard.append(event.name))
    manager.on("*", slow)
    forgotten: list[ProcessEvent] = []
    manager.on("*", forgotten.append)()
    await manager.start(python("web"), wait=True)
    assert heard[:3] == ["process:starting", "process:started", "process:ready"]
    await manager.stop("web")
    assert heard[-2:] == ["process:stopping", "process:stopped"]
    await soon(lambda: len(slowly) == len(heard), "the slow one heard it all")
    assert slowly == heard
    assert not forgotten


async def test_a_crash_is_told_with_its_reason(manager: ProcessManager) -> None:
    """A service that fails is told as crashed, once, with its exit code, and then as fatal."""
    told: list[tuple[str, str]] = []
    fatal = asyncio.Event()
    manager.on("process:crashed", lambda event: told.append((event.name, event.why)))
    manager.on("process:fatal", lambda event: fatal.set())
    await manager.start(python("bad", FUSE + "raise SystemExit(7)", max_restarts=1, restart_delay="10ms"))
    await asyncio.wait_for(fatal.wait(), 20)
    assert told == [("process:crashed", "exited with code 7")] * 2
    assert (await manager.status("bad")).exit == "code 7"


async def test_lines_are_told_as_they_come(manager: ProcessManager) -> None:
    """process:output, a callback and logs() have the same lines, with stream and level (P7)."""
    by_event: list[ProcessLog | None] = []
    by_call: list[ProcessLog] = []
    manager.on("process:output", lambda event: by_event.append(event.log))
    code = FUSE + "import sys\nprint('hello'); print('ERROR: no', file=sys.stderr)\nsignal.pause()"
    await manager.start(python("web", code))
    end = manager.follow_logs("web", by_call.append, lines=None)
    await soon(lambda: len(by_call) == 2, "two lines by callback")
    end()
    logs = await manager.logs("web")
    assert {(line.stream, line.level, line.message) for line in logs} == {
        ("stdout", "info", "hello"),
        ("stderr", "error", "ERROR: no"),
    }
    assert sorted(logs, key=repr) == sorted(by_call, key=repr)
    assert logs[0].timestamp.tzinfo is not None
    assert await manager.logs("web", 1) == logs[-1:]


async def test_no_line_is_lost_when_the_brain_is_killed(manager: ProcessManager, litter: Litter) -> None:
    """Brains die by SIGKILL under a chatty service: every line once, in order; the same pid (P6, P7)."""
    state = await manager.start(python("chatty", COUNTER))
    again = asyncio.Event()
    manager.on("daemon:again", lambda event: again.set())
    seen = []
    async with asyncio.timeout(60), aclosing(manager.follow_logs("chatty", lines=None)) as lines:
        async for line in lines:
            seen.append(int(line.message))
            if seen[-1] in (200, 700):
                again.clear()
                for pid in children("guardian-brain", litter):
                    os.kill(pid, signal.SIGKILL)
            if seen[-1] == 1500:
                break
    assert seen == list(range(1501))
    assert (await manager.status("chatty")).pid == state.pid
    await asyncio.wait_for(again.wait(), 20)


async def test_requests_go_on_with_the_next_brain(manager: ProcessManager, litter: Litter) -> None:
    """A wait that is under way when the brain is killed comes to its end with the next one (P6)."""
    await manager.start(python("stubborn", STUBBORN, stop_timeout="1s"))
    stopping = asyncio.create_task(manager.stop("stubborn"))
    events: list[str] = []
    manager.on("process:stopping", lambda event: events.append(event.name))
    await soon(lambda: events, "it is being stopped")
    for pid in children("guardian-brain", litter):
        os.kill(pid, signal.SIGKILL)
    (state,) = await asyncio.wait_for(stopping, 30)
    assert state.status == "stopped"


async def test_a_cancelled_wait_is_only_a_wait(manager: ProcessManager) -> None:
    """Who is cancelled while waiting leaves no trace; what was asked for goes on, others are served."""
    never = HealthCheck(type="output", output_pattern="never printed", start_period=60)
    for _ in range(120):  # more than one connection carries
        waiting = asyncio.create_task(manager.start(python("web", health_check=never), wait=True))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with pytest.raises(GuardianError, match="not within 100ms: web is running"):
        await manager.start(python("web", health_check=never), wait=True, timeout="100ms")
    assert (await manager.status("web")).status == "running"


async def test_two_managers_of_one_folder(manager: ProcessManager, folder: Path) -> None:
    """The second manager of a folder is told who has it; connect() uses the same daemon and ends nothing."""
    state = await manager.start(python("web"))
    with pytest.raises(Occupied, match=f"of another manager, in process {os.getpid()}"):
        await ProcessManager(cwd=folder).init()
    (folder / "below").mkdir()
    async with await connect(folder / "below") as other:
        assert (await other.status("web")).pid == state.pid
        await other.start(python("more"))
    assert (await manager.status("more")).running
    async with ProcessManager(ProcessManagerConfig(guardian_dir="elsewhere"), folder) as apart:
        assert await apart.list() == []
    await manager.remove("more")
    with pytest.raises(UsageError, match="more"):
        await manager.status("more")


async def test_one_after_the_other(folder: Path) -> None:
    """A manager knows what the last one of its folder knew, and starts of it what has autostart."""
    async with ProcessManager(cwd=folder) as first:
        await first.start(python("auto", autostart=True))
        await first.start(python("manual"))
    config = ProcessManagerConfig(processes=[python("third", autostart=True)])
    async with ProcessManager(config, folder) as second:
        running = {state.name: state.running for state in await second.list()}
    assert running == {"auto": True, "manual": False, "third": True}


async def test_a_detached_daemon_stays(folder: Path, litter: Litter) -> None:
    """Leaving a detached manager leaves everything running; the next one finds it and can end it."""
    async with ProcessManager(cwd=folder, detached=True) as first:
        pid = (await first.start(python("web"))).pid
    assert start_of(pid or 0) is not None
    async with ProcessManager(cwd=folder, detached=True) as second:
        assert (await second.status("web")).pid == pid
        await second.shutdown()
    await soon(lambda: not litter.alive(), "nobody is left")


async def test_nobody_answers(folder: Path) -> None:
    """Without a daemon, and before init, the error says what to do (P10)."""
    with pytest.raises(GuardianError, match=r"no daemon runs for .*; start it with"):
        await connect(folder)
    with pytest.raises(GuardianError, match="not open: use `async with`"):
        await ProcessManager(cwd=folder).list()


async def test_a_signal_reaches_the_leader(manager: ProcessManager) -> None:
    """A signal is delivered to the service that is named, and to nobody who does not run."""
    code = "signal.signal(1, lambda *_: print('reloaded'))\nprint('up')\nwhile True: signal.pause()"
    await manager.start(python("web", FUSE + code))
    async with asyncio.timeout(30), aclosing(manager.follow_logs("web", lines=None)) as lines:
        assert (await anext(lines)).message == "up"
        await manager.signal("HUP", "web")
        assert (await anext(lines)).message == "reloaded"
    refused: list[str] = []
    manager.on("process:refused", lambda event: refused.append(event.service))
    await manager.stop("web")
    await manager.signal("SIGHUP", "web")
    await soon(lambda: refused == ["web"], "it is said that nobody is there")


async def test_a_stop_by_force_does_not_wait(manager: ProcessManager) -> None:
    """Force ends what ignores SIGTERM at once; a bounded stop says who is still there."""
    await manager.start(python("stubborn", STUBBORN, stop_timeout="50s"))
    async with asyncio.timeout(30), aclosing(manager.follow_logs("stubborn", lines=None)) as lines:
        await anext(lines)
    with pytest.raises(GuardianError, match="not within 100ms: stubborn is stopping"):
        await manager.stop("stubborn", timeout="100ms")
    (state,) = await asyncio.wait_for(manager.stop("stubborn", force=True), 20)
    assert (state.status, state.exit) == ("stopped", "SIGKILL")


async def test_somebody_else_ends_the_daemon(manager: ProcessManager, folder: Path) -> None:
    """Who follows gets every line and the end, who asks an error, and leaving is quiet."""
    code = FUSE + "print('up')\nsignal.sigwait([signal.SIGTERM])\nprint('last words', end='')"
    await manager.start(python("web", "import signal; signal.pthread_sigmask(0, [15])\n" + code))
    over = asyncio.Event()
    manager.on("daemon:over", lambda event: over.set())
    lines = manager.follow_logs("web", lines=None)
    assert (await anext(lines)).message == "up"
    async with await connect(folder) as other:
        await other.shutdown()
    async with asyncio.timeout(20):
        assert [line.message async for line in lines] == ["last words"]
    await asyncio.wait_for(over.wait(), 20)
    with pytest.raises(GuardianError, match=r"no daemon runs|has ended"):
        await manager.list()


async def test_a_brain_that_is_killed_while_everything_ends(folder: Path, litter: Litter) -> None:
    """cleanup() ends everything also when the brain is killed meanwhile (P1, P6)."""
    async with asyncio.timeout(60):
        manager = ProcessManager(cwd=folder)
        await manager.init()
        await manager.start(python("stubborn", STUBBORN, stop_timeout="500ms"))
        events: list[str] = []
        manager.on("process:stopping", lambda event: events.append(event.name))
        ending = asyncio.create_task(manager.cleanup())
        await soon(lambda: events, "it is being stopped")
        for pid in children("guardian-brain", litter):
            os.kill(pid, signal.SIGKILL)
        await ending
        await manager.cleanup()
    await soon(lambda: not litter.alive(), "nobody is left")


INTERRUPTED = """
import asyncio, sys
from guardian import ProcessConfig, ProcessManager
async def main():
    async with ProcessManager() as manager:
        state = await manager.start(ProcessConfig("web", sys.executable, ["-c", sys.argv[1]]))
        print(state.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_an_interrupted_program_leaves_nobody(house: House, litter: Litter) -> None:
    """^C inside the context ends services and daemon before the program ends (P1)."""
    root = str(Path(__file__).parents[2])
    program = litter.start(
        *(sys.executable, "-c", INTERRUPTED, SLEEPER),
        cwd=house.root,
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    program.send_signal(signal.SIGINT)
    assert program.wait(30) != 0
    assert start_of(pid) is None
    assert not litter.alive()
