"""The edge of the command line: every error becomes one line and a documented exit code."""

from __future__ import annotations

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


def at_the_edge(command: Callable[[], int]) -> int:
    """Run a command; return its exit code, or that of the error that it ended in."""
    try:
        code = command()
        sys.stdout.flush()
    except GuardianError as error:
        return failed(str(error), error.exit_code)
    except BrokenPipeError:
        _let_go_of_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # the system said no where nobody expected it: still one line
        where = f"{error.filename}: " if error.filename else ""
        return failed(f"{where}{error.strerror or error}", OWN_FAILURE)
    except RecursionError as error:
        return failed(f"input nested too deeply: {error}", OWN_FAILURE)
    return code


def failed(message: str, code: int) -> int:
    """Say why on stderr, in one line; return `code`."""
    try:
        print(f"guardian: {printable(message)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody can be told: the exit code has to do
    return code


def _let_go_of_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not fail too."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
