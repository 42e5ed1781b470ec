"""The gate as one launch meets it; everybody else is present in this same process."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.contain import descent
from guardian.errors import GuardianError, NotAdmitted, UsageError
from guardian.gate.door import Ask, Gate, Sight
from guardian.gate.places import About, Place
from guardian.gate.slots import Slots
from guardian.gate.waiting import Holder, Waiting
from guardian.policy.admission import Conditions, Pace
from guardian.procs.machine import Machine
from guardian.procs.model import Proc, ProcId

GB = 1 << 30
NOT_AT_ALL = 0.0


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A runtime folder of the test's own."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def gate(runtime: Path) -> Gate:
    """A gate nobody else comes to."""
    return Gate(str(runtime))


def ask(limit: int = 1, name: str = "bun", **more: object) -> Ask:
    """Return what a launch asks that does not wait."""
    given: dict[str, object] = {"wait": NOT_AT_ALL, "command": ("/usr/bin/bun", "test")}
    return Ask(name, limit, **(given | more))  # type: ignore[arg-type]


def files(runtime: Path, key: str = "bun") -> list[str]:
    """Return what is in the folder of a name, without what is remembered of the machine."""
    folder = runtime / "slots" / key
    return sorted(each.name for each in folder.iterdir() if each.name != "pace")


def occupied(runtime: Path, *places: Place, name: str = "bun") -> list[int]:
    """Be present at these places; return the descriptors."""
    slots = Slots(str(runtime), name)
    slots.make()
    return [slots.occupy(place, About(command="other", limit=1)) for place in places]


def left(*fds: int) -> None:
    """End what is present there."""
    for fd in fds:
        os.close(fd)


def test_a_free_slot_is_taken_at_once_and_leaves_nothing(gate: Gate, runtime: Path) -> None:
    """Who finds a free place walks in without a number; a released slot is gone from the folder (P5)."""
    slot = gate.enter(ask())
    assert files(runtime) == sorted([slot.place.about, slot.place.file])
    (holder,) = gate.holders("bun")
    assert (holder.pid, holder.command, holder.cwd) == (os.getpid(), "bun test", os.getcwd())
    assert 0 <= time.monotonic() - holder.since < 60
    assert gate.names() == ["bun"]
    slot.release()
    slot.release()
    assert files(runtime) == []
    assert gate.holders("bun") == gate.waiting("bun") == []
    assert "closed" in repr(slot)


def test_no_more_than_the_limit(gate: Gate, runtime: Path) -> None:
    """The one too many is told who holds the slots, ends in 75, and leaves nothing (P5, P10)."""
    slots = [gate.enter(ask(3)) for _ in range(3)]
    before = files(runtime)
    with pytest.raises(
        NotAdmitted, match=r'^not admitted: slots of bun: 3 of 3 taken \(\d+ "bun test" for '
    ) as caught:
        gate.enter(ask(3))
    assert caught.value.exit_code == 75
    assert files(runtime) == before
    slots.pop().close()
    assert gate.enter(ask(3)).place.number == 4


def test_each_asks_by_its_own_limit(gate: Gate) -> None:
    """A limit that was lowered between launches holds for who asks with it, one that was raised too (P5)."""
    kept = [gate.enter(ask(3)) for _ in range(3)]
    with pytest.raises(NotAdmitted, match="3 of 2 taken"):
        gate.enter(ask(2))
    kept += [gate.enter(ask(5)) for _ in range(2)]
    with pytest.raises(NotAdmitted, match="5 of 5 taken"):
        gate.enter(ask(5))
    for slot in kept[:3]:
        slot.close()
    with pytest.raises(NotAdmitted, match="2 of 2 taken"):
        gate.enter(ask(2))
    kept[3].close()
    assert gate.enter(ask(2))


def test_names_do_not_share(gate: Gate) -> None:
    """Slots of different names have nothing to do with each other, however alike (P5)."""
    kept = [gate.enter(ask(name=name)) for name in ("bun", "Bun", "b/un", "..", "%2E")]
    assert len(kept) == 5
    assert sorted(gate.names()) == sorted(["bun", "Bun", "b/un", "..", "%2E"])
    with pytest.raises(UsageError):
        gate.enter(ask(name=""))


def test_no_limit_waits_for_nobody(gate: Gate, runtime: Path) -> None:
    """Limit 0 is none: it is let in past everybody who waits, and counts for those who ask (P5)."""
    kept = occupied(runtime, Place(1, 7, 7, True), Place(2, 8, 8, False))
    assert gate.enter(ask(0)).place.number == 3
    left(*kept)


def test_who_waits_goes_first(gate: Gate, runtime: Path) -> None:
    """A free slot belongs to who has a number already, not to the newcomer (P5)."""
    kept = occupied(runtime, Place(1, 7, 7, False), Place(2, 8, 8, False))
    with pytest.raises(NotAdmitted, match=r"0 of 1 taken; 2 wait ahead"):
        gate.enter(ask())
    assert [each.command for each in gate.waiting("bun")] == ["other", "other"]
    left(*kept)
    slot = gate.enter(ask())
    assert files(runtime) == sorted([slot.place.about, slot.place.file])  # the dead were cleared away


def test_the_dead_hold_nothing(gate: Gate, runtime: Path) -> None:
    """What killed holders and waiters left is no slot and no place in the line (P5)."""
    left(*occupied(runtime, Place(1, 7, 7, True), Place(2, 8, 8, False)))
    (runtime / "slots/bun/9.9.9.about").write_text("a launch that was killed while it wrote")
    kept = occupied(runtime, Place(3, 9, 9, True))
    slot = gate.enter(ask(2))
    assert slot.place.number == 4
    slot.release()
    left(*kept)
    slot = gate.enter(ask(2))
    assert files(runtime) == sorted([slot.place.about, slot.place.file])


def test_a_wait_ends_in_time_and_takes_its_number_along(gate: Gate, runtime: Path) -> None:
    """--wait D: it is told what it waits for, once, and its number is given back (P5, P10)."""
    slot = gate.enter(ask())
    told: list[Waiting] = []
    began = time.monotonic()
    with pytest.raises(NotAdmitted, match=r"^not admitted within \S+: slots of bun: 1 of 1 taken"):
        gate.enter(ask(wait=0.5), told=told.append)
    assert time.monotonic() - began >= 0.5
    assert [(each.position, each.limit, len(each.holders)) for each in told] == [(1, 1, 1)]
    assert files(runtime) == sorted([slot.place.about, slot.place.file])


class Seen(Exception):
    """Enough was seen: an interruption, as a signal handler's would be."""


