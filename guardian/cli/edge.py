"""The edge of the command line: every error becomes one line and a documented exit code."""

from __future__ import annotations

import errno
import os
import sys

from guardian.errors import GuardianError
from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE: whoever read our output has gone
OWN_FAILURE = 125
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def at_the_edge(command: Callable[[], int]) -> int:
    """Run a command; return its exit code, or that of the error that it ended in."""
    _have_standard_streams()
    code = _ran(command)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            _let_go_of(number)  # told already, or nobody is there to be told
    return code


def _ran(command: Callable[[], int]) -> int:
    try:
        code = command()
        sys.stdout.flush()
    except GuardianError as error:
        return failed(str(error), error.exit_code)
    except BrokenPipeError:
        _let_go_of(1)
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # the system said no where nobody expected it: still one line
        return failed(f"{_where(error)}{error.strerror or error}", OWN_FAILURE)
    except RecursionError as error:
        return failed(f"input nested too deeply: {error}", OWN_FAILURE)
    return code


def _where(error: OSError) -> str:
    """Return what the system said no to, as far as it tells."""
    if error.filename:
        return f"{os.fsdecode(error.filename)}: "
    return "cannot write the output: " if error.errno in UNWRITABLE else ""


def failed(message: str, code: int) -> int:
    """Say why on stderr, in one line; return `code`."""
    say(printable(message))
    return code


def say(line: str) -> None:
    """Tell a person on stderr something that is no result; where nobody can be told, go on all the same."""
    try:
        print(f"guardian: {line}", file=sys.stderr, flush=True)
    except OSError:
        _let_go_of(2)


def _have_standard_streams() -> None:
    """Open nothing where a standard descriptor is closed: else the next file to be opened gets our output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _let_go_of(number: int) -> None:
    """Point a standard descriptor at nothing, so that the interpreter's last flush does not fail too."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
