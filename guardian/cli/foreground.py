"""`guardian up` in the foreground: what happens and what services print, until somebody asks for the end.

Output is read from the log files, as `ps logs -f` does: a terminal that is slow, or stopped, holds
up nobody but this process. SIGINT, SIGTERM and SIGHUP end everything in five phases when this
process has started the daemon, and only this process when it has not; a second one forces.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from guardian.cli import ears
from guardian.cli.edge import say
from guardian.cli.events_here import told
from guardian.cli.here import begin_daemon
from guardian.cli.log_lines import Lines
from guardian.cli.logs_here import known_specs, sources_of
from guardian.daemon.client import NoDaemon, connect
from guardian.errors import GuardianError
from guardian.output.reading import Follower

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from guardian.daemon.places import Project
    from guardian.services.spec import ServiceSpec

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = 0.01  # seconds of grace after a second ^C; 0 would mean the usual grace
SHOWN = frozenset({"state", "forced", "stuck", "stray", "dependency", "shutdown"})


class Foreground:
    """One terminal, attached to a daemon."""

    def __init__(self, project: Project, specs: Sequence[ServiceSpec], *, quiet: bool = False) -> None:
        """`quiet`: no output of services."""
        self._project, self._quiet = project, quiet
        self._owner = False  # whether this process has started the daemon, and so ends it
        names = [spec.name for spec in specs]
        self._screen = Screen(Lines(names, times=True))
        self._followers = [] if quiet else [Follower(sources_of(specs, project))]
        self._known = set(names)

    def run(self, begin: Callable[[bool], None]) -> int:
        """Start the daemon unless it runs, listen, `begin`, and stay; return the exit code.

        `begin` starts the services; it is told whether the daemon was started for them.
        """
        for number in ENDS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup(1)
                signal.signal(number, signal.default_int_handler)
        try:
            self._owner = begin_daemon(self._project)
            _reap_as_init()
            self._begin(begin)
            self._stay()
        except KeyboardInterrupt:
            return self._end()
        except GuardianError:
            if self._owner:
                self._shut_down(0.0)
            raise
        self._show_output(over=True)
        say("the daemon has ended")
        return 0

    def _begin(self, begin: Callable[[bool], None]) -> None:
        """Listen before anything starts, so that nothing is missed."""
        self._listening = self._listen()
        begin(self._owner)

    def _stay(self) -> None:
        """Show everything until the daemon has ended; one that was killed is born again."""
        while True:
            try:
                self._show_until_it_hangs_up(*self._listening)
            except NoDaemon:
                pass
            for ear in self._listening:
                ear.close()
            try:
                self._listening = self._listen()
            except NoDaemon:
                return

    def _listen(self) -> tuple[ears.Ear, ears.Ear]:
        """Return who hears events, and who hears that logs have grown."""
        events = ears.Ear(self._project, ())
        try:
            return events, ears.Ear(self._project, ("written",))
        except NoDaemon:
            events.close()
            raise

    def _show_until_it_hangs_up(self, events: ears.Ear, written: ears.Ear) -> None:
        while True:
            self._show_output()
            ready = ears.wait_for_any((events, written))
            if written in ready and not written.drain():
                return
            if events in ready:
                for event in events.heard():
                    if event["topic"] in SHOWN:
                        self._meet(str(event.get("service", "")))
                        self._screen.event(str(event.get("service", "daemon")), told(event))

    def _meet(self, name: str) -> None:
        """Follow the output of a service that a reload has brought."""
        if name in self._known or not name or self._quiet:
            return
        self._known.add(name)
        new = [spec for spec in known_specs(self._project) if spec.name == name]
        self._followers.append(Follower(sources_of(new, self._project)))

    def _show_output(self, *, over: bool = False) -> None:
        for follower in self._followers:
            while lines := follower.new(over=over):
                for line in lines:
                    self._screen.write(self._screen.lines.line(line))
        self._screen.flush()

    # the end

    def _end(self) -> int:
        """End everything, or only look no longer; a second interruption takes the grace away."""
        if not self._owner:
            self._screen.say("detached; the daemon goes on, and ends with: guardian down")
            return 0
        try:
            return self._shut_down(0.0)
        except KeyboardInterrupt:
            try:
                return self._shut_down(AT_ONCE)
            except KeyboardInterrupt:
                return 1

    def _shut_down(self, timeout: float) -> int:
        left: list[str] = []
        try:
            with connect(self._project) as daemon:
                for kind, content in daemon.follow("shutdown", timeout=timeout):
                    self._show_output()
                    if kind == "event":
                        self._screen.say(f"{content['phase']}/{content['of']} {content['text']}")
                    else:
                        left = content["left"]
                daemon.wait_for_the_end()
        except NoDaemon:
            pass  # it has ended since
        self._show_output(over=True)
        if left:
            self._screen.say(f"still running: {', '.join(left)}; see: guardian why {left[0]}")
        return 1 if left else 0


class Screen:
    """Where a person looks; when nobody does any more, nothing is shown, and all else goes on."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self._gone = False

    def write(self, line: str) -> None:
        """Show a line, or nothing when nobody is there."""
        try:
            if not self._gone:
                sys.stdout.write(f"{line}\n")
        except OSError:
            self._leave()

    def event(self, name: str, text: str) -> None:
        """Show what happened to a service."""
        self.write(self.lines.event(name, time.time(), text))

    def say(self, text: str) -> None:
        """Tell something that is no output of a service."""
        self.flush()
        if not self._gone:
            say(text)

    def flush(self) -> None:
        """Let it out."""
        try:
            if not self._gone:
                sys.stdout.flush()
        except OSError:
            self._leave()

    def _leave(self) -> None:
        self._gone = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)


def _reap_as_init() -> None:
    """As process 1, of a container, reap whoever is left to us (pid_namespaces(7))."""
    if os.getpid() == 1:
        signal.signal(signal.SIGCHLD, _reap)
        _reap(signal.SIGCHLD, None)


def _reap(_: int, __: FrameType | None) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
