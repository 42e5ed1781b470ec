"""supervisord's dialect of ini: sections, files to include, and %(…)s that are filled in.

As supervisord 4 reads it (supervisord.org, "Configuration File"): `;` and `#` after a blank begin a
comment, option names are in any case, files that are included include nothing themselves.
"""

from __future__ import annotations

import configparser
import glob
import os
import platform
import re
from itertools import islice
from typing import TYPE_CHECKING

from guardian.config import words
from guardian.config.document import read_text
from guardian.config.importers.source import Source
from guardian.procs.printable import printable
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INCLUDE = "include"
_MOST_FILES = 200
_TOO_WIDE = re.compile(r"[^\S\n]{501}")  # the parser of Python takes quadratic time for them
_HOLE = re.compile(r"%(?:(%)|\((\w+)\)(0?\d{0,2})([sd]))?")


class Section(Value):
    """One section, as it was written, and the file that it stands in."""

    name: str
    keys: Mapping[str, str]
    source: Source

    def at(self, key: str) -> str:
        """Return how a message names a key of this section."""
        return f"[{self.name}] {key}"

    def filled(self, key: str, names: Mapping[str, str | int]) -> str:
        """Return the value of a key with every %(name)s filled in; ConfigError for one that is not known.

        `names` are those besides here, host_node_name and the variables of the environment.
        """
        return _HOLE.sub(lambda hole: self._filled(key, hole, names), self.keys[key])

    def _filled(self, key: str, hole: re.Match[str], names: Mapping[str, str | int]) -> str:
        percent, name, width, form = hole.groups()
        if percent:
            return "%"
        if not name:
            raise self.source.fault(self.at(key), "found a lone %, expected %(NAME)s, or %% for the sign")
        value = self._named(key, name, names)
        if form == "s":
            return str(value).rjust(int(width or 0))
        if not isinstance(value, int):
            raise self.source.fault(self.at(key), f"found %({name})d, but that is no number")
        return f"{value:{width}d}"

    def _named(self, key: str, name: str, names: Mapping[str, str | int]) -> str | int:
        variable = name.removeprefix("ENV_")
        if variable != name and variable in self.source.environ:
            self.source.note(self.at(key), f"%({name})s is what {variable} is here and now")
            return self.source.environ[variable]
        known = {**names, "here": self.source.folder, "host_node_name": platform.node()}
        if name not in known:
            hint = f"{variable} is not set here" if variable != name else words.unknown(name, known)
            raise self.source.fault(self.at(key), f"found %({name})s: {hint}")
        return known[name]


def read_sections(source: Source) -> list[Section]:
    """Return the sections of a file and of those that it includes; ConfigError for what is wrong."""
    sections = _parsed(source)
    for section in [each for each in sections if each.name == INCLUDE]:
        for included in _included(section):
            inner = _parsed(included)
            if any(each.name == INCLUDE for each in inner):
                where = printable(included.path)
                source.note("[include]", f"{where} is included itself, and includes nothing more; left out")
            sections += [each for each in inner if each.name != INCLUDE]
    seen: set[str] = set()
    for section in sections:
        if section.name in seen:
            raise section.source.fault(f"[{section.name}]", "is there twice, in different files")
        seen.add(section.name)
    return [section for section in sections if section.name != INCLUDE]


def _parsed(source: Source) -> list[Section]:
    if _TOO_WIDE.search(source.text):
        raise source.fault("", "holds more than 500 blanks in a row, expected a configuration")
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(source.text)
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as error:
        key = f"[{error.section}]" + (f" {error.option}" if hasattr(error, "option") else "")
        raise source.fault(key, "is there twice", line=error.lineno or 0) from None
    except configparser.MissingSectionHeaderError as error:
        message = f"found {words.shown(error.line.strip())}, expected a [section] above it"
        raise source.fault("", message, line=error.lineno) from None
    except configparser.ParsingError as error:
        line = error.errors[0][0]
        raise source.fault("", "expected [section], or KEY=VALUE", line=line) from None
    return [Section(name, dict(parser.items(name)), source) for name in parser.sections()]


def _included(section: Section) -> Iterator[Source]:
    """Yield the files that fit the globs, each once."""
    if "files" not in section.keys:
        raise section.source.fault("[include]", "says no files")
    seen = {os.path.realpath(section.source.path)}
    for pattern in section.filled("files", {}).split():
        fitting = glob.iglob(os.path.join(glob.escape(section.source.folder), pattern))
        found = sorted(islice(fitting, _MOST_FILES + 1))
        if not found:
            section.source.note(section.at("files"), f"{pattern} fits no file")
        for path in found:
            if os.path.realpath(path) in seen:
                continue
            seen.add(os.path.realpath(path))
            if len(seen) > _MOST_FILES:
                message = f"means more than {_MOST_FILES} files, expected fewer"
                raise section.source.fault(section.at("files"), message)
            yield section.source.beside(path, read_text(path, from_anyone=True))


_KEY = re.compile(r"""\s*([^\s=,"']+)\s*=\s*""")
_VALUE = re.compile(r"""("[^"]*"|'[^']*')\s*|[^,"']*""")  # nothing in it can fit in two ways: linear


def pairs(value: str) -> dict[str, str] | None:
    """Read `KEY="a,b",OTHER=c`; None where it is not that."""
    result: dict[str, str] = {}
    rest, place = value.rstrip(), 0
    while place < len(rest):
        key = _KEY.match(rest, place)
        content = _VALUE.match(rest, key.end()) if key else None
        if key is None or content is None:
            return None
        result[key[1]] = content[1][1:-1] if content[1] else content[0].strip()
        place = content.end() + 1
        if rest[content.end() : place] not in ("", ","):
            return None
    return result
