"""Changes of the files of services: who watches, and how what was heard becomes paths of services.

Every folder is watched by its own name, so that what a service ignores (50,000 folders of
node_modules) costs nothing; the price is that the set has to follow when folders come and go. A
new set is watched before the old one is let go, and what was put into a new folder before it was
watched is found by looking.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from guardian.probes.folders import files, folders, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from guardian.probes.ear import Changes, Ear
    from guardian.probes.folders import Watched

    Sets = dict[str, frozenset[str]]  # service → its folders

ROUNDS = 20  # looks for folders that came while one looked; of later ones the next change tells
# Seconds before each attempt when the kernel's limit is reached: what a failed one has taken is given
# back by a thread of the library's, and nothing tells when.
PAUSES = (0.0, 0.1, 0.3, 1.0)
NONE: frozenset[str] = frozenset()


class FileWatch:
    """Watches the files of all services; belongs to one event loop."""

    def __init__(
        self, changed: Callable[[str, tuple[str, ...]], None], complain: Callable[[str, str], None]
    ) -> None:
        """`changed` gets a service and its paths, from its folder, with slashes; ignored ones are left out.

        `complain` gets a service and why its files are not watched. Both are called in the loop.
        """
        self._changed, self._complain = changed, complain
        self._wanted: dict[str, Watched] = {}
        self._sets: Sets = {}  # what is watched
        self._new: set[str] = set()  # services whose files are no news yet
        self._refused: set[str] = set()  # services that cannot be watched
        self._ear: Ear | None = None
        self._old: Ear | None = None  # which may still have something to tell
        self._one = asyncio.Lock()  # one at a time changes the set
        self._task: asyncio.Task[None] | None = None
        self._again = False  # folders came or went while the task was at work
        self._closing = False

    async def watch(self, wanted: Mapping[str, Watched]) -> None:
        """Watch these from now on, and no others; what happens after the return is heard.

        A folder that does not exist is waited for. watchfiles is imported when there is something to
        watch. Not to be cancelled: a thread is at work.
        """
        async with self._one:
            before, self._wanted = self._wanted, dict(wanted)
            self._new = {name for name in wanted if wanted[name] != before.get(name)}
            self._sets = {name: each for name, each in self._sets.items() if name in wanted}
            self._sets |= dict.fromkeys(self._new, NONE)
            self._refused.clear()
            await self._follow()

    async def close(self) -> None:
        """Watch nothing any more."""
        self._closing = True
        if self._task is not None:
            await asyncio.wait([self._task])  # not cancelled: its thread would make an ear that nobody closes
        async with self._one:
            self._wanted, self._sets = {}, {}
            await self._let_go()

    # What is heard

    def _deliver(self, changes: Changes) -> None:
        """Tell each service what is about it, and follow when folders came or went."""
        touched = {path for _, path in changes}
        come = {path for path in touched if os.path.isdir(path) and not os.path.islink(path)}
        moved = [self._moved(name, touched, come) for name in self._wanted]
        for name in self._wanted:
            self._tell(name, touched)
        if any(moved):
            self._start_following()

    def _moved(self, name: str, touched: set[str], come: set[str]) -> bool:
        """Whether folders of a service came or went; those that went are watched no more (inotify(7))."""
        watched, known = self._wanted[name], self._sets.get(name, NONE)
        gone = touched & known
        self._sets[name] = frozenset(each for each in known if not _at_or_below(each, gone))
        return bool(gone) or watched.base not in known or any(_counts(watched, each) for each in come - known)

    def _tell(self, name: str, touched: Iterable[str]) -> None:
        watched = self._wanted[name]
        paths = tuple(
            path[len(watched.base) :].lstrip("/") for path in sorted(touched) if _counts(watched, path)
        )
        if paths:
            self._changed(name, paths)

    def _start_following(self) -> None:
        self._again = True
        if not self._closing and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        while self._again and not self._closing:
            async with self._one:
                await self._follow()

    # Which folders are watched

    async def _follow(self) -> None:
        """Watch the folders that there are now, until looking again finds no others."""
        for _ in range(ROUNDS):
            if self._closing:
                return
            self._again = False
            found = await asyncio.to_thread(self._look)
            if found == self._sets and not self._again:
                return
            if await self._listen(found):
                self._tell_of_fresh(found)

    def _look(self) -> Sets:
        """Return the folders that are to be watched."""
        return {
            name: NONE if name in self._refused else folders(watched)
            for name, watched in self._wanted.items()
        }

    def _tell_of_fresh(self, found: Sets) -> None:
        """Tell of the files in folders that were not watched until now."""
        before, self._sets = self._sets, found
        for name, now in found.items():
            paths = tuple(sorted(files(self._wanted[name], now - before.get(name, NONE))))
            if paths and name not in self._new:
                self._changed(name, paths)
        self._new.clear()

    async def _listen(self, found: Sets) -> bool:
        """Listen to these folders; return False when they have to be looked for again.

        The one before is let go when the new one hears, and at most one is on its way out: each
        counts against the kernel's limits.
        """
        if self._old is not None:
            await asyncio.to_thread(self._old.wait)
            self._old = None
        union = NONE.union(*found.values())
        made = await self._made(union, found) if union else None
        if union and made is None:
            return False
        self._old, self._ear = self._ear, made
        if self._old is not None:
            self._old.replace()
        return True

    async def _made(self, union: frozenset[str], found: Sets) -> Ear | None:
        """Return what listens; None when a folder is gone already, or after a service was given up."""
        from guardian.probes.ear import Ear, LimitReached, Unwatchable  # late: watchfiles takes 2.5 MB

        loop = asyncio.get_running_loop()

        def heard(changes: Changes) -> None:
            loop.call_soon_threadsafe(self._deliver, changes)

        why = ""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                return await asyncio.to_thread(Ear, union, heard)
            except (FileNotFoundError, PermissionError):
                return None
            except LimitReached as error:
                why = str(error)
                await self._let_go()  # its folders count too: without it there may be room
            except Unwatchable as error:
                self._give_up(set(found), found, str(error))
                return None
        self._give_up({max(found, key=lambda name: len(found[name]))}, found, why)
        return None

    def _give_up(self, names: set[str], found: Sets, why: str) -> None:
        self._refused |= names
        for name in sorted(names):
            count = len(found[name])
            self._complain(name, f"cannot watch its {count} folder{'s' if count != 1 else ''}: {why}")

    async def _let_go(self) -> None:
        """Stop listening at once."""
        for ear in (self._ear, self._old):
            if ear is not None:
                await asyncio.to_thread(ear.close)
        self._ear = self._old = None


def _counts(watched: Watched, path: str) -> bool:
    """Whether a path is below the service's folder, and not ignored."""
    inside = relative(watched.base, path)
    return bool(inside) and not watched.ignored(inside or "")


def _at_or_below(path: str, gone: set[str]) -> bool:
    while path not in gone and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path in gone
