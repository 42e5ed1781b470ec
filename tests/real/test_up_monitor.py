"""The daemon keeps a monitor; its rules end runaways and leave alone what a service runs."""

from __future__ import annotations

import sys

from litter import start_of
from project import PATIENCE, Project, python, service
from waiting import wait_until

from guardian.guard.lock import holder

WAITS = "import time; time.sleep(100)"
RULE = """
[monitor]
interval = "200ms"
autostart = true
[limits]
grace = "200ms"
[rules.mine]
command = ["*{mark}*"]
timeout = "1s"
"""


def with_rule(project: Project, *services: str) -> str:
    """Write a rule that only this test's own processes fit, and services; return the word that fits."""
    word = f"rule-{project.litter.mark[:12]}"
    project.environment["GUARDIAN_MONITOR_AUTOSTART"] = "true"
    project.write(RULE.format(mark=word), *services)
    return word


def monitor(project: Project) -> int:
    """Return the pid of the monitor that runs for this house, 0 for none."""
    found = holder(str(project.house.runtime))
    return found.pid if found is not None else 0


def test_a_rule_ends_a_runaway_and_not_what_a_service_runs(project: Project) -> None:
    """A service stands under its own limits: a rule that fits it as well does not end it (P2)."""
    word = with_rule(project, "")
    project.write(project.config.read_text(), service("kept", **python(WAITS, word)))
    project.up()
    kept = project.wait_for("ready")["kept"]["pid"]
    runaway = project.litter.start(sys.executable, "-S", "-E", "-c", WAITS, word)
    start = start_of(runaway.pid)
    wait_until(lambda: runaway.poll() is not None, PATIENCE, what="the end of the runaway")
    assert start is not None
    assert project.stands()["kept"]["pid"] == kept
    old = project.litter.start(sys.executable, "-S", "-E", "-c", WAITS, word)
    wait_until(lambda: old.poll() is not None, PATIENCE, what="the end of another one, a second later")
    assert project.stands()["kept"]["pid"] == kept
    assert project.stands()["kept"]["restarts"] == 0


def test_a_monitor_that_is_killed_comes_again_and_goes_with_the_daemon(project: Project) -> None:
    """The daemon runs the monitor as well, whatever becomes of it (P6), and takes it along."""
    with_rule(project, service("quiet", **python(WAITS)))
    project.up()
    first = wait_until(lambda: monitor(project), PATIENCE, what="a monitor")
    project.kill(first)
    second = wait_until(
        lambda: monitor(project) not in (0, first) and monitor(project), PATIENCE, what="another"
    )
    project.kill(project.brain())
    project.wait_for("ready")
    assert monitor(project) == second
    assert project.down().code == 0
    wait_until(lambda: start_of(second) is None, PATIENCE, what="its end")


def test_one_monitor_is_enough(project: Project) -> None:
    """Where the user's monitor runs already the daemon starts none, and leaves that one running."""
    with_rule(project, service("quiet", **python(WAITS)))
    assert project.guardian("monitor", "--detach").code == 0
    theirs = monitor(project)
    project.up()
    project.wait_for("ready")
    assert monitor(project) == theirs
    assert project.down().code == 0
    assert monitor(project) == theirs
