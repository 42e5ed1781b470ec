"""`guardian up`, `down` and `reload`: the daemon of this project."""

from __future__ import annotations

import signal
import sys

from guardian.cli.edge import say
from guardian.cli.ps_list import project_here
from guardian.config.load import load_settings
from guardian.daemon.client import Connection, NoDaemon, connect
from guardian.daemon.events import describe
from guardian.daemon.start import ensure
from guardian.errors import ConfigError
from guardian.services.saving import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.daemon.places import Project
    from guardian.services.spec import ServiceSpec


def bring_up(*, detach: bool) -> int:
    """Start the daemon unless it runs, and what is configured; stay until ^C unless detached."""
    specs = configured_services()
    project = project_here()
    started = ensure(project)
    with connect(project) as daemon:
        done = daemon.ask("configure", specs=[plain(spec) for spec in specs], monitor=with_monitor())
        if detach:
            verb = "started" if started else "runs already"
            print(f"daemon {verb}, pid {daemon.welcome['pid']}, log {project.log}")
            if not started and done["changes"]:
                print(done["text"])
            return 0
    return stay(project)


def configured_services() -> tuple[ServiceSpec, ...]:
    """Return the services of guardian.toml; ConfigError when there is none."""
    settings = load_settings()
    if not settings.services:
        where = settings.sources[-1] if settings.sources else "guardian.toml"
        raise ConfigError("there are no services; write [services.NAME] with a command", file=where)
    return settings.services


def with_monitor() -> bool:
    """Whether the daemon keeps a monitor running: [monitor] autostart."""
    return load_settings().monitor.autostart


def stay(project: Project) -> int:
    """Show what happens until somebody asks for the end, then end everything."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with connect(project) as daemon:
            for _, event in daemon.follow("watch"):
                if event["topic"] == "state":
                    print(f"{event['service']}: {describe(event)}", flush=True)
    except KeyboardInterrupt:
        return bring_down()
    except NoDaemon:
        return 0
    return 0


def bring_down() -> int:
    """End all services and the daemon; return 1 when something would not go."""
    with connect(project_here()) as daemon:
        return _shut_down(daemon)


def _shut_down(daemon: Connection) -> int:
    for kind, content in daemon.follow("shutdown"):
        if kind == "result":
            left = content["left"]
            daemon.wait_for_the_end()
            if left:
                say(f"still running: {', '.join(left)}; see: guardian why")
            return 1 if left else 0
        if sys.stderr.isatty():
            say(f"{content['phase']}/{content['of']} {content['text']}")
    return 1


def read_again(*, dry_run: bool) -> int:
    """Let the daemon take what guardian.toml says now; say what changes."""
    specs = load_settings().services
    with connect(project_here()) as daemon:
        done = daemon.ask(
            "configure",
            specs=[plain(spec) for spec in specs],
            start=not dry_run,
            dry_run=dry_run,
            monitor=with_monitor(),
        )
    print(done["text"])
    return 0
