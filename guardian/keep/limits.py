"""How many files may be open: many for guardian, as many as before for what it starts (getrlimit(2))."""

from __future__ import annotations

import resource

AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)  # of this process and of those that it forks


def allow_many_files() -> None:
    """Raise our soft limit as far as it goes: a service takes two of the keeper's, six of the brain's."""
    hard = AT_START[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def allow_as_before() -> None:
    """Give this process, a child just before exec, the limit that guardian was started with."""
    resource.setrlimit(resource.RLIMIT_NOFILE, AT_START)
