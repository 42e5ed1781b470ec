"""guardian keeps runaway processes from taking a machine down, and keeps wanted ones up."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.errors import ConfigError as ConfigError
    from guardian.errors import GuardianError as GuardianError
    from guardian.errors import Occupied as Occupied
    from guardian.errors import UsageError as UsageError
    from guardian.manager.config import HealthCheck as HealthCheck
    from guardian.manager.config import ProcessConfig as ProcessConfig
    from guardian.manager.config import ProcessManagerConfig as ProcessManagerConfig
    from guardian.manager.events import ProcessEvent as ProcessEvent
    from guardian.manager.opening import ProcessManager as ProcessManager
    from guardian.manager.opening import connect as connect
    from guardian.manager.results import ProcessLog as ProcessLog
    from guardian.manager.results import ProcessState as ProcessState
    from guardian.manager.results import ProcessStats as ProcessStats

# The Python API, by the module that each name is in. Imported when it is asked for: `guardian run`
# imports this package too, and the manager costs asyncio and msgspec.
_API = {
    **dict.fromkeys(("ConfigError", "GuardianError", "Occupied", "UsageError"), "errors"),
    **dict.fromkeys(("HealthCheck", "ProcessConfig", "ProcessManagerConfig"), "manager.config"),
    **dict.fromkeys(("ProcessLog", "ProcessState", "ProcessStats"), "manager.results"),
    **dict.fromkeys(("ProcessManager", "connect"), "manager.opening"),
    "ProcessEvent": "manager.events",
}


def __getattr__(name: str) -> object:
    """Return a name of the Python API (PEP 562)."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{_API[name]}", fromlist=[name])
    found: object = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return what there is, the Python API included."""
    return sorted({*globals(), *_API})
