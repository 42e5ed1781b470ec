"""The machine as a whole: memory, load, pressure."""

from __future__ import annotations

import os

from guardian.errors import SeeError
from guardian.values import Value

TYPE_CHECKING = False


class Machine(Value):
    """Memory in bytes, load averages, and memory pressure: the share of time somebody waited, in percent."""

    memory_total: int
    memory_available: int
    swap_total: int
    swap_free: int
    load: tuple[float, float, float]  # over 1, 5 and 15 minutes
    cores: int
    pressure: float | None = None  # PSI some avg10 of memory; None where the kernel does not tell


def parse_meminfo(text: str) -> dict[str, int]:
    """Return the numbers of /proc/meminfo in bytes (proc(5)); lines that are none are left out."""
    result = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            result[name] = int(words[0]) * 1024
    return result


def parse_pressure(text: str) -> float | None:
    """Return `some avg10` of a pressure file in percent (kernel: accounting/psi.rst)."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "some":
            numbers = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            return float(numbers["avg10"]) if "avg10" in numbers else None
    return None


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _read_linux(root: str) -> Machine:
    memory = parse_meminfo(_text(f"{root}/meminfo"))
    try:
        pressure = parse_pressure(_text(f"{root}/pressure/memory"))
    except OSError:
        pressure = None  # a kernel without PSI, or with it switched off
    return Machine(
        memory_total=memory["MemTotal"],
        memory_available=memory.get("MemAvailable", memory.get("MemFree", 0)),
        swap_total=memory.get("SwapTotal", 0),
        swap_free=memory.get("SwapFree", 0),
        load=os.getloadavg(),
        cores=os.cpu_count() or 1,
        pressure=pressure,
    )


def _read_portable() -> Machine:
    import psutil  # late: only where there is no /proc

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Machine(
        memory_total=memory.total,
        memory_available=memory.available,
        swap_total=swap.total,
        swap_free=swap.free,
        load=os.getloadavg(),
        cores=os.cpu_count() or 1,
    )


def look_at_machine(root: str = "/proc") -> Machine:
    """Return the machine's memory, load and pressure now; SeeError when they cannot be read."""
    try:
        return _read_linux(root) if os.path.exists(f"{root}/meminfo") else _read_portable()
    except (OSError, KeyError, ValueError) as error:
        raise SeeError(f"cannot read the machine's memory and load: {error}") from None
