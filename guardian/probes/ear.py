"""One set of folders, watched by the kernel (inotify(7)) through watchfiles, until it is replaced."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Changes = set[tuple[int, str]]

ADDED, MODIFIED, DELETED = 1, 2, 3  # watchfiles.Change
# Milliseconds. The thread that hands the changes on looks whether there are any once a STEP: there is
# no event for it. 200 costs 0.05 % of a core, 50 (the library's default) would cost 0.18 %.
STEP = 200
DEBOUNCE = 400  # the longest that changes wait for further ones
BREATH = 500  # how long a call waits; one that was replaced ends after it


LIMIT = "the kernel's limit is reached (sysctl fs.inotify.max_user_watches); ignore_watch can leave some out"


class LimitReached(Exception):
    """There are more folders than the kernel lets this user watch."""


class Unwatchable(Exception):
    """Nothing can be watched; the text says why."""


class Ear:
    """Hears of changes right in these folders, in a thread of its own; deeper ones are watched by name."""

    def __init__(self, folders: Iterable[str], heard: Callable[[Changes], None]) -> None:
        """Watch: everything that happens from here on is heard, `heard` being called in that thread.

        FileNotFoundError or PermissionError when a folder is not as it was, LimitReached, Unwatchable.
        """
        # False for permissions: with True the library says nothing of a reached limit either
        try:
            self._notify = RustNotify(sorted(folders), False, False, 0, False, False)
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as error:
            if "limit reached" in str(error):  # it has no errno
                raise LimitReached(LIMIT) from None
            raise Unwatchable(str(error)) from None
        except WatchfilesRustInternalError as error:
            raise Unwatchable(str(error)) from None
        self._heard = heard
        self._stop = threading.Event()
        self._replaced = False
        self._thread = threading.Thread(target=self._listen, name="files", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with self._notify:
            while not self._replaced:
                changes = self._notify.watch(DEBOUNCE, STEP, BREATH, self._stop)
                if changes == "stop":
                    return
                if not isinstance(changes, str):
                    self._heard(changes)

    def replace(self) -> None:
        """Let it end by itself within a BREATH, when it has told what it has heard until now."""
        self._replaced = True

    def wait(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def close(self) -> None:
        """Let it end now, and wait for it: at most one STEP."""
        self._stop.set()
        self.wait()
