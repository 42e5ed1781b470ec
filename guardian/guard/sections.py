"""The section of guardian.toml that the loop's rhythm comes from."""

from __future__ import annotations

from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.units import Duration


class MonitorSection(Value):
    """[monitor]: how often the monitor looks."""

    interval: Duration = 10.0  # never later than this; sooner when headroom shrinks
    autostart: bool = True  # `guardian up` keeps one running beside the services
