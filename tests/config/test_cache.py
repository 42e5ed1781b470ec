"""The cache of checked settings: quick where nothing has changed, and never believed when odd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from place import Place

from guardian.config import cache
from guardian.config.settings import CLASSES, DEFAULTS, Settings
from guardian.errors import ConfigError
from guardian.policy.limits import Limits

ROOT = Path(__file__).parents[2]
PATIENCE = 100_000


def kept(place: Place) -> list[Path]:
    """Return the files in the cache."""
    return sorted(place.cache.iterdir()) if place.cache.exists() else []


def load_until_kept(place: Place) -> Settings:
    """Load until the files are old enough to be kept: a tenth of a second after they were written."""
    for _ in range(PATIENCE):
        settings = place.load()
        if kept(place):
            return settings
    raise AssertionError("nothing was kept")


def replace_kept(place: Place, timeout: float) -> None:
    """Put other settings into the cache under the same key, so that a hit shows."""
    (path,) = kept(place)
    data = path.read_bytes()
    size = int.from_bytes(data[8:12], "little")
    slot = cache.Slot(str(place.cache), path.name, data[12 : 12 + size])
    cache.store(slot, cache.pack(DEFAULTS.replace(limits=Limits(timeout=timeout))))


def test_a_hit_needs_no_file(place: Place) -> None:
    """What was checked once is not read again while the file stays what it was (P12)."""
    place.write('[limits]\ntimeout = "1s"')
    assert load_until_kept(place).limits.timeout == 1.0
    replace_kept(place, 42.0)
    assert place.load().limits.timeout == 42.0


def test_what_is_kept_comes_back_as_it_was(place: Place) -> None:
    """A hit and a miss give equal settings, types included."""
    place.write((ROOT / "guardian.toml").read_text())
    made = load_until_kept(place)
    again = place.load()
    assert (again, repr(again)) == (made, repr(made))
    assert [type(value) for value in again.limits.astuple()] == [
        type(value) for value in made.limits.astuple()
    ]


def test_every_change_is_seen(place: Place) -> None:
    """A file that is changed, replaced, added nearer, added above or removed is never missed."""
    below = place.project / "below"
    below.mkdir()
    place.write('[limits]\ntimeout = "1s"')
    for _ in range(PATIENCE):
        assert place.load(cwd=below).limits.timeout == 1.0
        if kept(place):
            break
    replace_kept(place, 42.0)
    assert place.load(cwd=below).limits.timeout == 42.0
    place.write('[limits]\ntimeout = "2s"')  # same size, perhaps the same tick
    assert place.load(cwd=below).limits.timeout == 2.0
    other = place.project / "other"
    other.write_text('[limits]\ntimeout = "3s"')
    other.replace(place.file)
    assert place.load(cwd=below).limits.timeout == 3.0
    place.write_user('[limits]\ngrace = "4s"')
    assert place.load(cwd=below).limits == Limits(timeout=3.0, grace=4.0)
    (below / "guardian.toml").write_text('[limits]\ntimeout = "5s"')
    assert place.load(cwd=below).limits == Limits(timeout=5.0, grace=4.0)
    (below / "guardian.toml").unlink()
    place.file.unlink()
    place.user_file.unlink()
    assert place.load(cwd=below) == DEFAULTS


def test_a_change_of_rights_is_seen(place: Place, needs_root: None) -> None:
    """A file that was good and may now be written by others is refused, cache or not (P2)."""
    place.write("")
    load_until_kept(place)
    place.file.chmod(0o666)
    with pytest.raises(ConfigError, match="may be written by others"):
        place.load()


def test_variables_flags_and_rights_have_their_own(place: Place) -> None:
    """What else decides belongs to the key: no answer is given to another question."""
    place.write('[rules.x]\nnames = ["*"]')
    for _ in range(PATIENCE):
        place.load(allow_everything=True)
        if kept(place):
            break
    with pytest.raises(ConfigError, match="matches every process"):
        place.load()
    place.write('[limits]\ntimeout = "1s"')
    load_until_kept(place)
    assert place.load(limits__timeout="2s").limits.timeout == 2.0
    assert place.load(limits__max_concurrent=1).limits.max_concurrent == 1
    with pytest.raises(ConfigError):
        place.load(limits__max_concurrent=True)  # True == 1, and is no number here
    place.environ["GUARDIAN_LIMITS_TIMEOUT"] = "3s"
    assert place.load().limits.timeout == 3.0


def test_a_file_of_this_moment_is_not_kept(place: Place) -> None:
    """A file that could change once more without showing it is checked again."""
    second, now = 10**9, 10**18 + 1
    assert cache.settled([None, (now - second, now - second, 1, 1)], now)
    assert not cache.settled([(now - second, now - second // 1000, 1, 1)], now)
    assert not cache.settled([(now + second, 0, 1, 1)], now)
    assert not cache.settled([(now - 1 - second, 0, 1, 1)], now), "its times may be told in seconds only"
    assert cache.settled([(now - 1 - 3 * second, 0, 1, 1)], now)


def torn(path: Path) -> None:
    """Cut the file off."""
    path.write_bytes(path.read_bytes()[:-3])


def flipped(path: Path) -> None:
    """Turn one bit near the end over."""
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def emptied(path: Path) -> None:
    """Leave nothing."""
    path.write_bytes(b"")


def opened(path: Path) -> None:
    """Let others write it."""
    path.chmod(0o622)


def opened_above(path: Path) -> None:
    """Let others write the folder."""
    path.parent.chmod(0o770)


def linked(path: Path) -> None:
    """Put a link where the file was."""
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def foreign(path: Path) -> None:
    """Let it belong to somebody else."""
    os.chown(path, 65534, 65534)


def foreign_above(path: Path) -> None:
    """Let the folder belong to somebody else."""
    os.chown(path.parent, 65534, 65534)


@pytest.mark.parametrize(
    "spoil", [torn, flipped, emptied, opened, opened_above, linked, foreign, foreign_above]
)
def test_what_is_odd_is_not_believed(place: Place, spoil: object) -> None:
    """A cache that is torn, or that somebody else could have written, is as good as none (P2, P9)."""
    assert callable(spoil)
    if spoil in (foreign, foreign_above) and os.geteuid() != 0:
        pytest.skip("needs root")
    place.write('[limits]\ntimeout = "1s"')
    load_until_kept(place)
    replace_kept(place, 42.0)
    spoil(next(path for path in kept(place) if not path.is_symlink()))
    assert place.load().limits.timeout == 1.0


def test_what_is_odd_is_written_anew(place: Place) -> None:
    """A torn file is replaced by the next load, and then answers again."""
    place.write('[limits]\ntimeout = "1s"')
    load_until_kept(place)
    torn(kept(place)[0])
    place.load()
    replace_kept(place, 42.0)
    assert place.load().limits.timeout == 42.0


def test_only_the_user_may_look_into_it(place: Place) -> None:
    """The folder is made 0700, the file 0600 (P9)."""
    place.write("")
    load_until_kept(place)
    (path,) = kept(place)
    assert path.stat().st_mode & 0o777 == 0o600
    assert place.cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_no_cache_is_no_error(place: Place, below: str) -> None:
    """Where nothing can be kept, settings are read each time, in silence (P11)."""
    blocker = place.project / "blocker"
    blocker.write_text("")
    place.environ["GUARDIAN_CACHE_DIR"] = str(blocker / below)
    place.write('[limits]\ntimeout = "1s"')
    for _ in range(3):
        assert place.load().limits.timeout == 1.0
    assert blocker.read_text() == ""


def test_no_home_is_no_error(place: Place) -> None:
    """Where there is no home (HOME=/ is one), the project's file is all there is."""
    place.write('[limits]\ntimeout = "1s"')
    place.environ = {"HOME": "relative", "XDG_CACHE_HOME": "relative"}
    assert place.load().limits.timeout == 1.0


