"""What the monitor tells: a log on stderr and in a rotated file, and alerts."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import RotatingFileHandler

from loguru import logger

from guardian.cli.edge import say
from guardian.effects.notify import alert
from guardian.effects.receipts import summary
from guardian.procs.printable import shown_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import TextIOWrapper
    from logging import LogRecord

    from loguru import Logger

    from guardian.effects.receipts import Receipt
    from guardian.effects.sections import Alerts
    from guardian.guard.round import Round

FORMAT = "{time:YYYY-MM-DD HH:mm:ss} {level: <7} {message}\n{exception}"
ROTATION = 5 << 20  # bytes
KEEP = 3  # older files


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


class LogFile(RotatingFileHandler):
    """A rotated file of one's own; when the disk is full it says so once, and the guard goes on.

    Not loguru's own file: that prints a traceback for every line that it cannot write.
    """

    terminator = ""  # loguru's lines bring their end along

    def __init__(self, path: str) -> None:
        self._failed = False
        folder = os.path.dirname(path)
        for each in (os.path.dirname(folder), folder):  # makedirs leaves the modes between to the umask
            os.makedirs(each, mode=0o700, exist_ok=True)
        super().__init__(path, maxBytes=ROTATION, backupCount=KEEP, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", errors="backslashreplace", opener=_private)

    def handleError(self, record: LogRecord) -> None:  # noqa: N802 - logging's name
        """Complain the first time; the line is lost."""
        if not self._failed:
            self._failed = True
            error = sys.exc_info()[1]
            why = getattr(error, "strerror", None) or error
            say(f"cannot write the log {self.baseFilename}: {why}; going on without it")

    def close(self) -> None:
        """Close it; what a full disk did not take is lost."""
        try:
            super().close()
        except OSError:
            pass  # told already, at the first line that was lost


def open_log(path: str, *, as_json: bool, terminal: bool) -> Logger:
    """Return the log; a file that cannot be written is told on stderr and done without."""
    logger.remove()
    if terminal:
        logger.add(sys.stderr, format=lambda _: FORMAT, serialize=as_json, diagnose=False, colorize=False)
    try:
        logger.add(LogFile(path), format=lambda _: FORMAT, serialize=as_json, diagnose=False)
    except OSError as error:
        logger.warning("cannot write the log {}: {}; going on without it", path, error.strerror)
    return logger


class LogVoice:
    """Logs what the monitor does and sends its alerts, one at a time, beside the loop."""

    def __init__(self, log: Logger, alerts: Alerts, *, dry_run: bool) -> None:
        self.alerts = alerts
        self._log = log
        self._dry_run = dry_run
        self._sender: ThreadPoolExecutor | None = None

    def opened(self, done: Round) -> None:
        """Log who has to go, and why."""
        for breach in done.breaches:
            root, reason = breach.launch.root, breach.reason
            self._log.warning(
                '{} "{}" (pid {}, rule {}, {}): {}',
                "would end" if self._dry_run else "ending",
                shown_command(root.command, root.name, width=120),
                root.pid,
                reason.rule,
                "1 process" if len(breach.launch.members) == 1 else f"{len(breach.launch.members)} processes",
                reason,
            )

    def closed(self, receipt: Receipt) -> None:
        """Log the end of it, and alert."""
        if self._dry_run:
            return
        text = summary(receipt)
        self._log.log("ERROR" if receipt.survivors else "INFO", "{} {}", receipt.id, text)
        if self.alerts.command or self.alerts.desktop:
            if self._sender is None:
                self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts")
            self._sender.submit(alert, self.alerts, receipt, text, self._complain)

    def _complain(self, text: str) -> None:
        self._log.warning("{}", text)

    def finish(self) -> None:
        """Wait for the alerts that are under way; each has a bound of its own."""
        if self._sender is not None:
            self._sender.shutdown(wait=True)
