"""What is left when guardian's own code fails: nobody of the tree (P1, P6)."""

from __future__ import annotations

import sys
from subprocess import PIPE

import pytest
from house import House
from litter import Litter

# Breaks one function of guardian, then runs it.
BROKEN = """
import sys
import {module} as module
def broken(*words, **named): raise ValueError("broken for a test")
module.{function} = broken
sys.argv = ["guardian", "run", "--timeout", "300ms", "--", "sh", "-c", "setsid sleep 40 & sleep 40"]
from guardian.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("guardian.run.ending", "Ending.turn"),
        ("guardian.run.ending", "Ending.__init__"),
        ("guardian.run.watch", "judge"),
        ("guardian.run.sentinel", "Sentinel._turn"),
        ("guardian.run.verdict", "conclude"),
    ],
)
def test_a_fault_of_our_own_leaves_nobody(module: str, function: str, house: House, litter: Litter) -> None:
    """Whichever part fails, the other process ends the tree, at the worst by force, and 125 tells of it."""
    code = BROKEN.format(module=module, function=function)
    run = litter.start(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, litter.alive()) == (125, set()), err
    assert "failed: ValueError('broken for a test')" in err