def test_a_waiter_can_be_seen(gate: Gate) -> None:
    """While it waits others see it in line, with its command (P5)."""
    kept = gate.enter(ask())
    seen: list[Holder] = []

    def look(_: Waiting) -> None:
        seen.extend(gate.waiting("bun"))
        raise Seen

    with pytest.raises(Seen):
        gate.enter(ask(wait=None), told=look)
    assert [(each.pid, each.command) for each in seen] == [(os.getpid(), "bun test")]
    assert gate.waiting("bun") == []
    kept.release()


def family(*pids: int) -> Sight:
    """Return eyes that see this process below the given ones, the nearest first; all started at their pid."""
    chain = [os.getpid(), *pids, 0]
    procs = {
        pid: Proc(pid, 0 if pid != os.getpid() else 10**9, "x", "S", chain[n + 1])
        for n, pid in enumerate(chain[:-1])
    }
    return Sight(look=procs.get)


def test_who_runs_inside_a_launch_shares_its_slot(gate: Gate, runtime: Path) -> None:
    """One slot would deadlock otherwise; the inner end frees nothing (P5)."""
    kept = occupied(runtime, Place(1, 500, 0, True))
    slot = gate.enter(ask(), family(600, 500, 400))
    assert slot.inherited
    slot.release()
    assert len(gate.holders("bun")) == 1
    left(*kept)
    assert not gate.enter(ask(), family(600, 500, 400)).inherited


@pytest.mark.parametrize("place", [Place(1, 500, 7, True), Place(1, 501, 0, True), Place(1, 500, 0, False)])
def test_only_an_ancestor_that_holds_a_slot_is_shared_with(gate: Gate, runtime: Path, place: Place) -> None:
    """Not the same pid with another start, not a stranger, not one that only waits (P2, P5)."""
    kept = occupied(runtime, place)
    with pytest.raises(NotAdmitted):
        gate.enter(ask(), family(600, 500, 400))
    left(*kept)


def test_a_claim_in_our_own_namespace_is_not_believed(gate: Gate) -> None:
    """Where ancestors can be seen a variable in the environment proves nothing (P5)."""
    slot = gate.enter(ask())
    with pytest.raises(NotAdmitted):
        gate.enter(ask(), Sight(claims=(slot.claim,)))