def test_the_cache_stays_small(place: Place) -> None:
    """However many folders guardian is called in, the cache has a bounded number of files (P12)."""
    slots = {slot.name for number in range(5000) if (slot := cache.slot("/c", place=number, key=()))}
    assert len(slots) == cache.SLOTS
    assert cache.slot("", place=1, key=()) is None
    assert cache.slot("/c", place=object(), key=()) is None


def test_packing_loses_nothing() -> None:
    """Settings come back from the primitives that are kept."""
    assert cache.unpack(cache.pack(DEFAULTS), CLASSES) == DEFAULTS


def test_a_hit_is_light(place: Place) -> None:
    """`guardian run` gets its settings without msgspec, tomllib, json, re or typing (P12)."""
    place.write((ROOT / "guardian.toml").read_text())
    load_until_kept(place)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules)\n"
        "from guardian.config.load import load_settings\n"
        f"s = load_settings(environ={place.environ!r}, cwd={str(place.project)!r})\n"
        "assert s.rules[0].name == 'bun', s\n"
        "new = sorted(set(sys.modules) - before)\n"
        "print('[' + ', '.join('\"' + name + '\"' for name in new) + ']')"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "typing",
        "re",
        "json",
        "tomllib",
        "msgspec",
        "tomlkit",
        "dataclasses",
        "functools",
        "difflib",
        "datetime",
    }
    assert not {name for name in json.loads(done.stdout) if name.split(".")[0] in heavy}
