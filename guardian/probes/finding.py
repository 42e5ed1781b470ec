"""What a look returns, what it is given, and the system's errors in a few words."""

from __future__ import annotations

import errno
import os
import ssl
from typing import TYPE_CHECKING, Protocol

from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guardian.services.spec import HealthSpec

SHOWN = 200  # characters of a note's part that a stranger chose


class Finding(Value):
    """The answer of one look."""

    good: bool
    note: str  # one line for a person


class Where(Value):
    """What a look needs to run as the service does."""

    cwd: str
    env: Mapping[str, str]
    uid: int = -1  # of whom a script is run as; -1: as guardian itself
    gid: int = -1
    groups: tuple[int, ...] = ()  # further groups of that user


class Kind(Protocol):
    """One kind of look, for all services."""

    async def look(self, check: HealthSpec, where: Where) -> Finding:
        """Look once. Bounded by whoever calls; may be cancelled, and then leaves nothing behind."""

    def subject(self, check: HealthSpec) -> str:
        """Name what is looked at, for a note."""

    async def close(self) -> None:
        """Give back what is kept between looks."""


def shown(text: str) -> str:
    """Return what a stranger chose as one printable part of a line, cut where it is long."""
    line = printable(text.strip())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def reason(error: BaseException) -> str:
    """Say why something failed: in the system's words where it was the system, else in the error's own."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return _of_tls(cause)
        if isinstance(cause, OSError) and cause.errno in errno.errorcode:
            return os.strerror(cause.errno or 0).lower()
    named = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return shown(named[0] if named else str(error) or type(error).__name__)


def _of_tls(error: ssl.SSLError) -> str:
    """Say what OpenSSL found wrong; its numbers look like the system's and are others."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    named = getattr(error, "reason", None) or str(error)  # one that Python made has no such attribute
    return f"TLS: {shown(named.lower().replace('_', ' '))}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Name an error and what it came from, the groups of anyio unpacked."""
    queue, seen = [error], set()
    for each in queue:
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        queue += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        queue += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
