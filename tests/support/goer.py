"""A launch through the gate, as a process of its own that a test can watch, stop, kill and let go.

Run as a script it goes to the gate and prints one line for each thing that happens: `told …`,
`in …`, `refused …`, `broken …`, `interrupted`. Then it obeys the lines on its input: see `Obedient`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litter import Litter

    from guardian.gate.slots import Slot
    from guardian.procs.machine import Machine

ROOT = Path(__file__).parents[2]
FUSE = 90
PYTHON = (sys.executable, "-S", __file__)


class Goer:
    """The test's end of it."""

    def __init__(self, litter: Litter, runtime: Path, *, before: tuple[str, ...] = (), **order: Any) -> None:
        self.process = litter.start(
            *before,
            *PYTHON,
            json.dumps({"runtime": str(runtime), **order}),
            fuse=FUSE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT)},
        )
        self.pid = self.process.pid
        self.lines: list[str] = []

    def hear(self, word: str) -> str:
        """Wait for a line that begins with this word; return the rest of it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(word):
                return line[len(word) :].strip()
        raise AssertionError(f"ended and never said {word!r}: {self.lines}")

    def came_in(self) -> dict[str, Any]:
        """Wait until it has its slot; return what it says of it."""
        found: dict[str, Any] = json.loads(self.hear("in "))
        return found

    def order(self, word: str) -> None:
        """Give it an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let it end; return when it is gone."""
        self.order("end")
        self.process.wait(FUSE)

    def kill(self) -> None:
        """Kill it with SIGKILL; return when it is gone."""
        self.process.kill()
        self.process.wait(FUSE)


class Obedient:
    """A launch that was let in, and does what it is told."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    def end(self) -> None:
        """End without a word."""
        os._exit(0)

    def release(self) -> None:
        """Free the slot and go on living."""
        self.slot.release()
        say("released")

    def close(self) -> None:
        """Close the copy of the slot that this process has."""
        self.slot.close()
        say("closed")

    def fork(self) -> None:
        """Fork one that lives on with the slot: a sentinel."""
        pid = os.fork()
        if pid == 0:
            signal.alarm(FUSE)
            while True:
                signal.pause()
        say("sentinel", pid)

    def command(self) -> None:
        """Start a command, which inherits what goes through exec."""
        pid = os.fork()
        if pid == 0:
            os.execvp("sleep", ["sleep", str(FUSE)])
        say("command", pid)

    def nest(self, words: str) -> None:
        """Start a launch inside this one, `[COMMAND… --] ORDER`, which ends when it is let in.

        Its lines come out here.
        """
        before, _, order = words.rpartition("-- ")
        subprocess.Popen([*before.split(), *PYTHON, order], stdin=subprocess.DEVNULL)


def say(word: str, text: object = "") -> None:
    """Print one line at once."""
    os.write(1, f"{word} {text}\n".encode())


def machine_of(path: str) -> Machine:
    """Return a machine whose free memory, in MB, is what the file says."""
    from guardian.procs.machine import Machine

    return Machine(16 << 30, int(Path(path).read_text()) << 20, 0, 0, (0.0, 0.0, 0.0), 4)


def main(order: dict[str, Any]) -> None:
    """Go to the gate, and obey."""
    from guardian.contain.descent import identify, look
    from guardian.errors import GuardianError, NotAdmitted
    from guardian.gate import slots
    from guardian.gate.door import Ask, Gate, Sight
    from guardian.policy.admission import Conditions

    slots.PATIENCE = order.get("patience", slots.PATIENCE)
    strangers = [each for each in map(identify, order.get("strangers", [])) if each is not None]
    memory = order.get("memory")
    sight = Sight(
        strangers=lambda places: [each for each in strangers if (p := look(each.pid)) and not p.gone],
        claims=tuple(order.get("claims", ())),
        owner=os.pidfd_open(order["owner"]) if "owner" in order else -1,
        **({"machine": lambda: machine_of(memory)} if memory else {}),
    )
    ask = Ask(
        order["name"],
        order.get("limit", 1),
        tuple(order.get("command", ("goer",))),
        Conditions(**order.get("conditions", {})),
        order.get("wait"),
    )
    say("asked")
    began = time.monotonic()
    try:
        slot = Gate(order["runtime"]).enter(ask, sight, told=lambda w: say("told", w.told(time.monotonic())))
    except NotAdmitted as error:
        return say("refused", json.dumps({"text": str(error), "after": time.monotonic() - began}))
    except GuardianError as error:
        return say("broken", f"{error.exit_code} {error}")
    except KeyboardInterrupt:
        return say("interrupted")
    own = {"at": time.monotonic(), "since": slot.since, "number": slot.place.number, "claim": slot.claim}
    say("in", json.dumps(own | {"inherited": slot.inherited}))
    obedient = Obedient(slot)
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        getattr(obedient, word)(*filter(None, [argument]))
    return None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
