"""The folder of one name's slots: who runs, who waits, and the lock under which that changes.

    RUNTIME/slots.lock                         held for moments, by whoever changes something
    RUNTIME/slots/NAME/7.4711.88123.T.running  launch number 7 runs since T: a FIFO, see presence.py
    RUNTIME/slots/NAME/9.4714.88130.T.waiting  number 9 waits since T; lower numbers came earlier
    RUNTIME/slots/NAME/9.4714.88130.about      who that is, for others to show
    RUNTIME/slots/NAME/pace                    when the machine was short, see policy/admission.py

Numbers, because flock(2) keeps no order: with waiters that were killed, or interrupted by a signal,
or with newcomers at the hand-over, 28 to 30 of 30 bursts came out of order here (Linux 6.18).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from guardian.effects.folders import private_dir, require_local
from guardian.errors import GuardianError
from guardian.gate import presence
from guardian.gate.places import About, decoded, encoded, parse_about, parse_place, render_about
from guardian.policy.admission import Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.gate.places import Place

PATIENCE = 30.0  # seconds for a lock that is held for a fraction of a millisecond
PAUSES = (0.00005, 0.005)  # seconds between two tries for it: the first, and what doubling stops at
SMALL = 16384  # bytes, more than any file here but the FIFOs, which are empty
FOLDER, LOCK, PACE = "slots", "slots.lock", "pace"


class Lock:
    """Held while somebody changes who waits and who runs; the kernel frees it when its holder dies.

    Nothing is waited for while it is held, so the wait for it is short, and in no order. Not one
    blocking flock(2): whoever was stopped (SIGSTOP) in that moment would hold up all others without
    a word, and a timeout by signal would be the caller's business.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def __enter__(self) -> Lock:
        give_up = time.monotonic() + PATIENCE
        pause, longest = PAUSES
        while not self._taken():
            if time.monotonic() > give_up:
                raise GuardianError(
                    f"the gate has been locked for {PATIENCE:.0f} s by pid {_read(self.path).strip() or '?'}"
                    f" ({self.path}): is it stopped? continue it or end it"
                )
            time.sleep(pause)
            pause = min(2 * pause, longest)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def _taken(self) -> bool:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(self.path)):  # else it was removed meanwhile
                os.pwrite(fd, f"{os.getpid():<10}\n".encode("ascii"), 0)
                self._fd, fd = fd, -1
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        finally:
            if fd >= 0:
                os.close(fd)
        return False


class Slots:
    """The places of one name. What changes something has to be done under `lock`."""

    def __init__(self, runtime: str, name: str) -> None:
        self.runtime, self.name, self.key = runtime, name, encoded(name)
        self.folder = os.path.join(runtime, FOLDER, self.key)
        self.lock = Lock(os.path.join(runtime, LOCK))

    def make(self) -> None:
        """Make the folder unless it is there; GuardianError when it is not ours alone, or not local."""
        private_dir(self.runtime)
        if not os.path.lexists(self.folder):
            require_local(self.runtime)
        private_dir(os.path.dirname(self.folder))
        private_dir(self.folder)

    def path(self, file: str) -> str:
        """Return the path of a file here."""
        return os.path.join(self.folder, file)

    def places(self) -> list[Place]:
        """Return all places by number, those of the dead included; none when the folder is not there."""
        found = [place for place in map(parse_place, _entries(self.folder)) if place is not None]
        return sorted(found, key=lambda place: place.number)

    def is_living(self, place: Place) -> bool:
        """Whether somebody is present there; OSError when that cannot be told."""
        return presence.is_present(self.path(place.file))

    def living(self) -> list[Place]:
        """Return the places where somebody is present, by number."""
        return [place for place in self.places() if self.is_living(place)]

    def clear(self) -> None:
        """Remove what the dead have left; for when nobody is living."""
        for file in _entries(self.folder):
            if file != PACE:
                self._remove(file)

    def occupy(self, place: Place, about: About | None = None) -> int:
        """Be at this place; return the descriptor that means it. OSError leaves nothing new behind.

        `about` is what to tell of it; None when that was told where it waited.
        """
        if about is not None:
            self.tell(place, about)
        try:
            return presence.appear(self.path(place.file))
        except OSError:
            if about is not None:
                self._remove(place.about)
            raise

    def leave(self, place: Place) -> None:
        """Remove this place, and what it told."""
        self._remove(place.about)  # first: as long as the number is taken nobody else gets it
        self._remove(place.file)

    def move_on(self, place: Place) -> None:
        """Remove the place of one who waited and runs now; what it told stays."""
        self._remove(place.file)

    def _remove(self, file: str) -> None:
        try:
            os.unlink(self.path(file))
        except OSError:
            pass  # gone already; and what cannot be removed is seen to be abandoned all the same

    def tell(self, place: Place, about: About) -> None:
        """Write what others may know of this place."""
        self._write(place.about, render_about(about))

    def about(self, place: Place) -> About:
        """Return what a place tells of itself; it may have gone."""
        return parse_about(_read(self.path(place.about)))

    def label(self, place: Place) -> str:
        """Return what names this place among those of all names."""
        return f"{self.key}/{place.number}"

    def pace(self) -> Pace:
        """Return what is remembered of the machine's shortage."""
        words = _read(self.path(PACE)).split()
        try:
            return Pace(float(words[0]), float(words[1]))
        except (IndexError, ValueError):
            return Pace()

    def remember(self, pace: Pace) -> None:
        """Keep it for the next launch."""
        self._write(PACE, f"{pace.short!r} {pace.admitted!r}\n")

    def _write(self, file: str, text: str) -> None:
        """Write a small file; OSError leaves none behind."""
        path = self.path(file)
        content = text.encode("utf-8", "backslashreplace")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.write(fd, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._remove(file)
            error.filename = path  # write(2) knows none
            raise
        finally:
            os.close(fd)


class Slot:
    """A place among the launches, held as long as any process has a copy of its descriptor.

    The descriptor goes through fork and not through exec. Whoever will end the tree has to keep a
    copy; a slot that was inherited from an ancestor's has none, and its end changes nothing.
    """

    def __init__(self, slots: Slots, place: Place, *, since: float, fd: int = -1) -> None:
        self._slots, self.place, self.fd = slots, place, fd
        self.since = since  # seconds of time.monotonic: when it was taken
        self.inherited = fd < 0

    @property
    def claim(self) -> str:
        """What a run inside this one can say to share the slot; it is checked, see Visit."""
        return f"{self._slots.key}/{self.place.stem}"

    def close(self) -> None:
        """Close this process's copy; the slot is free when that was the last one."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def release(self) -> None:
        """Free the slot now, whoever else has a copy: the tree is gone."""
        if self.fd >= 0:
            self.close()  # first: with the last copy it calls the next one, who need not wait for the disk
            self._slots.leave(self.place)

    def __repr__(self) -> str:
        how = "inherited" if self.inherited else "held" if self.fd >= 0 else "closed"
        return f"<Slot {self._slots.name}/{self.place.number} of {self.place.who!r} {how}>"


def all_slots(runtime: str) -> list[Slots]:
    """Return the slots of every name that was ever used here."""
    return [Slots(runtime, decoded(key)) for key in sorted(_entries(os.path.join(runtime, FOLDER)))]


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _read(path: str) -> str:
    """Return the text of a small file, "" when it is not there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    try:
        return os.read(fd, SMALL).decode("utf-8", "replace")
    finally:
        os.close(fd)
