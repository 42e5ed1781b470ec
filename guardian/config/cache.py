"""Settings that were checked once, kept as primitives, so that `guardian run` need not check again.

A file holds a checksum, the key and the values, in marshal's format. marshal(3) is not made for
data that others wrote, so a file is only opened when it and its folder belong to us and nobody
else may write them; anything odd is as good as nothing, and is written anew. A folder that cannot
be written is no cache and no error.
"""

from __future__ import annotations

import marshal
import os
import stat

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 2  # of marshal: the last whose bytes depend on the values alone, so that keys compare as bytes
SLOTS = 251  # files at most; a prime, so that similar keys spread
MODULUS = (1 << 61) - 1
# A file that changes twice within one tick of the kernel's coarse clock (1–10 ms) keeps its times;
# where a file system stores no more than seconds (FAT: every second one), within two seconds.
SETTLED, SETTLED_COARSE = 10**8, 2 * 10**9  # ns
LARGEST = 4 << 20


class Slot(Value):
    """Where the settings of one key lie, and the key's own bytes."""

    folder: str
    name: str
    key: bytes


def slot(folder: str, *, place: object, key: object) -> Slot | None:
    """Return where settings of `key` belong; `place` is the part of it that stays when files change.

    None when there is no folder, or the key holds what marshal cannot write.
    """
    try:
        spread = int.from_bytes(_dumped(place), "little") % SLOTS
        return Slot(folder, f"settings-{spread:03d}", _dumped((place, key))) if folder else None
    except ValueError:
        return None


def _dumped(thing: object) -> bytes:
    return marshal.dumps(thing, FORMAT)  # type: ignore[arg-type]  # it says itself what it cannot write


def pack(thing: object) -> object:
    """Return values as lists that begin with the class' name, everything else as it is."""
    if isinstance(thing, Value):
        return [type(thing).__name__, *(pack(field) for field in thing.astuple())]
    return tuple([pack(each) for each in thing]) if isinstance(thing, tuple) else thing


def unpack(packed: object, classes: dict[str, type[Value]]) -> object:
    """Undo `pack`; KeyError when a class is none of `classes`."""
    if isinstance(packed, list):
        return classes[packed[0]](*[unpack(field, classes) for field in packed[1:]])
    return tuple([unpack(each, classes) for each in packed]) if isinstance(packed, tuple) else packed


def fetch(where: Slot) -> object:
    """Return the packed settings of this key, or None when there are none that can be trusted."""
    try:
        data = _read(where)
    except OSError:
        return None
    checksum, size, rest = data[:8], int.from_bytes(data[8:12], "little"), data[12:]
    if rest[:size] != where.key or checksum != _checksum(data[8:]):
        return None
    try:
        packed: object = marshal.loads(rest[size:])
    except (EOFError, TypeError, ValueError):
        return None
    return packed


def store(where: Slot, packed: object) -> None:
    """Keep the packed settings of this key, by rename; in silence where that is not possible."""
    try:
        os.makedirs(where.folder, mode=0o700, exist_ok=True)
        if _ours(os.lstat(where.folder), stat.S_IFDIR):
            _write(where, _dumped(packed))
    except (OSError, ValueError):  # ValueError: a value that marshal cannot write
        pass


def settled(signatures: Iterable[tuple[int, ...] | None], now: int) -> bool:
    """Whether files of these signatures are old enough, at `now` (ns), for a change to show."""
    changes = [max(seen[:2]) for seen in signatures if seen]
    return all(now - at > (SETTLED if at % 10**9 else SETTLED_COARSE) for at in changes)


def _ours(seen: os.stat_result, kind: int) -> bool:
    private = seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
    return private and stat.S_IFMT(seen.st_mode) == kind


def _read(where: Slot) -> bytes:
    if not _ours(os.lstat(where.folder), stat.S_IFDIR):
        return b""
    handle = os.open(f"{where.folder}/{where.name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        seen = os.fstat(handle)
        return os.read(handle, LARGEST) if _ours(seen, stat.S_IFREG) and seen.st_size < LARGEST else b""
    finally:
        os.close(handle)


def _checksum(data: bytes) -> bytes:
    # the last byte counts the zeros before it: a file that lost its end has another sum
    return (int.from_bytes(data + b"\1", "little") % MODULUS).to_bytes(8, "little")


def _write(where: Slot, body: bytes) -> None:
    data = len(where.key).to_bytes(4, "little") + where.key + body
    path = f"{where.folder}/{where.name}"
    new = f"{path}.{os.getpid()}"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(handle, "wb") as file:
            file.write(_checksum(data) + data)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
