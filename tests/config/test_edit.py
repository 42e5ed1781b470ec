"""`config set`: one key changes, everything else stays; a wrong result is never written."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from place import Place

from guardian.config.compose import compose, in_force
from guardian.config.edit import Change, set_key
from guardian.config.load import requested
from guardian.config.write import create_file
from guardian.errors import ConfigError, UsageError

TEXT = """\
# what this project allows

[limits]   # for all
timeout = "5m"     # five minutes
max_memory = '1GB'

  [rules.web]
  names = [
    "node",  # and its workers
  ]
"""


def change(place: Place, key: str, value: str, *, user: bool = False) -> Change:
    """Set a key here."""
    return set_key(key, value, environ=place.environ, cwd=str(place.project), user=user)


def value_of(place: Place, key: str) -> object:
    """Return the value of a key in force here."""
    rows = in_force(compose(requested(place.environ, cwd=str(place.project))))
    return {".".join(path): entry.value for path, _, entry in rows}[key]


def test_comments_and_form_stay(place: Place) -> None:
    """Only the value changes: comments, order, quotes and blanks are as they were."""
    place.write(TEXT)
    change(place, "limits.timeout", "90s")
    assert place.file.read_text() == TEXT.replace('"5m"', '"90s"')


ADDED = {
    "limits.grace": ("2s", "max_memory = '1GB'\n", "max_memory = '1GB'\ngrace = \"2s\"\n"),
    "rules.web.max_cpu": ("50", "  ]\n", "  ]\nmax_cpu = 50\n"),
}


@pytest.mark.parametrize("key", ADDED)
def test_a_key_is_added_to_its_table(place: Place, key: str) -> None:
    """A key that was not there is added at the end of its table."""
    value, before, after = ADDED[key]
    place.write(TEXT)
    change(place, key, value)
    assert place.file.read_text().replace("  max_cpu", "max_cpu") == TEXT.replace(before, after)


def test_a_table_is_added_at_the_end(place: Place) -> None:
    """A key of a table that was not there brings the table along."""
    place.write(TEXT)
    change(place, "rules.bun.names", "bun, bunx")
    assert place.file.read_text() == f'{TEXT}\n[rules.bun]\nnames = ["bun", "bunx"]\n'


WRITTEN = {
    ("limits.timeout", "300"): "timeout = 300\n",
    ("limits.timeout", "5m"): 'timeout = "5m"\n',
    ("limits.max_memory", "1024MB"): 'max_memory = "1024MB"\n',
    ("limits.max_cpu", "80%"): 'max_cpu = "80%"\n',
    ("limits.max_concurrent", "4"): "max_concurrent = 4\n",
    ("limits.spare_foreground", "false"): "spare_foreground = false\n",
    ("limits.cpu_when", "always"): 'cpu_when = "always"\n',
}


@pytest.mark.parametrize(("key", "value"), WRITTEN)
def test_a_file_is_made_where_there_is_none(place: Place, key: str, value: str) -> None:
    """The project's file appears in the working directory, the value stands in it as it was typed."""
    done = change(place, key, value)
    assert (done.path, done.key) == (str(place.file), key)
    assert place.file.read_text() == f"[limits]\n{WRITTEN[key, value]}"
    assert place.file.stat().st_mode & 0o777 == 0o644


def test_the_users_file_can_be_meant(place: Place) -> None:
    """--user changes the user's file, makes its folder, and leaves the project's alone."""
    place.write(TEXT)
    assert change(place, "limits.grace", "3s", user=True).path == str(place.user_file)
    assert place.user_file.read_text() == '[limits]\ngrace = "3s"\n'
    assert place.file.read_text() == TEXT
    assert value_of(place, "limits.grace") == 3.0


def test_the_file_that_counts_is_changed(place: Place) -> None:
    """The project's file is the one that the search finds, or the one that is named."""
    place.write(TEXT)
    below = place.project / "below"
    below.mkdir()
    done = set_key("limits.grace", "1s", environ=place.environ, cwd=str(below))
    assert done.path == str(place.file)
    named = place.project / "named.toml"
    named.write_text("")
    place.environ["GUARDIAN_CONFIG"] = str(named)
    assert change(place, "limits.grace", "2s").path == str(named)
    assert change(place, "limits.grace", "3s", user=True).path == str(place.user_file)


