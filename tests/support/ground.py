"""Guardian as people call it, on a house whose one rule is about what the test itself starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from house import House
from litter import Litter
from waiting import wait_until

ROOT = Path(__file__).parents[2]
GUARDIAN = (sys.executable, "-m", "guardian")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
PATIENCE = 45.0  # seconds in which what must happen has happened on the most loaded of machines

NO_LIMITS = {"max_concurrent": "0", "max_memory": "0", "max_cpu": "0", "timeout": "0"}


class Ground:
    """Starts victims that carry a word of their own in their command line, and guardian, which knows it."""

    def __init__(self, house: House, litter: Litter) -> None:
        self.house = house
        self.litter = litter
        self.tag = f"t{uuid.uuid4().hex[:12]}"
        self.work = house.root / "work"
        self.work.mkdir()
        self._started = 0

    def rule(self, *more: str, **limits: str) -> Path:
        """Configure one rule, "victim", with these limits (TOML values) and no other; then `more` lines."""
        lines = ["[rules.victim]", f'command = ["*{self.tag}*"]']
        lines += [f"{name} = {value}" for name, value in (NO_LIMITS | limits).items()]
        return self.house.write_config("\n".join([*lines, *more]))

    def script(self, body: str, *, ending: str = ".test.ts") -> str:
        """Write a script with the word in its name; return the name."""
        self._started += 1
        name = f"{self.tag}-{self._started}{ending}"
        (self.work / name).write_text(body, encoding="utf-8")
        return name

    def bun(self, bun: str, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start bun with these words in a session of its own; return when it has said "up"."""
        return self.start(bun, *words, cwd=self.work, **options)

    def python(self, code: str, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a Python victim in a session of its own, with the word and `words` as arguments; the same."""
        return self.start(sys.executable, "-S", "-E", "-c", code, self.tag, *words, **options)

    def bait(self) -> subprocess.Popen[str]:
        """Start what waits to be ended, for a monitor that may be quicker than an "up"."""
        return self.python("import signal; signal.pause()", up=False)

    def start(self, *command: str, up: bool = True, **options: Any) -> subprocess.Popen[str]:
        """Start a command in a session of its own; return when it has said "up", or at once without `up`."""
        given: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
            "stdin": subprocess.DEVNULL,
            "start_new_session": True,
        }
        child = self.litter.start(*command, **(given | options))
        if up:
            assert child.stdout is not None
            assert "up\n" in iter(child.stdout.readline, ""), f"{command} never came up"
        return child

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables that lead guardian into this house, and Python to guardian."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        path = os.pathsep.join(filter(None, (str(ROOT), inherited.get("PYTHONPATH"))))
        return {**inherited, "PYTHONPATH": path, "NO_COLOR": "1", **more}

    def guardian(self, *words: str, before: Iterable[str] = (), **options: Any) -> Answer:
        """Run guardian to its end; `before` is a command to put in front of it."""
        given: dict[str, Any] = {
            "cwd": self.work,
            "env": self.environment(),
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return Answer(
            subprocess.run(
                [*before, *GUARDIAN, *words],
                text=True,
                timeout=PATIENCE,
                check=False,
                **(given | options),
            )
        )

    def monitor(
        self, *words: str, before: Iterable[str] = (), flags: Iterable[str] = (), **options: Any
    ) -> Watcher:
        """Start `guardian monitor`, `flags` for its Python; return when it says that it runs."""
        env = self.environment(**options.pop("env", {}))
        process = self.litter.start(
            *before,
            sys.executable,
            *flags,
            "-m",
            "guardian",
            "monitor",
            *words,
            **(
                {"cwd": self.work, "env": env, "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE}
                | options
            ),
        )
        watcher = Watcher(process)
        watcher.wait_for("monitor runs")
        return watcher

    def records(self, event: str) -> list[dict[str, Any]]:
        """Return the journal's records of one event, the oldest first; none when there is no journal."""
        journal = self.house.state / "journal.jsonl"
        lines = journal.read_text("ascii").splitlines() if journal.exists() else []
        return [record for line in lines if (record := json.loads(line))["event"] == event]

    def receipts(self) -> list[dict[str, Any]]:
        """Return the receipts of all interventions, the oldest first."""
        return [record["receipt"] for record in self.records("receipt")]

    def receipt_of(self, pid: int) -> dict[str, Any]:
        """Wait for the receipt of the tree whose top had this pid, and return it."""

        def found() -> dict[str, Any]:
            return next((each for each in self.receipts() if each["pid"] == pid), {})

        return wait_until(found, PATIENCE, what=f"the receipt of {pid}")


class Answer:
    """What a command of guardian answered."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout or ""
        self.err = done.stderr or ""

    @property
    def json(self) -> Any:
        """Return the one document on its standard output."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"<exit {self.code}>\nstdout: {self.out}\nstderr: {self.err}"


class Watcher:
    """A monitor in the foreground, and what it logs on stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid
        self.lines: list[str] = []

    def wait_for(self, words: str) -> str:
        """Return the next line with these words; a monitor that ends without saying them fails the test."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if words in line:
                return line
        raise AssertionError(f"the monitor ended and never said {words!r}:\n{''.join(self.lines)}")

    def end(self, number: int) -> int:
        """Send it a signal and return its exit code; what it says until then is in `lines`."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.lines += self.process.stderr.readlines()
        return self.process.wait(PATIENCE)


def signals_of(receipt: dict[str, Any], pid: int) -> dict[str, float]:
    """Return what one member got and when, in seconds after the intervention began."""
    (member,) = [each for each in receipt["members"] if each["pid"] == pid]
    return dict(member["signals"])
