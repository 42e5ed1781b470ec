"""supervisord's ini: [program:NAME], [group:NAME], and what [supervisord] says for all of them.

Keys, defaults and units are those of supervisord 4 (supervisord.org, "Configuration File").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.importers.ini import read_sections
from guardian.config.importers.services import Services, plain_name
from guardian.config.importers.supervisord_programs import environment, processes, say_unsaid

if TYPE_CHECKING:
    from guardian.config.importers.ini import Section
    from guardian.config.importers.source import Source, Tables

PROGRAM, GROUP, ALL = "program:", "group:", "supervisord"
_OF_ITS_OWN = ("unix_http_server", "inet_http_server", "supervisorctl", "rpcinterface:", "ctlplugin:")
_ELSEWHERE = ("eventlistener:", "fcgi-program:")
_SIGN = re.compile(r"^\[(program:[^\]]+|supervisord)\]", re.MULTILINE)


def recognises(text: str) -> bool:
    """Whether a text looks like this format."""
    return _SIGN.search(text) is not None


def read(source: Source, base: str) -> Tables:
    """Return our tables for the foreign file; ConfigError names file, section and key of what is wrong."""
    services, sections = Services(source, base), read_sections(source)
    shared = _for_all(sections)
    groups = _groups(sections)
    for section in sections:
        if section.name.startswith(PROGRAM):
            own = groups.get(section.name.removeprefix(PROGRAM).strip(), [])
            for name, table in processes(section, shared, own):
                services.add(f"[{section.name}]", name, table)
        else:
            _tell(section)
    return services.tables()


def _for_all(sections: list[Section]) -> dict[str, object]:
    """Return what [supervisord] says for every program."""
    for section in sections:
        if section.name == ALL:
            said: dict[str, object] = {"env": environment(section, {})}
            for key, own in (("directory", "cwd"), ("umask", "umask")):
                if key in section.keys:
                    said[own] = section.filled(key, {})
            return said
    return {}


def _groups(sections: list[Section]) -> dict[str, list[str]]:
    """Return the groups of each program."""
    programs = {each.name.removeprefix(PROGRAM).strip() for each in sections if each.name.startswith(PROGRAM)}
    result: dict[str, list[str]] = {}
    for section in sections:
        if not section.name.startswith(GROUP):
            continue
        group = plain_name(section.source, f"[{section.name}]", section.name.removeprefix(GROUP).strip())
        for program in _members(section):
            if program not in programs:
                raise section.source.fault(section.at("programs"), words.unknown(program, sorted(programs)))
            result.setdefault(program, []).append(group)
    return result


def _members(section: Section) -> list[str]:
    for key in section.keys:
        if key not in ("programs", "priority"):
            raise section.source.fault(section.at(key), words.unknown(key, ("programs", "priority")))
    say_unsaid(section)
    if "programs" not in section.keys:
        raise section.source.fault(f"[{section.name}]", "says no programs")
    return [each.strip() for each in section.filled("programs", {}).split(",") if each.strip()]


def _tell(section: Section) -> None:
    """Note a section that describes no service; ConfigError for one that supervisord does not have."""
    name, keys = section.name, sorted(section.keys.keys() - {"environment", "directory", "umask"})
    if name == ALL:
        if keys:
            section.source.note("[supervisord]", f"{', '.join(keys)}: about supervisord itself; left out")
    elif name.startswith(_OF_ITS_OWN):
        section.source.note(f"[{name}]", "is about supervisord itself; left out")
    elif name.startswith(_ELSEWHERE):
        section.source.note(f"[{name}]", "is of a kind that guardian does not have; left out")
    elif not name.startswith(GROUP):
        known = [*(each.rstrip(":") for each in (PROGRAM, GROUP, *_OF_ITS_OWN, *_ELSEWHERE)), ALL, "include"]
        raise section.source.fault(f"[{name}]", words.unknown(name.partition(":")[0], known))
