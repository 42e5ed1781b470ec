"""The limits of one run, and how flags, a rule and [limits] decide them. Pure."""

from __future__ import annotations

from guardian.policy.limits import Limits
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from guardian.policy.limits import Rule
    from guardian.units import Duration, Percent, Size


class Bounds(Value):
    """What the tree of one run may use; 0 means no limit."""

    timeout: Duration = 0.0  # wall clock, without the time that the job was stopped
    spare_foreground: bool = False  # no timeout as long as a terminal has the command in its foreground
    idle_timeout: Duration = 0.0  # without output and without CPU
    cpu_time: Duration = 0.0  # seconds of CPU, the dead included
    memory: Size = 0  # bytes of all processes, shared pages once
    cpu: Percent = 0.0  # of one core, over all of cpu_window
    cpu_window: Duration = 60.0
    cpu_when: Literal["spinning", "always"] = "always"  # spinning: only if nothing was read or written
    max_procs: int = 0
    max_output: Size = 0  # bytes on stdout and stderr together


class Terms(Value):
    """Under which limits a command runs, and where those came from that no flag gave."""

    rule: str  # name of the rule that matched, empty: none
    bounds: Bounds
    grace: Duration
    max_concurrent: int
    sources: Mapping[str, str] = {}  # name of a bound → a few words for a person


_KEYS = {"timeout": "timeout", "memory": "max_memory", "cpu": "max_cpu"}  # of Bounds → of Limits


def matching_rule(command: Sequence[str], rules: Iterable[Rule], *, named: str = "") -> Rule | None:
    """Return the rule of that name, or the first that this command would match once it runs."""
    name = command[0].rpartition("/")[2]
    for rule in rules:
        if rule.name == named if named else rule.selector.matches(name, tuple(command)):
            return rule
    return None


def terms(given: Mapping[str, object], limits: Limits, rule: Rule | None) -> Terms:
    """Return what `given` flags leave to the rule, and the rule to `[limits]`."""
    own = rule.limits if rule is not None else limits
    table = f"[rules.{rule.name}]" if rule is not None else "[limits]"
    bounds = Bounds(
        timeout=own.timeout,
        spare_foreground=own.spare_foreground and "timeout" not in given,
        memory=own.max_memory,
        cpu=own.max_cpu,
        cpu_window=own.cpu_window,
        cpu_when="always" if "cpu" in given else own.cpu_when,
    )
    return Terms(
        rule=rule.name if rule is not None else "",
        bounds=bounds.replace(**{name: value for name, value in given.items() if name in Bounds._fields}),
        grace=_number(given.get("grace", own.grace)),
        max_concurrent=int(_number(given.get("max_concurrent", own.max_concurrent))),
        sources={name: _source(own, table, name) for name in _KEYS if name not in given},
    )


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return value


def _source(limits: Limits, table: str, name: str) -> str:
    """Say where a limit came from, and where it can be changed."""
    key, flag = _KEYS[name], f"--{name.replace('_', '-')}"
    default = "default; " if getattr(limits, key) == getattr(Limits(), key) else ""
    return f"{default}{table} {key} or {flag}"
