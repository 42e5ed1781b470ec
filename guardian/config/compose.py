"""Make settings out of the layers, and check what no layer can check by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.config import kinds, layers, tables
from guardian.config import settings as registry
from guardian.config.document import read_document
from guardian.errors import ConfigError
from guardian.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from guardian.config.document import Document
    from guardian.config.kinds import Key
    from guardian.config.layers import Entry, Layer
    from guardian.config.load import Request
    from guardian.config.settings import Part, Section, Settings
    from guardian.config.tables import Path

    Said = Mapping[Path, dict[str, object]]  # the values of each table, by its path


class Composed(Value):
    """The settings in force, and every key that was said, the highest precedence first."""

    settings: Settings
    entries: Mapping[Path, Entry]


def compose(request: Request) -> Composed:
    """Read and check every layer and put them together; ConfigError for the first thing that is wrong."""
    documents = [read_document(path) for path in request.places.files]
    extra = [layers.from_variables(request.variables), layers.from_flags(request.flags)]
    return compose_documents(documents, extra, allow_everything=request.allow_everything)


def compose_documents(
    documents: list[Document], extra: Iterable[Layer] = (), *, allow_everything: bool = False
) -> Composed:
    """Put documents, and above them further layers, together; both lowest precedence first."""
    said = [*map(layers.from_document, documents), *extra]
    entries = layers.merged(reversed([layers.built_in(said), *said]))
    for path, message in _missing(entries):
        raise _fault(entries, documents, path, message)
    composed = Composed(_settings(entries, tuple(document.path for document in documents)), entries)
    for dotted, message in _problems(composed.settings, allow_everything=allow_everything):
        raise _fault(entries, documents, tuple(dotted.split(".")), message)
    return composed


def _settings(entries: Mapping[Path, Entry], sources: tuple[str, ...]) -> Settings:
    said: dict[Path, dict[str, object]] = {}
    for path, entry in entries.items():
        said.setdefault(path[:-1], {})[path[-1]] = entry.value
    made: dict[str, object] = {"sources": sources}
    # in the order of the registry: a part inherits from a section that stands before its own
    for section in registry.SECTIONS:
        if section.named:
            named = said.get((section.name,), {})
            made[section.name] = tuple([_value(section, said, made, name) for name in named])
        else:
            made[section.name] = _value(section, said, made)
    return registry.Settings(**made)  # type: ignore[arg-type]


def _value(section: Section, said: Said, made: Mapping[str, object], name: str = "") -> Value:
    """Make the value of one table out of what was said under its path."""
    above = (section.name, name) if name else (section.name,)
    own = dict(said.get(above, {}))
    fields: dict[str, object] = {"name": name} if name else {}
    for part in section.parts:
        if part.below:
            fields |= _part(part, said.get((*above, part.field), {}), made)
        else:
            keys = {key: own.pop(key) for key in part.shape._fields if key in own}
            fields |= _part(part, keys, made)
    return section.shape(**fields, **own)


def _part(part: Part, keys: dict[str, object], made: Mapping[str, object]) -> dict[str, Value]:
    base = made.get(part.inherits)
    if isinstance(base, Value):
        return {part.field: base.replace(**keys)}
    return {part.field: part.shape(**keys)} if keys or not part.below else {}


def _problems(settings: Settings, *, allow_everything: bool) -> Iterator[tuple[str, str]]:
    """Yield key and words for what each key allows and all together do not."""
    for section in registry.SECTIONS:
        if section.check:
            yield from section.check(settings)
    for rule in settings.rules:
        if rule.selector.matches_everything and not allow_everything:
            yield (
                f"rules.{rule.name}",
                "matches every process, expected a pattern that some do not fit",
            )


def _missing(entries: Mapping[Path, Entry]) -> Iterator[tuple[Path, str]]:
    """Yield the tables that are there and lack a key that has no default."""
    there = {path[:-1] for path in entries}.union(entries)
    for section in registry.SECTIONS:
        names = [path[1] for path in there if len(path) == 2 and path[0] == section.name]
        for name in names if section.named else [""]:
            for path, key in tables.leaves(section, name):
                if key.required and path[:-1] in there and path not in entries:
                    yield path[:-1], f"says no {path[-1]}, expected {kinds.expected(key.kind)}"


def _fault(
    entries: Mapping[Path, Entry], documents: Iterable[Document], path: Path, message: str
) -> ConfigError:
    origin = next((entry.origin for said, entry in entries.items() if said[: len(path)] == path), "")
    document = next((each for each in documents if each.path == origin), None)
    return document.fault(path, message) if document else ConfigError(message, key=".".join(path))


def in_force(composed: Composed) -> Iterator[tuple[Path, Key, Entry]]:
    """Yield every key, what it may be, and its value in force with where that came from."""
    for section in registry.SECTIONS:
        value = getattr(composed.settings, section.name)
        for each in value if section.named else (value,):
            for path, key in tables.leaves(section, each.name if section.named else ""):
                inner = path[2:] if section.named else path[1:]
                origin = _origin(composed.entries, section, path)
                yield path, key, layers.Entry(_looked_up(section, each, inner), origin)


def _looked_up(section: Section, value: Value, inner: Path) -> object:
    """Return what the value of a table holds for one of its keys."""
    for part in section.parts:
        if part.below and inner[0] == part.field:
            return getattr(getattr(value, part.field, None), inner[-1], None)
        if not part.below and inner[0] in part.shape._fields:
            return getattr(getattr(value, part.field), inner[0])
    return getattr(value, inner[0])


def _origin(entries: Mapping[Path, Entry], section: Section, path: Path) -> str:
    """Return where a key's value came from; what a table inherits came from where that was said."""
    inherited = [part.inherits for part in section.parts if part.inherits and path[-1] in part.shape._fields]
    said = [entries[each] for each in (path, *((name, path[-1]) for name in inherited)) if each in entries]
    return said[0].origin if said else layers.BUILT_IN
