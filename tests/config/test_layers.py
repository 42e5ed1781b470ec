"""Which of the layers speaks: built-in < user file < project file < variables < flags."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from place import Place

from guardian.config.compose import compose, in_force
from guardian.config.load import requested
from guardian.config.settings import BUN_TEST, DEFAULTS, Settings
from guardian.errors import ConfigError
from guardian.policy.limits import Limits
from guardian.procs.match import Selector


def test_nothing_said_is_the_built_in_rule(place: Place) -> None:
    """Without any file guardian looks after `bun test`, with the limits of the documentation."""
    settings = place.load()
    assert settings == DEFAULTS == Settings(rules=(BUN_TEST,))
    assert settings.rules[0].selector.matches("bun", ("/usr/bin/bun", "test", "--watch"))
    assert not settings.rules[0].selector.matches("bun", ("bun", "run", "server.ts"))
    assert settings.rules[0].limits == Limits()
    assert settings.sources == ()


def test_an_empty_file_says_nothing(place: Place) -> None:
    """A file without a rule leaves the built-in one."""
    place.write("")
    assert place.load() == DEFAULTS.replace(sources=(str(place.file),))


@pytest.mark.parametrize("layers", range(6))
def test_each_layer_speaks_before_those_below(place: Place, layers: int) -> None:
    """Flags go before variables, before the project's file, before the user's, before what is built in."""
    flags: dict[str, object] = {}
    if layers > 0:
        place.write_user('[limits]\ntimeout = "1s"')
    if layers > 1:
        place.write('[limits]\ntimeout = "2s"')
    if layers > 2:
        place.environ["GUARDIAN_LIMITS_TIMEOUT"] = "3s"
    if layers > 3:
        flags = {"limits__timeout": "4s"}
    if layers > 4:
        flags = {"limits__timeout": 5}
    assert place.load(**flags).limits.timeout == [300.0, 1.0, 2.0, 3.0, 4.0, 5.0][layers]


def test_sections_merge_key_by_key(place: Place) -> None:
    """What the project's file does not say, the user's file says."""
    place.write_user('[limits]\ntimeout = "1s"\ngrace = "2s"\n[protect]\nnames = ["a"]')
    place.write('[limits]\ntimeout = "3s"\n[protect]\ncommand = ["* b"]')
    settings = place.load()
    assert (settings.limits.timeout, settings.limits.grace) == (3.0, 2.0)
    assert (settings.protect.names, settings.protect.command) == (("a",), ("* b",))
    assert settings.sources == (str(place.user_file), str(place.file))


def test_rules_merge_by_name(place: Place) -> None:
    """A rule of both files has the keys of both; the project's go first, and are looked at first."""
    place.write_user('[rules.mine]\nnames = ["m"]\n[rules.both]\nnames = ["b"]\nvictims = "newest"')
    place.write('[rules.here]\nnames = ["h"]\n[rules.both]\nnames = ["c"]\ntimeout = "1s"')
    rules = place.load().rules
    assert [rule.name for rule in rules] == ["here", "both", "mine"]
    assert rules[1].selector == Selector(("c",))
    assert (rules[1].victims, rules[1].limits.timeout) == ("newest", 1.0)


def test_a_rule_inherits_what_it_does_not_say(place: Place) -> None:
    """[limits] of any layer holds for every rule, but where the rule has its own."""
    place.write('[rules.x]\nnames = ["x"]\ntimeout = "1s"\n[limits]\ntimeout = "2s"\ngrace = "3s"')
    place.environ["GUARDIAN_LIMITS_MAX_MEMORY"] = "5MB"
    rule = place.load().rules[0]
    assert rule.limits == Limits(timeout=1.0, grace=3.0, max_memory=5 << 20)


def test_a_rule_of_ones_own_replaces_the_built_in(place: Place) -> None:
    """As soon as a file has a rule, only rules of files apply; one named bun-test adds to the built-in."""
    place.write('[rules.x]\nnames = ["x"]')
    assert [rule.name for rule in place.load().rules] == ["x"]
    place.write('[rules.bun-test]\ntimeout = "1s"')
    assert place.load().rules == (BUN_TEST.replace(limits=Limits(timeout=1.0)),)


