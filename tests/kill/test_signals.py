"""The one door for signals: the handle first, then who it is, then the signal; and what came of it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Never

import pytest
from litter import Litter, start_of

from guardian.actions import How, Sent
from guardian.errors import SeeError
from guardian.kill import signals
from guardian.kill.signals import SIGNALS, open_handle, send, send_to_all
from guardian.procs.model import ProcId

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who it is")

HARMLESS = (signal.SIGURG,)  # ignored unless asked for: what a wrong test would send to everybody


def identify(pid: int) -> ProcId | None:
    """Say who has a pid, as a table would."""
    start = start_of(pid)
    return ProcId(pid, start) if start is not None else None


def identified(child: subprocess.Popen[str]) -> ProcId:
    """Return who a child of this test is."""
    who = identify(child.pid)
    assert who is not None
    return who


@pytest.fixture
def victim(litter: Litter) -> subprocess.Popen[str]:
    """A process that answers each line with the same line, until something ends it."""
    return litter.start("cat", stdin=-1, stdout=-1, bufsize=1)


def answers(victim: subprocess.Popen[str]) -> bool:
    """Whether a victim still does its work."""
    assert victim.stdin is not None
    assert victim.stdout is not None
    victim.stdin.write("there?\n")
    victim.stdin.flush()
    return victim.stdout.readline() == "there?\n"


@pytest.fixture(params=["handle", "number"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to send: through a pidfd, and by number where there are none."""
    monkeypatch.setattr(signals, "NO_PIDFD", request.param == "number")
    return str(request.param)


def never(pid: int) -> ProcId | None:
    raise AssertionError(f"asked who {pid} is")


@pytest.mark.parametrize("pid", [1, 0, -1, -2, -(2**31)])
def test_nobody_is_signalled_by_a_number_that_is_no_process(way: str, pid: int) -> None:
    """Pid 1 and what kill(2) takes for groups or for everybody never reach the system (P2)."""
    result, words = send(ProcId(pid, 0), HARMLESS, never)
    assert result is Sent.DENIED
    assert "never signals pid 1" in words


def test_who_has_become_another_is_not_signalled(way: str, victim: subprocess.Popen[str]) -> None:
    """A process whose pid is another's by now, found out after the handle was taken, gets nothing (P2)."""
    who = identified(victim)
    stranger = ProcId(who.pid, who.start + 1)
    assert send(who, (signal.SIGKILL,), lambda pid: stranger) == (Sent.GONE, "")
    assert send(stranger, (signal.SIGKILL,), identify) == (Sent.GONE, "")
    assert answers(victim)


def test_who_is_nobody_is_not_signalled(way: str, victim: subprocess.Popen[str]) -> None:
    """When nobody has the pid at the second look, nothing is sent (P2)."""
    assert send(identified(victim), (signal.SIGKILL,), lambda pid: None) == (Sent.GONE, "")
    assert answers(victim)


def test_the_handle_is_taken_before_the_identity(victim: subprocess.Popen[str]) -> None:
    """When it is asked who it is, the handle is open already: what comes after cannot misdirect it (P2)."""
    who = identified(victim)
    handles = []

    def look(pid: int) -> ProcId | None:
        handles.append(handles_of(pid))
        return identify(pid)

    assert send(who, HARMLESS, look)[0] is Sent.DONE
    assert handles == [1]
    assert handles_of(who.pid) == 0


def handles_of(pid: int) -> int:
    """Count this process's pidfds of another one (proc(5), fdinfo)."""
    count = 0
    for fd in os.listdir("/proc/self/fdinfo"):
        try:
            with open(f"/proc/self/fdinfo/{fd}") as file:
                count += f"\nPid:\t{pid}\n" in file.read()
        except OSError:  # the descriptor of the listing itself
            continue
    return count


def test_who_dies_between_the_check_and_the_signal_is_gone(way: str, victim: subprocess.Popen[str]) -> None:
    """A death after the identity check is no error, and nobody else gets the signal (P2)."""
    who = identified(victim)

    def die(pid: int) -> ProcId:
        victim.kill()
        victim.wait()
        return who

    assert send(who, (signal.SIGTERM,), die) == (Sent.GONE, "")


def test_who_was_gone_before_is_gone(way: str, victim: subprocess.Popen[str]) -> None:
    """Sending to who has ended and was waited for says so."""
    who = identified(victim)
    victim.kill()
    victim.wait()
    assert send(who, (signal.SIGTERM,), identify) == (Sent.GONE, "")


def blind(pid: int) -> ProcId | None:
    raise SeeError("cannot read processes: Too many open files")


def test_who_cannot_be_told_is_not_called_gone(way: str, victim: subprocess.Popen[str]) -> None:
    """When it cannot be told who has the pid, nothing is sent and the words say why (P1, P2)."""
    result, words = send(identified(victim), (signal.SIGKILL,), blind)
    assert (result, words) == (Sent.FAILED, "cannot read processes: Too many open files")
    assert answers(victim)


