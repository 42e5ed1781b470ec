"""Bad input through the real command line: one line, a documented exit code, nothing done."""

from __future__ import annotations

import os
import signal

import pytest
from ground import NOBODY, PATIENCE, Answer, Ground
from victims import SLEEPER

COMMANDS = [
    ("status",),
    ("status", "--watch"),
    ("cleanup",),
    ("monitor", "--once"),
    ("monitor", "--detach"),
    ("why",),
]
GOOD = "[rules.victim]\nnames = ['nobody-has-this-name']\n"

WRONG_FILES = {
    "not TOML": ("[limits\n", ":1:", "is not TOML"),
    "a wrong unit": (
        "[limits]\nmax_memory = '1 parsec'\n",
        "limits.max_memory",
        "'1 parsec'",
        "a size such as",
    ),
    "a negative limit": ("[limits]\nmax_concurrent = -1\n", ":2:", "limits.max_concurrent", "-1"),
    "a negative time": ("[limits]\ntimeout = '-5s'\n", "limits.timeout", "'-5s'", "a duration such as"),
    "an unknown key": ("[rules.bun]\nnames = ['bun']\nmax_memmory = 1\n", "did you mean max_memory?"),
    "an unknown table": ("[limitz]\n", "did you mean limits?"),
    "a rule about everything": ("[rules.all]\nnames = ['*']\n", "rules.all", "matches every process"),
    "a rule about nothing": ("[rules.none]\n", "rules.none", "names nor command"),
}


def assert_refused(answer: Answer, *words: str) -> None:
    """Exit 2, one line on stderr with these words in it, nothing on stdout."""
    assert answer.code == 2, answer
    assert answer.out == "", answer
    assert answer.err.startswith("guardian: "), answer
    assert answer.err.count("\n") == 1, answer
    for word in words:
        assert word in answer.err, answer


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_is_one_line(ground: Ground, kind: str) -> None:
    """Whatever is wrong in guardian.toml is told in one line: file, key, what was found, expected (P10)."""
    text, *words = WRONG_FILES[kind]
    path = ground.house.write_config(text)
    for command in COMMANDS:
        assert_refused(ground.guardian(*command), str(path), *words)
    assert not list(ground.house.state.iterdir()), "nothing was begun"
    assert not (ground.house.runtime / "monitor.lock").exists()


WRONG_WORDS = {
    "an unknown option": (("cleanup", "--frce"), "--frce", "--force", "guardian cleanup --help"),
    "an unknown command": (("clenup",), "clenup", "cleanup"),
    "an unknown rule": (("cleanup", "--rule", "bunn"), "'bunn'", "victim"),
    "an option of status": (("status", "--jsn"), "--jsn", "guardian status --help"),
    "no value": (("cleanup", "--rule"), "--rule", "requires an argument"),
    "one word too many": (("why", "a", "b"), "b", "guardian why --help"),
    "a negative interval": (
        ("monitor", "--interval", "-1"),
        "monitor.interval",
        "'-1'",
        "a duration such as",
    ),
    "an interval in words": (("monitor", "--interval", "soon"), "'soon'", "a duration such as"),
    "a hasty interval": (("monitor", "--interval", "1ms"), "'1ms'", "at least 100ms"),
    "two ends": (("monitor", "--once", "--detach"), "--once and --detach exclude each other"),
}


@pytest.mark.parametrize("kind", WRONG_WORDS)
def test_wrong_words_are_one_line(ground: Ground, kind: str) -> None:
    """Words that make no sense are told in one line, with what would (P10)."""
    ground.house.write_config(GOOD)
    words, *told = WRONG_WORDS[kind]
    assert_refused(ground.guardian(*words), *told)
    assert not list(ground.house.state.iterdir())


def test_all_allows_a_rule_about_everything(ground: Ground) -> None:
    """A rule that matches every process is for `cleanup --all`, which spares guardian still (P2)."""
    ground.house.write_config("[rules.all]\nnames = ['*']\nmax_concurrent = 0\n")
    assert_refused(ground.guardian("cleanup", "--dry-run"), "matches every process")
    planned = ground.guardian("cleanup", "--all", "--dry-run", "--json")
    assert planned.code == 0, planned
    pids = {each["pid"] for each in planned.json["would_end"]}
    assert pids, "the tests' own sweeper, if nobody else"
    assert not pids & {1, os.getpid(), os.getppid()}
    assert not ground.records("signal")


