"""Which variables of the environment are settings: GUARDIAN_<SECTION>_<KEY>.

Others that begin with GUARDIAN_ (GUARDIAN_CONFIG, GUARDIAN_STATE_DIR, GUARDIAN_RUN_ID, …) are not.
"""

from __future__ import annotations

from guardian.config.settings import SECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "GUARDIAN_"
_PREFIXES = tuple(f"{PREFIX}{section.name.upper()}_" for section in SECTIONS)


def variable_of(section: str, key: str) -> str:
    """Return the name of the variable that sets a key of a plain section."""
    return f"{PREFIX}{section}_{key}".upper()


def given(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that are meant as settings, sorted; an empty one counts as not set."""
    names = sorted(name for name in environ if name.startswith(_PREFIXES))
    return tuple((name, environ[name]) for name in names if environ[name])
