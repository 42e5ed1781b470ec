"""Waiting for what real processes do, with a deadline and without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    predicate: Callable[[], T], deadline: float = 20.0, *, what: str = "", every: float = 0.01
) -> T:
    """Return the first true answer of `predicate`; AssertionError naming `what` after `deadline` seconds.

    For tests/real/ and tests/bench/ only, and only where there is no event to wait for.
    """
    end = time.monotonic() + deadline
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain: {what or predicate.__qualname__}")
        time.sleep(every)
