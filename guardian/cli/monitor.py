"""`guardian monitor`: put the watch together, in the foreground or detached, and keep it."""

from __future__ import annotations

import asyncio
import os
import time

from guardian.cli.detach import Detached, detach_process
from guardian.cli.interruption import Interruption
from guardian.cli.monitor_log import LogVoice, open_log
from guardian.cli.records import recorder
from guardian.cli.tables import counted
from guardian.config.load import load_settings
from guardian.effects.folders import runtime_dir, state_path
from guardian.errors import GuardianError, UsageError
from guardian.guard.beat import Beat
from guardian.guard.charter import charter_of
from guardian.guard.cleanup import Cleanup, Summary
from guardian.guard.lock import MonitorLock
from guardian.guard.monitor import Monitor
from guardian.guard.world import system_world
from guardian.units import exact_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loguru import Logger

    from guardian.config.settings import Settings


def keep_watch(*, interval: str, once: bool, detach: bool, dry_run: bool, log_json: bool) -> int:
    """Do what `guardian monitor` was asked to; return the exit code."""
    if once and detach:
        raise UsageError("--once and --detach exclude each other: a single look needs no background")
    load = _loader({"monitor.interval": interval} if interval else {})
    settings = load()
    if once:
        return _look_once(settings, dry_run=dry_run, log_json=log_json)
    lock = MonitorLock(runtime_dir())
    lock.take()
    parent = detach_process() if detach else None
    if isinstance(parent, Detached):
        return parent.report(log=_log_file())
    lock.sign(since=time.time())
    log = open_log(_log_file(), as_json=log_json, terminal=not detach)
    ready = parent.ready if parent is not None else lambda: None
    try:
        asyncio.run(_watch(load, settings, log, dry_run=dry_run, ready=ready))
    finally:
        lock.free()
    return 0


def _loader(flags: dict[str, object]) -> Callable[[], Settings]:
    """Return what reads the configuration, now and at every SIGHUP, as seen from where we were started."""
    try:
        cwd = os.getcwd()
    except OSError as error:
        raise UsageError(f"the working directory is gone: {error.strerror}; cd to one that exists") from None
    return lambda: load_settings(flags=flags, cwd=cwd)


def _log_file() -> str:
    return os.path.join(state_path(), "logs", "monitor.log")


def _look_once(settings: Settings, *, dry_run: bool, log_json: bool) -> int:
    log = open_log(_log_file(), as_json=log_json, terminal=True)
    charter = charter_of(settings.rules, settings.protect)
    voice = LogVoice(log, settings.alerts, dry_run=dry_run)
    world = system_world(touch=not dry_run)
    interruption = Interruption()
    try:
        written = recorder(settings.journal, "monitor", complain=log.warning)
        with interruption:
            done = Cleanup(
                world,
                charter,
                written,
                progress=voice.opened,
                interrupted=interruption,
                keep_receipts=not dry_run,
            ).run()
        for receipt in done.receipts:
            voice.closed(receipt)
        log.info("looked once: {}", _counted(done, dry_run=dry_run))
    finally:
        voice.finish()
    if done.interrupted:
        return interruption.exit_code
    return 1 if done.survivors and not dry_run else 0


def _counted(done: Summary, *, dry_run: bool) -> str:
    going = sum(dry_run or not receipt.survivors for receipt in done.receipts)
    verb = "would be ended" if dry_run else "ended"
    return f"{counted(len(done.launches), 'launch', 'launches')}, {counted(going, 'tree', 'trees')} {verb}"


async def _watch(
    load: Callable[[], Settings],
    settings: Settings,
    log: Logger,
    *,
    dry_run: bool,
    ready: Callable[[], None],
) -> None:
    voice = LogVoice(log, settings.alerts, dry_run=dry_run)
    world = system_world(touch=not dry_run)
    monitor = Monitor(
        world,
        charter_of(settings.rules, settings.protect),
        recorder(settings.journal, "monitor", complain=log.warning),
        voice,
        interval=settings.monitor.interval,
        keep_receipts=not dry_run,
    )

    def reload() -> None:
        try:
            new = load()
        except GuardianError as error:
            log.error("the new configuration is wrong, the old one stays: {}", error)
            return
        monitor.charter = charter_of(new.rules, new.protect)
        monitor.interval = new.monitor.interval
        voice.alerts = new.alerts
        log.info("configuration read again: {}", _described(new))

    def up() -> None:
        dry = "; dry run" if dry_run else ""
        log.info("monitor runs, pid {}: {}{}", os.getpid(), _described(settings), dry)
        ready()

    beat = Beat(
        monitor,
        identify=world.table.identify,
        ready=up,
        finishing=lambda: log.info("asked to end: finishing what was begun; a second signal ends at once"),
        reload=reload,
        failed=lambda error: log.opt(exception=not isinstance(error, GuardianError)).error(
            "this look failed, the next comes: {}", error
        ),
    )
    try:
        await beat.run()
    finally:
        voice.finish()
        log.info("monitor ends{}", "; an intervention was not finished" if monitor.busy else "")


def _described(settings: Settings) -> str:
    rules = ", ".join(rule.name for rule in settings.rules) or "none"
    origin = f"from {', '.join(settings.sources)}" if settings.sources else "built in"
    return f"rules {rules} {origin}; a look at least every {exact_duration(settings.monitor.interval)}"