WRONG = {
    ("limits.timeout", "5x"): "limits.timeout: found '5x', expected a duration",
    ("limits.timeuot", "5s"): "limits.timeuot: is not known; did you mean limits.timeout?",
    ("limit.timeout", "5s"): "limit.timeout: is not known; did you mean limits?",
    ("monitor", "5s"): "monitor: is a table, expected one of its keys: interval",
    ("rules.web", "5s"): "rules.web: is a table, expected one of its keys: names, command, max_concurrent",
    ("", "5s"): "'': is not known",
    ("rules.a b.names", "x"): "rules.'a b'.names: found the name 'a b', expected letters",
    ("rules.new.timeout", "5s"): "FILE: rules.new: says neither names nor command",
    ("rules.web.names", "*"): "FILE: rules.web: matches every process",
    ("rules.web.names", ""): "rules.web.names: found [], expected a list",
    ("protect.names", '["\udce9"]'): "FILE: found bytes that are not UTF-8; nothing was changed",
}


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_nothing_is_written_when_the_result_is_wrong(place: Place, key: str, value: str) -> None:
    """A value, key or whole that is wrong is named, and the file stays what it was (P10)."""
    place.write(TEXT)
    before = place.file.stat()
    with pytest.raises(ConfigError) as error:
        change(place, key, value)
    assert str(error.value).startswith(WRONG[key, value].replace("FILE", str(place.file)))
    after = place.file.stat()
    assert place.file.read_text() == TEXT
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_mode,
    )
    assert os.listdir(place.project) == ["guardian.toml"]


def test_a_wrong_value_can_be_set_right(place: Place) -> None:
    """Only the result has to be right: `set` mends a file that nothing else accepts."""
    place.write('[limits]\ntimeout = "5x"\n')
    change(place, "limits.timeout", "5s")
    assert place.file.read_text() == '[limits]\ntimeout = "5s"\n'