def test_a_handle_is_of_that_process_or_nobodys(victim: subprocess.Popen[str]) -> None:
    """An open handle is the caller's to close; one of another process is not handed out (P2)."""
    who = identified(victim)
    handle = open_handle(who, identify)
    assert handle is not None
    assert handles_of(who.pid) == 1
    os.close(handle)
    assert open_handle(ProcId(who.pid, who.start + 1), identify) is None
    with pytest.raises(SeeError):
        open_handle(who, blind)
    assert handles_of(who.pid) == 0


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([None, None], (Sent.DONE, "")),
        ([ProcessLookupError()], (Sent.GONE, "")),
        ([None, ProcessLookupError()], (Sent.DONE, "")),
        ([PermissionError(1, "Operation not permitted")], (Sent.DENIED, "Operation not permitted")),
        ([None, PermissionError(1, "Operation not permitted")], (Sent.DONE, "Operation not permitted")),
    ],
)
def test_what_came_of_it(answers: list[OSError | None], outcome: tuple[Sent, str]) -> None:
    """A signal that was delivered is never reported as one that was not, whatever the next one met (P8)."""
    left = iter(answers)

    def deliver(number: signal.Signals) -> None:
        answer = next(left)
        if answer is not None:
            raise answer

    assert signals._deliver(deliver, SIGNALS[How.ASK]) == outcome


def test_every_way_of_ending_has_its_signals() -> None:
    """The table of signals is total, and only asking is polite (P3)."""
    assert set(SIGNALS) == set(How)
    assert SIGNALS[How.ASK] == (signal.SIGTERM, signal.SIGCONT)
    assert SIGNALS[How.FORCE] == (signal.SIGKILL,)


def test_no_descriptor_is_lost(victim: subprocess.Popen[str]) -> None:
    """Ten thousand signals, sent, refused and failed, leave no descriptor behind (P12)."""
    who = identified(victim)
    ways: list[Callable[[int], ProcId | None]] = [
        lambda pid: who,
        lambda pid: None,
        blind,
        lambda pid: ProcId(1, 1),
    ]
    before = os.listdir("/proc/self/fd")
    outcomes = [send(who, HARMLESS, ways[number % 4])[0] for number in range(10_000)]
    assert os.listdir("/proc/self/fd") == before
    assert outcomes == [Sent.DONE, Sent.GONE, Sent.FAILED, Sent.GONE] * 2500
    assert answers(victim)


@pytest.fixture
def many(litter: Litter) -> list[ProcId]:
    """Five processes that sleep."""
    return [identified(litter.start("sleep", "30")) for _ in range(5)]


def holds(targets: Iterable[ProcId]) -> set[ProcId]:
    """Say which are still who they were, as a containment would."""
    return {who for who in targets if identify(who.pid) == who}


def open_handles() -> int:
    """Count the pidfds of this process."""
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum("pidfd" in os.readlink(link) for link in links if os.path.lexists(link))


def test_many_are_signalled_and_nobody_else(way: str, many: list[ProcId]) -> None:
    """Of many each gets its signal, but for who has become another one; each has its outcome (P2)."""
    stranger = ProcId(many[0].pid, many[0].start + 1)
    said = send_to_all([*many[1:], stranger], (signal.SIGKILL,), identify, holds)
    assert said == dict.fromkeys(many[1:], (Sent.DONE, "")) | {stranger: (Sent.GONE, "")}
    for who in many[1:]:
        os.waitpid(who.pid, 0)
    assert identify(many[0].pid) == many[0]


def test_many_are_checked_when_their_handles_are_open(
    many: list[ProcId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more handles than a small limit allows are open at once, and each batch is checked after (P2)."""
    monkeypatch.setattr(signals, "BATCH", 2)
    checked: list[bool] = []

    def counting(targets: Iterable[ProcId]) -> set[ProcId]:
        targets = list(targets)
        checked.append(open_handles() - before == len(targets) <= 2)
        return holds(targets)

    before = open_handles()

    said = send_to_all(many, HARMLESS, identify, counting)
    assert said == dict.fromkeys(many, (Sent.DONE, ""))
    assert checked == [True, True, True]


def test_many_without_a_descriptor_left_are_signalled_by_number(
    many: list[ProcId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMFILE is no reason to let a crowd live: those without a handle are checked one by one (P1)."""

    def none_left(pid: int) -> int:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    assert send_to_all(many, HARMLESS, identify, holds) == dict.fromkeys(many, (Sent.DONE, ""))


def test_many_who_cannot_be_told_from_others_get_nothing(many: list[ProcId]) -> None:
    """Where nothing can be seen the signal is not sent, and tried again later (P2)."""

    def blind(_: object) -> Never:
        raise SeeError("no descriptor left")

    said = send_to_all(many, (signal.SIGKILL,), blind, blind)
    assert set(said.values()) == {(Sent.FAILED, "no descriptor left")}
    assert all(identify(who.pid) == who for who in many)