def test_a_claim_from_another_pid_namespace_is_checked(gate: Gate, runtime: Path) -> None:
    """Inside a sandbox nobody above can be seen: the claimed slot has to be held, by that launch (P5)."""
    slots = Slots(str(runtime), "bun")
    slots.make()
    place = Place(1, 500, 7, True)
    fd = slots.occupy(place, About(space=1))
    claim = f"bun/{place.stem}"
    for wrong in (f"bun/{place.replace(start=8).stem}", f"other/{place.stem}", "bun", ""):
        with pytest.raises(NotAdmitted):
            gate.enter(ask(), Sight(claims=(wrong,)))
    assert gate.enter(ask(), Sight(claims=("x/1.2.3", claim))).inherited
    left(fd)
    assert not gate.enter(ask(), Sight(claims=(claim,))).inherited


def test_a_stopped_waiter_is_passed(gate: Gate, runtime: Path) -> None:
    """Who was stopped at the head of the line does not hold up the others; it keeps its number (P5)."""
    kept = occupied(runtime, Place(1, 700, 0, False))
    states = {"T": True, "t": True, "S": False, "R": False, "D": False}
    for state, passed in states.items():

        def look(pid: int, state: str = state) -> Proc | None:
            return Proc(700, 0, "x", state, 1) if pid == 700 else descent.look(pid)

        if passed:
            gate.enter(ask(), Sight(look=look)).release()
        else:
            with pytest.raises(NotAdmitted, match="1 waits ahead"):
                gate.enter(ask(), Sight(look=look))
    somebody_else = Sight(look=lambda pid: Proc(700, 9, "x", "T", 1) if pid == 700 else descent.look(pid))
    with pytest.raises(NotAdmitted):
        gate.enter(ask(), somebody_else)
    left(*kept)


def test_launches_of_others_count(gate: Gate, runtime: Path) -> None:
    """What guardian did not start takes a place too; our own and those above us do not (P4, P5)."""
    me = descent.identify(os.getpid())
    assert me is not None
    above = descent.identify(os.getppid())
    asked: list[tuple[Place, ...]] = []

    def strangers(places: tuple[Place, ...]) -> list[ProcId]:
        asked.append(places)
        return [ProcId(999_999, 1), me, *([above] if above else [])]

    first = gate.enter(ask(2), Sight(strangers=strangers))
    with pytest.raises(NotAdmitted, match=r"2 of 2 taken \(\d+ .*, not launched by guardian: 999999\)"):
        gate.enter(ask(2), Sight(strangers=strangers))
    assert asked[-1] == (first.place,)
    assert gate.enter(ask(3), Sight(strangers=strangers))


def test_who_was_let_in_meanwhile_is_no_stranger(gate: Gate, runtime: Path) -> None:
    """A launch that came between the list of places and the look at all processes counts once (P5)."""
    came: list[int] = []

    def strangers(places: tuple[Place, ...]) -> list[ProcId]:
        if not came:
            came.extend(occupied(runtime, Place(1, 700, 7, True)))
        return [] if Place(1, 700, 7, True) in places else [ProcId(701, 8)]  # its command

    assert gate.enter(ask(2), Sight(strangers=strangers))
    with pytest.raises(NotAdmitted, match="2 of 2 taken"):
        gate.enter(ask(2), Sight(strangers=strangers))
    left(*came)


def test_nobody_looks_for_strangers_in_vain(gate: Gate) -> None:
    """Looking at all processes costs milliseconds: not when our own launches fill the slots already (P12)."""
    kept = gate.enter(ask(1))

    def strangers(places: tuple[Place, ...]) -> list[ProcId]:
        raise AssertionError("looked")

    with pytest.raises(NotAdmitted):
        gate.enter(ask(1), Sight(strangers=strangers))
    kept.release()


def machine(free: int) -> Machine:
    return Machine(16 * GB, free, 0, 0, (0.0, 0.0, 0.0), 4)


