"""What is configured, as one value, and the registry of sections that it is composed of.

Cheap to import: `guardian run` and `guardian status` get their settings from a cache and need
nothing but these classes. A new section is one entry in SECTIONS, and the field of the same name
in Settings that types it.
"""

from __future__ import annotations

from guardian.effects.sections import Alerts, JournalSection
from guardian.guard.sections import MonitorSection
from guardian.policy.limits import Limits, Protect, Rule
from guardian.procs.match import Selector
from guardian.services.spec import HealthSpec, ServiceSpec
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Settings(Value):
    """Everything that guardian.toml, variables and flags decide."""

    limits: Limits = Limits()
    monitor: MonitorSection = MonitorSection()
    rules: tuple[Rule, ...] = ()  # the first that matches a process counts
    protect: Protect = Protect()
    alerts: Alerts = Alerts()
    journal: JournalSection = JournalSection()
    services: tuple[ServiceSpec, ...] = ()
    sources: tuple[str, ...] = ()  # the files that were read, lowest precedence first


class Part(Value):
    """A field of a section that is a value itself, and where its own fields stand as keys."""

    field: str
    shape: type[Value]
    inherits: str = ""  # the plain section that speaks where this table is silent
    below: bool = False  # in a table of their own, [section.NAME.field]; else in the section's table itself


class Section(Value):
    """One table of guardian.toml: the fields of `shape` are its keys, their annotations say what fits."""

    name: str  # of the table and of the field of Settings
    shape: type[Value]
    named: bool = False  # [name.NAME] … becomes a tuple of `shape`, whose field `name` is NAME
    parts: tuple[Part, ...] = ()
    least: tuple[tuple[str, float], ...] = ()  # keys that have a smallest value above 0
    filled: tuple[str, ...] = ()  # lists that must not be empty where they are given
    check: Callable[[Settings], Iterable[tuple[str, str]]] | None = None  # (key, what is wrong) of the whole


def faulty_rules(settings: Settings) -> Iterable[tuple[str, str]]:
    """Yield each rule that says nothing about which processes it means."""
    for rule in settings.rules:
        if rule.selector == Selector():
            yield f"rules.{rule.name}", "says neither names nor command, expected at least one of them"


def faulty_services(settings: Settings) -> Iterable[tuple[str, str]]:
    """Yield whatever is wrong with a service, or with all of them together."""
    from guardian.services.order import wrong_services  # late: settings from the cache were checked

    return wrong_services(settings.services)


SECTIONS = (
    Section("limits", Limits, least=(("cpu_window", 1.0),)),
    Section("monitor", MonitorSection, least=(("interval", 0.1),)),
    Section(
        "rules",
        Rule,
        named=True,
        parts=(Part("selector", Selector), Part("limits", Limits, "limits")),
        least=(("cpu_window", 1.0),),
        filled=("names", "command"),
        check=faulty_rules,
    ),
    Section("protect", Protect),
    Section("alerts", Alerts),
    Section("journal", JournalSection, least=(("max_size", 65536.0),)),
    Section(
        "services",
        ServiceSpec,
        named=True,
        parts=(Part("health", HealthSpec, below=True), Part("ready", HealthSpec, below=True)),
        check=faulty_services,
    ),
)

BUN_TEST = Rule("bun-test", Selector(names=("bun",), command=("*bun test*",)))  # when no file has a rule
DEFAULTS = Settings(rules=(BUN_TEST,))

CLASSES: dict[str, type[Value]] = {"Settings": Settings} | {
    shape.__name__: shape
    for section in SECTIONS
    for shape in (section.shape, *(part.shape for part in section.parts))
}