def test_the_nearest_project_file_counts(place: Place) -> None:
    """The search goes from the working directory upwards and ends at the first file."""
    place.write('[limits]\ntimeout = "1s"\ngrace = "1s"')
    below = place.project / "a" / "b"
    below.mkdir(parents=True)
    assert place.load(cwd=below).limits.timeout == 1.0
    (place.project / "a" / "guardian.toml").write_text('[limits]\ntimeout = "2s"')
    assert place.load(cwd=below).limits == Limits(timeout=2.0)


def test_the_users_file_is_no_project(place: Place) -> None:
    """In the folder of the user's file, that file is read once, and the search goes on upwards."""
    place.write_user('[limits]\ntimeout = "1s"')
    (place.home / "guardian.toml").write_text('[limits]\ngrace = "2s"')
    settings = place.load(cwd=place.user_file.parent)
    assert settings.limits == Limits(timeout=1.0, grace=2.0)
    assert settings.sources == (str(place.user_file), str(place.home / "guardian.toml"))


def test_one_named_file_is_the_only_one(place: Place) -> None:
    """GUARDIAN_CONFIG names the one file: neither the user's nor the project's is read."""
    place.write_user("[limits]\nwrong = 1")
    place.write("[limits]\nwrong = 1")
    other = place.project / "other.toml"
    other.write_text('[limits]\ntimeout = "7s"')
    for name in (str(other), "other.toml"):
        place.environ["GUARDIAN_CONFIG"] = name
        assert place.load().limits.timeout == 7.0
        assert place.load().sources == (str(other),)


def test_no_file_can_be_named(place: Place) -> None:
    """GUARDIAN_CONFIG=/dev/null means: read no file."""
    place.write("[limits]\nwrong = 1")
    place.environ["GUARDIAN_CONFIG"] = os.devnull
    assert place.load() == DEFAULTS.replace(sources=(os.devnull,))


def test_a_named_file_must_exist(place: Place) -> None:
    """A file that was named and is not there is an error, not a reason for other limits (P10)."""
    place.environ["GUARDIAN_CONFIG"] = "nowhere.toml"
    with pytest.raises(ConfigError) as error:
        place.load()
    said = "does not exist, or lies in a folder that may not be read"
    assert str(error.value) == f"{place.project}/nowhere.toml: {said}"


def test_xdg_config_home_is_followed_when_it_is_absolute(place: Place) -> None:
    """XDG_CONFIG_HOME moves the user's file; a relative one is ignored, as its specification says."""
    place.write_user('[limits]\ntimeout = "1s"')
    moved = place.home / "elsewhere"
    (moved / "guardian").mkdir(parents=True)
    (moved / "guardian" / "guardian.toml").write_text('[limits]\ntimeout = "2s"')
    for value, timeout in ((str(moved), 2.0), ("elsewhere", 1.0), ("", 1.0)):
        place.environ["XDG_CONFIG_HOME"] = value
        assert place.load(cwd=place.home).limits.timeout == timeout