def test_the_machine_must_have_room(gate: Gate, runtime: Path) -> None:
    """--min-free-memory: refused with what was measured; remembered for the next launch (P10)."""
    demand = ask(3, conditions=Conditions(min_free_memory=GB, settle=3600))
    with pytest.raises(
        NotAdmitted, match=r"^not admitted: 512 MB of memory free, min_free_memory is 1.0 GB$"
    ):
        gate.enter(demand, Sight(machine=lambda: machine(GB // 2)))
    gate.enter(demand, Sight(machine=lambda: machine(8 * GB)))
    with pytest.raises(NotAdmitted, match="one launch every 1h after a shortage"):
        gate.enter(demand, Sight(machine=lambda: machine(8 * GB)))
    assert gate.enter(ask(3))  # who asks nothing of the machine is not held up
    pace = Slots(str(runtime), "bun").pace()
    assert pace.short < pace.admitted <= time.monotonic()


def test_what_this_machine_can_never_offer_is_refused_at_once(gate: Gate) -> None:
    """Nobody waits for ever for more memory than there is (P10)."""
    demand = ask(3, conditions=Conditions(min_free_memory=17 * GB), wait=None)
    with pytest.raises(NotAdmitted, match=r"all of this machine is 16\.0 GB"):
        gate.enter(demand, Sight(machine=lambda: machine(GB)))


@pytest.mark.parametrize("torn", ["", "x y", "1.0", "\0\0\0"])
def test_a_torn_memory_of_the_machine_is_none(runtime: Path, torn: str) -> None:
    """A launch that was killed while it wrote is no reason for an error."""
    slots = Slots(str(runtime), "bun")
    slots.make()
    (runtime / "slots/bun/pace").write_text(torn)
    assert slots.pace() == Pace()
    slots.remember(Pace(1.5, 2.5))
    assert slots.pace() == Pace(1.5, 2.5)


@pytest.fixture
def scarce() -> Iterator[list[int]]:
    """All descriptors that this process may have, open; closing some makes room for as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 200), hard))
    taken: list[int] = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        yield taken
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        left(*taken)


def test_without_descriptors_nobody_is_let_in(gate: Gate, runtime: Path, scarce: list[int]) -> None:
    """EMFILE is no free slot: one clear line, nothing left behind; two are enough (P5, P10)."""
    left(*[scarce.pop() for _ in range(2)])
    gate.enter(ask(2)).release()
    for spare in (1, 0):
        scarce.append(os.open("/dev/null", os.O_RDONLY))
        with pytest.raises(
            GuardianError, match=r"^(the gate cannot use|cannot read) .*: Too many open files"
        ) as caught:
            gate.enter(ask(2))
        assert caught.value.exit_code == 125, spare
    left(*[scarce.pop() for _ in range(2)])
    assert files(runtime) == []


def test_no_descriptor_is_leaked(gate: Gate) -> None:
    """Neither who came in and went, nor who was refused or gave up leaves one open."""
    before = os.listdir("/proc/self/fd")
    slot = gate.enter(ask())
    for wait in (0.0, 0.001):
        with pytest.raises(NotAdmitted):
            gate.enter(ask(wait=wait))
    slot.release()
    assert os.listdir("/proc/self/fd") == before


def test_a_slot_does_not_go_through_exec(gate: Gate) -> None:
    """The command cannot keep it: close-on-exec (P5)."""
    slot = gate.enter(ask())
    assert not os.get_inheritable(slot.fd)


def test_a_face_that_fails_leaves_nothing(gate: Gate, runtime: Path) -> None:
    """An interruption while waiting gives the number back (P5)."""
    kept = gate.enter(ask())
    before = files(runtime)

    def interrupted(_: Waiting) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate.enter(ask(wait=None), told=interrupted)
    assert files(runtime) == before
    kept.release()


def test_a_folder_that_is_not_ours_alone_is_refused(runtime: Path) -> None:
    """The gate itself looks, whoever chose the folder (P9, P10)."""
    gate = Gate(str(runtime))
    gate.enter(ask())
    (runtime / "slots").chmod(0o777)
    with pytest.raises(GuardianError, match=r"others may write to .*/slots:"):
        gate.enter(ask())
    (runtime / "slots").chmod(0o700)
    runtime.chmod(0o770)
    with pytest.raises(GuardianError, match=r"others may write to .*/run:"):
        gate.enter(ask())


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize("folder", [".", "slots", "slots/bun"])
def test_a_folder_of_somebody_else_is_refused(runtime: Path, folder: str) -> None:
    """Whoever made it could be in every slot, or in none (P5, P9)."""
    Gate(str(runtime)).enter(ask()).release()
    os.chown(runtime / folder, 12345, 12345)
    with pytest.raises(GuardianError, match="belongs to uid 12345"):
        Gate(str(runtime)).enter(ask())


def test_a_link_in_place_of_the_lock_is_not_followed(runtime: Path) -> None:
    """Nothing is opened or written through a link (P9, P10)."""
    (runtime / "target").write_text("precious")
    (runtime / "slots.lock").symlink_to(runtime / "target")
    with pytest.raises(GuardianError, match=r"cannot use .*slots.lock: Too many levels of symbolic links"):
        Gate(str(runtime)).enter(ask())
    assert (runtime / "target").read_text() == "precious"