def test_what_is_no_toml_is_left_alone(place: Place) -> None:
    """A file that cannot be understood is not written over (P10)."""
    place.write("[limits\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        change(place, "limits.timeout", "5s")
    assert place.file.read_text() == "[limits\n"


def test_another_layer_that_is_wrong_is_named(place: Place) -> None:
    """The change is checked together with the files that it is read with."""
    place.write_user("[limits]\nzzzzz = 1\n")
    with pytest.raises(ConfigError) as error:
        change(place, "limits.timeout", "5s")
    assert str(error.value).startswith(f"{place.user_file}:2: limits.zzzzz: is not known")
    assert str(error.value).endswith("; nothing was written")
    assert not place.file.exists()


def test_a_rule_may_be_completed_by_another_file(place: Place) -> None:
    """A project may set one key of a rule that the user's file describes."""
    place.write_user('[rules.mine]\nnames = ["m"]\n')
    change(place, "rules.mine.timeout", "5s")
    assert place.file.read_text() == '[rules.mine]\ntimeout = "5s"\n'


def test_mode_and_link_stay(place: Place, tmp_path: Path) -> None:
    """The file keeps its mode, and a link to it stays a link."""
    real = tmp_path / "dotfiles.toml"
    real.write_text(TEXT)
    real.chmod(0o600)
    place.file.symlink_to(real)
    change(place, "limits.timeout", "1s")
    assert place.file.is_symlink()
    assert real.read_text() == TEXT.replace('"5m"', '"1s"')
    assert real.stat().st_mode & 0o777 == 0o600


def test_line_ends_and_mark_stay(place: Place) -> None:
    """A file of a Windows editor keeps its CR LF and its byte order mark."""
    place.file.write_bytes(b'\xef\xbb\xbf[limits]\r\n# c\r\ntimeout = "1s"\r\n')
    change(place, "limits.timeout", "2s")
    change(place, "limits.grace", "3s")
    assert place.file.read_bytes() == (b'\xef\xbb\xbf[limits]\r\n# c\r\ntimeout = "2s"\r\ngrace = "3s"\r\n')


FORMS = [
    'limits.timeout = "5m"\nmonitor.interval = 3\n',
    'limits = { timeout = "5m", grace = "1s" }  # inline\n',
    'rules = { web = { names = ["x"] } }\n[limits]\ntimeout = "5m"\n',
    '[rules.web]\nnames = ["x"]\n[limits]\ntimeout = "5m"\n[rules.other]\nnames = ["y"]\n',
    '[rules]\n[rules.web]\nnames = ["x"]\n[limits]\n',
]


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize(
    ("key", "value"), [("limits.timeout", "7s"), ("limits.max_cpu", "7"), ("rules.web.names", "z")]
)
def test_every_form_of_a_table_can_be_changed(place: Place, text: str, key: str, value: str) -> None:
    """Dotted keys, inline tables and tables out of order are changed in place, or refused unharmed."""
    place.write(text)
    others = ["limits.grace", "monitor.interval", "limits.timeout"]
    before = [value_of(place, other) for other in others if other != key]
    change(place, key, value)
    assert value_of(place, key) == {"7s": 7.0, "7": 7.0, "z": ("z",)}[value]
    assert [value_of(place, other) for other in others if other != key] == before


def test_two_at_once_both_keep_theirs(place: Place) -> None:
    """Keys that are set at the same moment are all there afterwards."""
    names = [f"rules.r{number}.names" for number in range(12)]
    threads = [threading.Thread(target=change, args=(place, name, name[6:])) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: value_of(place, name) for name in names} == {name: (name[6:],) for name in names}


def test_a_folder_that_cannot_be_written_is_one_line(place: Place) -> None:
    """Where the file cannot be made, the system's words are passed on (P10)."""
    (place.home / ".config").write_text("")
    with pytest.raises(ConfigError) as error:
        change(place, "limits.timeout", "1s", user=True)
    assert str(error.value) == f"{place.user_file}: cannot be written: Not a directory; nothing was changed"


def test_without_a_home_there_is_no_users_file(place: Place) -> None:
    """--user without a home says what to set (P10)."""
    place.environ["HOME"] = "relative"
    with pytest.raises(UsageError, match="set HOME or XDG_CONFIG_HOME"):
        change(place, "limits.timeout", "1s", user=True)


def test_a_file_that_exists_is_not_made_anew(place: Place) -> None:
    """Creating never writes over what is there, not even over a link to nowhere (P10)."""
    place.file.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="exists already; nothing was changed"):
        create_file(str(place.file), "")
    assert not (place.project / "nowhere").exists()


def typed(
    keys: list[str], numbers: st.SearchStrategy[int], unit: str, worth: float
) -> st.SearchStrategy[object]:
    """Return keys with texts to set them to, and the values that those mean."""
    return st.tuples(st.sampled_from(keys), numbers.map(lambda n: (f"{n}{unit}", n * worth)))


CHANGES = st.one_of(
    typed(["limits.timeout", "limits.grace"], st.integers(0, 10**6), "m", 60),
    typed(["limits.max_memory", "rules.web.max_memory"], st.integers(0, 10**6), "KB", 1024),
    typed(["limits.max_concurrent", "journal.keep"], st.integers(0, 10**9), "", 1),
    st.tuples(st.just("limits.cpu_when"), st.sampled_from([("always", "always"), ("spinning", "spinning")])),
    st.tuples(st.just("alerts.desktop"), st.sampled_from([("true", True), ("0", False)])),
    st.tuples(st.just("rules.web.names"), st.sampled_from([("a,b", ("a", "b")), ('["a,b"]', ("a,b",))])),
)


@settings(max_examples=25)
@given(st.lists(CHANGES, min_size=1, max_size=5))
def test_what_was_set_is_what_one_gets(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, tuple[str, object]]]
) -> None:
    """After any sequence of `set`, `get` gives the last value of each key, and the comments are there."""
    place = Place(tmp_path_factory.mktemp("set"))
    place.write(TEXT)
    for key, (text, _) in changes:
        change(place, key, text)
    for key, (_, value) in dict(changes).items():
        assert value_of(place, key) == value
    assert "# for all" in place.file.read_text()