def test_a_file_that_others_may_write_is_refused(ground: Ground, needs_root: None) -> None:
    """As root a configuration that somebody else could have written is not believed (P10)."""
    path = ground.house.write_config(GOOD)
    path.chmod(0o666)
    assert_refused(ground.guardian("cleanup"), str(path), "0666", "chmod go-w")
    path.chmod(0o644)
    assert ground.guardian("cleanup").code == 0
    os.chown(path, 65534, 65534)
    assert_refused(ground.guardian("cleanup"), str(path))
    for folder in (ground.house.root, *ground.house.root.iterdir()):
        os.chown(folder, 65534, 65534)
    assert ground.guardian("cleanup", before=NOBODY).code == 0


def test_a_vanished_working_directory_is_one_line(ground: Ground) -> None:
    """Where there is no working directory there is no configuration to be found: told, nothing done (P10)."""
    gone = ground.work / "gone"
    environment = ground.environment()
    del environment["GUARDIAN_CONFIG"]
    in_no_place = ("sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone))
    for command in COMMANDS:
        gone.mkdir()
        answer = ground.guardian(*command, before=in_no_place, env=environment)
        assert_refused(answer, "the working directory", "No such file or directory")


@pytest.mark.parametrize(
    "words", [("status",), ("cleanup",), ("cleanup", "--dry-run"), ("monitor", "--once")]
)
def test_without_proc_it_says_that_it_is_blind(
    ground: Ground, needs_root: None, words: tuple[str, ...]
) -> None:
    """Without /proc guardian cannot see: one line says so, exit 125, nobody is signalled (P10, P11)."""
    ground.rule(timeout='"1ms"')
    blind = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    answer = ground.guardian(*words, before=blind)
    assert answer.code == 125, answer
    assert answer.out == ""
    assert answer.err.count("\n") == 1, answer
    assert answer.err.startswith("guardian: /proc shows no process")


PRINTING = [
    ("status",),
    ("status", "--json"),
    ("cleanup",),
    ("cleanup", "--dry-run"),
    ("config", "show"),
    ("--help",),
]


@pytest.mark.parametrize("buffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_nobody_reads_what_it_prints(
    ground: Ground, words: tuple[str, ...], buffered: dict[str, str]
) -> None:
    """`guardian … | head -1` ends like every filter: 128 + SIGPIPE, and not a word (P10)."""
    ground.house.write_config(GOOD)
    reading, writing = os.pipe()
    os.close(reading)
    answer = ground.guardian(
        *words,
        stdout=writing,
        env=ground.environment(**buffered),
    )
    os.close(writing)
    assert (answer.code, answer.err) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("buffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_what_it_prints_has_no_room(ground: Ground, words: tuple[str, ...], buffered: dict[str, str]) -> None:
    """A full disk under the output is one line and exit 125 (P10)."""
    ground.house.write_config(GOOD)
    with open("/dev/full", "w") as full:
        answer = ground.guardian(
            *words,
            stdout=full,
            env=ground.environment(**buffered),
        )
    assert answer.code == 125, answer
    assert answer.err == "guardian: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_trouble(ground: Ground, closed: str) -> None:
    """Started with closed descriptors it does its work, and prints into no file of its own (P10)."""
    ground.rule(timeout='"1ms"', grace='"5s"')
    victim = ground.python(SLEEPER)
    answer = ground.guardian("cleanup", before=("sh", "-c", f'exec "$@" {closed}', "sh"))
    assert answer.code == 0, answer
    assert answer.err == ""
    assert victim.wait(PATIENCE) == -signal.SIGTERM
    journal = (ground.house.state / "journal.jsonl").read_text()
    assert [line[0] for line in journal.splitlines()] == ["{"] * 2
    once = ground.guardian("monitor", "--once", before=("sh", "-c", f'exec "$@" {closed}', "sh"))
    assert once.code == 0, once
