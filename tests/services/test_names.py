"""Which services a word means."""

from __future__ import annotations

import pytest
from service_world import service

from guardian.errors import UsageError
from guardian.services.names import book, select

BOOK = book(
    [
        service("db-primary", group="db"),
        service("db-replica", group="db"),
        service("web", group="api"),
        service("worker-1", groups=("api", "jobs")),
        service("worker-2", group="jobs"),
    ]
)

WORDS = {
    "a name": (["web"], ["web"]),
    "a group": (["db"], ["db-primary", "db-replica"]),
    "a glob over names": (["worker-?"], ["worker-1", "worker-2"]),
    "a glob over groups": (["ap*"], ["web", "worker-1"]),
    "a glob over both": (["d*"], ["db-primary", "db-replica"]),
    "everything": (["*"], [*BOOK.names]),
    "all": (["all"], [*BOOK.names]),
    "each once, in the order of the file": (["jobs", "web", "worker-1"], ["web", "worker-1", "worker-2"]),
    "no words": ([], []),
}


@pytest.mark.parametrize(("words", "names"), WORDS.values(), ids=WORDS)
def test_words(words: list[str], names: list[str]) -> None:
    """A word is a name, a group or a glob over both; together they mean each service once."""
    assert list(select(BOOK, words)) == names


MISTAKES = {
    "wbe": "no service or group is called wbe; did you mean web?",
    "dbs": "no service or group is called dbs; did you mean db?",
    "x*": "no service or group fits x*; there are db-primary, db-replica, web, worker-1, worker-2, db, api",
    "\x1b[2J": "no service or group fits \\x1b[2J; there are ",
    "": "no service or group is called ; there are ",
}


@pytest.mark.parametrize(("word", "message"), MISTAKES.items())
def test_a_word_that_means_nothing(word: str, message: str) -> None:
    """The error names the nearest word, or those there are, on one printable line (P10)."""
    with pytest.raises(UsageError) as caught:
        select(BOOK, ["web", word])
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


def test_without_services() -> None:
    """Where nothing is configured the error says what to write (P10)."""
    with pytest.raises(UsageError, match=r"write \[services.NAME\]"):
        select(book([]), ["web"])


def test_a_service_named_all_is_that_service() -> None:
    """A name speaks before what it could mean otherwise."""
    assert select(book([service("all"), service("web")]), ["all"]) == ("all",)
