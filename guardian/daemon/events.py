"""Events as people read them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(record: Mapping[str, object]) -> str:
    """Say an event in a few words."""
    if record["topic"] != "state":
        return f"{record['topic']}: {record['why']}"
    return f"{record['before']} → {record['after']}: {record['why']}"
