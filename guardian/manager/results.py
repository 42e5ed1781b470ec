"""What the Python API returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from guardian.output.reading import LogLine


@dataclass(frozen=True)
class ProcessState:
    """How a service stands at one moment. Times are seconds."""

    name: str
    status: str  # stopped, starting, running, ready, unhealthy, backoff, stopping, exited or fatal
    wanted: str  # up, down or restart
    why: str  # the reason of the status, for a person
    pid: int | None  # of its leader; None while nothing runs
    uptime: float | None  # since the present start
    restarts: int  # that nobody asked for, since somebody started it
    exit: str | None  # how the last leader ended: "code 1", "SIGKILL"; None: none has
    health: str | None  # "not ready yet", "well" or "unhealthy"; None: it is not checked
    health_note: str  # what the last check said
    groups: tuple[str, ...]
    waits_for: tuple[str, ...]  # services that have to be ready before it starts
    generation: int  # counts its starts
    command: str
    autostart: bool

    @property
    def running(self) -> bool:
        """Whether something of it runs."""
        return self.status in ("starting", "running", "ready", "unhealthy", "stopping")

    @property
    def ready(self) -> bool:
        """Whether it does what it is there for, as far as its check tells."""
        return self.status == "ready"

    @classmethod
    def of(cls, record: dict[str, Any]) -> ProcessState:
        """Return what a record of the daemon says."""
        lists = {"groups": tuple(record["groups"]), "waits_for": tuple(record["waits_for"])}
        told = {**record, **lists, "status": record["state"]}
        return cls(**{name: told[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class ProcessStats:
    """What a service's whole tree uses: its leader, and everything that any of them started."""

    memory: int  # bytes, shared pages counted once (PSS, proc_pid_smaps(5))
    cpu: float  # percent of one core since the last time that anybody asked; at first since the start
    uptime: float  # seconds since the present start
    processes: int
    cpu_seconds: float  # used in all, by those that have ended too

    @classmethod
    def of(cls, record: dict[str, Any]) -> ProcessStats:
        """Return what a record of the daemon says; zeros where nothing runs."""
        usage = record.get("usage") or {}
        return cls(
            memory=usage.get("memory", 0),
            cpu=round(usage.get("share", 0.0), 1),
            uptime=record["uptime"] or 0.0,
            processes=usage.get("processes", 0),
            cpu_seconds=round(usage.get("cpu", 0.0), 3),
        )


@dataclass(frozen=True)
class ProcessLog:
    """One line that a service printed."""

    timestamp: datetime  # when guardian read it, with time zone UTC
    level: str  # trace, debug, info, warn, error or fatal, as far as the line says so itself
    message: str  # without its newline; bytes that are no UTF-8 as \\xNN
    stream: str  # stdout or stderr
    service: str

    @classmethod
    def of(cls, line: LogLine) -> ProcessLog:
        """Return a line of a log file."""
        at = datetime.fromtimestamp(line.at, UTC)
        return cls(at, line.level, line.text, line.stream, line.service)

    @classmethod
    def of_text(cls, service: str, stream: str, text: str, *, at: datetime) -> ProcessLog:
        """Return a line that came as a text."""
        from guardian.output.levels import level_of  # late: it compiles patterns

        return cls(at, level_of(text, stream), text, stream, service)
