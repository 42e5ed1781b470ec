"""Deaths as events, told once, also of more processes than there are descriptors."""

from __future__ import annotations

import signal
import sys

import pytest
from alone import alone
from litter import Litter

from guardian.procs.deaths import DeathWatch
from guardian.procs.linux import LinuxTable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds")


def test_deaths_are_told_once(litter: Litter) -> None:
    """The end of a process is an event, told once, and only for those who are followed."""
    table = LinuxTable()
    first, second = litter.start("sleep", "60"), litter.start("sleep", "60")
    who = [table.identify(child.pid) for child in (first, second)]
    watch = DeathWatch(table.identify)
    try:
        watch.follow(each for each in who if each is not None)
        assert watch.ended() == ()
        first.send_signal(signal.SIGKILL)
        assert watch.ended(timeout=20) == (who[0],)
        assert watch.ended() == ()
        assert watch.watched == {who[1]}
        watch.follow(())
        second.send_signal(signal.SIGKILL)
        second.wait()
        assert watch.ended() == ()
    finally:
        watch.close()


def test_a_crowd_leaves_descriptors_for_looking() -> None:
    """To follow more processes than there are descriptors blinds nobody, and each death is told (P1)."""
    told = alone(
        """
from guardian.procs.deaths import DeathWatch
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
table = LinuxTable()
crowd = [subprocess.Popen(["sleep", "60"]) for _ in range(80)]
who = [table.identify(child.pid) for child in crowd]
watch = DeathWatch(table.identify)
watch.follow(who)
followed, seen, early = len(watch.watched), len(table.take()), watch.ended()
for child in crowd: child.kill(); child.wait()
told, deadline = [], time.monotonic() + 20
while len(told) < 80 and time.monotonic() < deadline: told += watch.ended(timeout=1)
watch.close()
tell(followed=followed, saw=seen > 80, early=len(early), told=len(told), right=set(told) == set(who),
     left=len(os.listdir("/proc/self/fd")))
"""
    )
    assert (told["followed"], told["saw"], told["early"], told["told"], told["right"]) == (
        80,
        True,
        0,
        80,
        True,
    )
    assert told["left"] < 10