def test_a_vanished_working_directory_is_one_line(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the working directory was removed, guardian says so and what to do (P10)."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError) as error:
        requested(place.environ)
    assert str(error.value) == (
        "the working directory cannot be read: No such file or directory; "
        "go to a folder that exists, or name a file with GUARDIAN_CONFIG"
    )
    place.environ["GUARDIAN_CONFIG"] = os.devnull
    assert requested(place.environ).places.files == (os.devnull,)


VARIABLES = {
    "GUARDIAN_LIMITS_MAX_MEMORY": ("2GB", "limits.max_memory", 2 << 30),
    "GUARDIAN_LIMITS_MAX_CONCURRENT": ("7", "limits.max_concurrent", 7),
    "GUARDIAN_LIMITS_MAX_CPU": ("50%", "limits.max_cpu", 50.0),
    "GUARDIAN_LIMITS_CPU_WHEN": ("always", "limits.cpu_when", "always"),
    "GUARDIAN_LIMITS_SPARE_FOREGROUND": ("false", "limits.spare_foreground", False),
    "GUARDIAN_MONITOR_INTERVAL": ("2", "monitor.interval", 2.0),
    "GUARDIAN_PROTECT_NAMES": ("sshd, systemd*", "protect.names", ("sshd", "systemd*")),
    "GUARDIAN_PROTECT_COMMAND": ('["* a,b"]', "protect.command", ("* a,b",)),
    "GUARDIAN_ALERTS_DESKTOP": ("1", "alerts.desktop", True),
    "GUARDIAN_JOURNAL_KEEP": ("0", "journal.keep", 0),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_sets_its_key(place: Place, name: str) -> None:
    """GUARDIAN_<SECTION>_<KEY> sets every kind of key; an empty one is as if it were not there."""
    text, dotted, value = VARIABLES[name]
    section, key = dotted.split(".")
    place.environ[name] = ""
    assert place.load() == DEFAULTS
    place.environ[name] = text
    assert getattr(getattr(place.load(), section), key) == value


WRONG_VARIABLES = {
    "GUARDIAN_LIMITS_MAX_MEMROY": ("1", "is not known; did you mean GUARDIAN_LIMITS_MAX_MEMORY?"),
    "GUARDIAN_MONITOR_ZZZZZZZZZZZZZZZZZ": (
        "1",
        "is not known; known are GUARDIAN_MONITOR_INTERVAL, GUARDIAN_MONITOR_AUTOSTART",
    ),
    "GUARDIAN_RULES_BUN_NAMES": ("x", "is not known; tables with names of their own need a file"),
    "GUARDIAN_LIMITS_MAX_CONCURRENT": ("-1", "found '-1', expected a whole number from 0 to 1000000000"),
    "GUARDIAN_LIMITS_SPARE_FOREGROUND": ("maybe", "found 'maybe', expected true or false"),
    "GUARDIAN_PROTECT_NAMES": ('["a"', 'found \'["a"\', expected a list of texts such as ["bun"]'),
}


@pytest.mark.parametrize("name", WRONG_VARIABLES)
def test_a_wrong_variable_is_one_exact_line(place: Place, name: str) -> None:
    """A variable that means no key, or holds what its key cannot, is named with what is expected (P10)."""
    text, message = WRONG_VARIABLES[name]
    place.environ[name] = text
    with pytest.raises(ConfigError) as error:
        place.load()
    assert str(error.value) == f"{name}: {message}"


def test_other_variables_are_no_settings(place: Place) -> None:
    """What else begins with GUARDIAN_ has its own meaning and disturbs nothing."""
    for name in ("STATE_DIR", "RUNTIME_DIR", "RUN_ID", "CONTAINMENT", "LIMITS", "MONITORS_X"):
        place.environ[f"GUARDIAN_{name}"] = "anything"
    assert place.load() == DEFAULTS


def test_a_flag_that_was_not_given_says_nothing(place: Place) -> None:
    """A flag of value None leaves the key to the layers below."""
    place.write('[monitor]\ninterval = "3s"')
    assert place.load(monitor__interval=None).monitor.interval == 3.0


def test_wrong_flags_are_one_line(place: Place) -> None:
    """A flag for no key, or of a wrong value, is named (P10)."""
    with pytest.raises(ConfigError, match=r"^limits\.timeuot: is not known; did you mean limits\.timeout\?$"):
        place.load(limits__timeuot="1s")
    with pytest.raises(ConfigError, match=r"^limits\.max_concurrent: found true, expected a whole number"):
        place.load(limits__max_concurrent=True)


def test_origins_name_the_layer_of_each_key(place: Place) -> None:
    """Each key in force is told with the layer that said it, inherited ones with that of [limits]."""
    place.write_user('[limits]\ngrace = "2s"')
    place.write('[rules.x]\nnames = ["x"]\ntimeout = "1s"')
    place.environ["GUARDIAN_LIMITS_MAX_CPU"] = "10"
    flags = {"monitor.interval": "1s"}
    composed = compose(requested(place.environ, flags=flags, cwd=str(place.project)))
    told = {".".join(path): (entry.value, entry.origin) for path, _, entry in in_force(composed)}
    assert told["rules.x.timeout"] == (1.0, str(place.file))
    assert told["rules.x.grace"] == told["limits.grace"] == (2.0, str(place.user_file))
    assert told["rules.x.max_cpu"] == (10.0, "GUARDIAN_LIMITS_MAX_CPU")
    assert told["monitor.interval"] == (1.0, "command line")
    assert told["rules.x.victims"] == ("oldest", "built-in")
    assert told["limits.timeout"] == (300.0, "built-in")
