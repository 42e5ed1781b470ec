"""What services print: their FIFOs, moved into their logs whenever something is there."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from guardian.daemon.surroundings import user_of
from guardian.errors import GuardianError
from guardian.output.channel import Channel
from guardian.output.inlet import make_fifo
from guardian.output.logfile import Source
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.places import Project
    from guardian.services.spec import ServiceSpec

    Heard = Callable[[str, str, list[bytes]], None]  # service, stream, complete lines

AGAIN = 1.0  # seconds until a log is tried again that could not be written (a full disk)


class Log(Value):
    """Where one stream of a service goes."""

    service: str
    stream: str  # out or err
    fifo: str
    file: str


def fifo_of(name: str, stream: str, project: Project) -> str:
    """Return the path of what a service writes one of its streams to."""
    return project.below("fifos", f"{name}.{stream}")


def logs_of(spec: ServiceSpec, project: Project) -> tuple[Log, ...]:
    """Return where a service's output goes: two logs, or one for both streams when one file is named."""

    def log(stream: str, file: str) -> Log:
        path = os.path.join(project.root, os.path.expanduser(file)) if file else ""
        default = project.below("logs", f"{spec.name}.{stream}.log")
        return Log(spec.name, stream, fifo_of(spec.name, stream, project), path or default)

    out = log("out", spec.log_file)
    if spec.log_file and spec.error_file in ("", spec.log_file):
        return (out,)
    return out, log("err", spec.error_file)


class Outputs:
    """All channels of the daemon."""

    def __init__(self, project: Project, heard: Heard, *, complain: Callable[[str], None]) -> None:
        self._project, self._heard, self._complain = project, heard, complain
        self._channels: dict[str, tuple[Log, Channel]] = {}  # by fifo
        self._failing: set[str] = set()  # fifos whose log cannot be written now
        self.need: set[str] = set()  # services whose lines are searched
        self.wanted: Callable[[str], bool] = lambda _: False  # whether somebody else wants those of a service
        self.moved: Callable[[str], None] = lambda _: None  # told whenever a log of a service has grown
        self.let_go: Callable[[str], None] = lambda _: None
        self._loop = asyncio.get_running_loop()

    @property
    def fifos(self) -> list[str]:
        """The FIFOs that are listened to."""
        return list(self._channels)

    def open(self, spec: ServiceSpec) -> tuple[str, str]:
        """Return the paths of the FIFOs for stdout and stderr, the second empty when it is the same.

        Who starts the service lets the keeper hold them too. GuardianError when a log cannot be
        written, with what was there before still in force.
        """
        logs = logs_of(spec, self._project)
        for log in logs:
            self._open(log, spec)
        return logs[0].fifo, logs[1].fifo if len(logs) > 1 else ""

    def _open(self, log: Log, spec: ServiceSpec) -> None:
        known = self._channels.get(log.fifo)
        if known is not None and known[0] == log:
            known[1].max_size, known[1].keep = spec.log_max_size, spec.log_keep
            return
        make_fifo(log.fifo, user_of(spec.user).uid if spec.user else None)
        channel = Channel(
            log.fifo,
            log.file,
            max_size=spec.log_max_size,
            keep=spec.log_keep,
            times=self._project.below("times"),
            lazy=True,
        )
        self.close(log.fifo)
        self._channels[log.fifo] = log, channel
        self._choose_listener(log, channel)
        self._loop.add_reader(channel.fileno(), self._move, log.fifo)

    def choose_listeners(self) -> None:
        """Have the lines of those services read whose lines are wanted now; reading costs."""
        for log, channel in self._channels.values():
            self._choose_listener(log, channel)

    def _choose_listener(self, log: Log, channel: Channel) -> None:
        wanted = log.service in self.need or self.wanted(log.service)
        if not wanted:
            channel.lines = None
        elif channel.lines is None:
            channel.lines = lambda lines: self._heard(log.service, log.stream, lines.splitlines())

    def _move(self, fifo: str) -> None:
        log, channel = self._channels[fifo]
        try:
            channel.move()
        except GuardianError as error:
            self._pause(fifo, error)
            return
        self._failing.discard(fifo)
        self.moved(log.service)
        if channel.rest:
            self._leave_alone(fifo, channel, channel.rest)

    def _pause(self, fifo: str, error: GuardianError) -> None:
        """Wait: what cannot be written stays in the pipe, and the service waits too (P7)."""
        log, channel = self._channels[fifo]
        if fifo not in self._failing:
            self._failing.add(fifo)
            self._complain(f"{log.service}: {error}")
        self._leave_alone(fifo, channel, AGAIN)

    def _leave_alone(self, fifo: str, channel: Channel, seconds: float) -> None:
        self._loop.remove_reader(channel.fileno())
        self._loop.call_later(seconds, self._resume, fifo, channel)

    def _resume(self, fifo: str, channel: Channel) -> None:
        if self._channels.get(fifo, (None, None))[1] is channel:
            self._loop.add_reader(channel.fileno(), self._move, fifo)

    def sources(self, name: str) -> list[Source]:
        """Return the logs of a service, as readers take them."""
        times = self._project.below("times")
        return [Source(name, f"std{log.stream}", log.file, times) for log, _ in self._of(name)]

    def _of(self, name: str) -> list[tuple[Log, Channel]]:
        """Return the channels of a service, without a look at all others."""
        fifos = (fifo_of(name, stream, self._project) for stream in ("out", "err"))
        return [self._channels[fifo] for fifo in fifos if fifo in self._channels]

    def drain(self, name: str) -> None:
        """Move everything that a service has written, now: it is gone, or everything ends."""
        for _, channel in self._of(name):
            try:
                while channel.move():
                    self.moved(name)
            except GuardianError as error:
                self._complain(f"{name}: {error}")

    def close(self, fifo: str) -> None:
        """Listen no longer."""
        known = self._channels.pop(fifo, None)
        if known is not None:
            self._loop.remove_reader(known[1].fileno())
            known[1].close()

    def close_all(self) -> None:
        """Everything that was written goes to its log, and nothing is listened to any more."""
        for fifo, (log, _) in list(self._channels.items()):
            self.drain(log.service)
            self.close(fifo)

    def forget(self, name: str) -> None:
        """A service is no more; its logs stay."""
        self.drain(name)
        for fifo in (self._project.below("fifos", f"{name}.{stream}") for stream in ("out", "err")):
            self.close(fifo)
            self.let_go(fifo)
            with suppress(FileNotFoundError):
                os.unlink(fifo)
