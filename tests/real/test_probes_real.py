"""Looks at true servers and by true scripts: in time, whatever they do, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House
from litter import Litter
from talkers import Behaviour, answers, babbles, hangs, hangs_up, says_nothing, streams, talking
from waiting import wait_until

from guardian.probes.finding import Finding, Where
from guardian.probes.look import Looker
from guardian.services.spec import HealthSpec

SOON = 20.0  # seconds, on a loaded machine
NOBODY = 65534


@pytest.fixture
async def looker() -> AsyncIterator[Looker]:
    """A looker that leaves neither a descriptor nor a task behind."""
    made = Looker()
    await warm(made)
    before = descriptors()
    yield made
    await asyncio.sleep(0)  # transports close their sockets in the loop's next turn
    assert descriptors() == before
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await made.close()


async def warm(looker: Looker) -> None:
    """Let everything be imported and opened that stays."""
    for check in (HealthSpec(type="http", url="http://127.0.0.1:1/"), HealthSpec(type="tcp", port=1)):
        await looker.look(check, Where("/", {}))


def descriptors() -> list[str]:
    """Return what this process has open, by what it is."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue  # of the listing itself
    return sorted(found)


@pytest.fixture
def where(house: House, litter: Litter) -> Where:
    """A folder of the test's own, and an environment by which every process of a script is found."""
    folder = house.root / "project"
    folder.mkdir()
    return Where(str(folder), {**os.environ, "GUARDIAN_TEST_LITTER": litter.mark, "TMPDIR": str(house.cache)})


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# HTTP


@pytest.mark.parametrize(
    ("behaviour", "fields", "good", "note"),
    [
        (answers("200 OK"), {}, True, "→ 200"),
        (answers("204 No Content"), {"method": "HEAD"}, True, "→ 204"),
        (answers("302 Found\r\nLocation: http://127.0.0.1:1/"), {}, True, "→ 302"),
        (answers("503 Busy"), {}, False, "→ 503, expected 200 to 399"),
        (answers("404 No"), {}, False, "→ 404, expected 200 to 399"),
        (answers("404 No"), {"expected_status": 404, "method": "POST"}, True, "→ 404"),
        (answers("200 OK"), {"expected_status": 204}, False, "→ 200, expected 204"),
        (answers("200 OK\r\nContent-Length: 1000000000"), {}, True, "→ 200"),
        (streams, {}, True, "→ 200"),
        (says_nothing, {}, False, "→ Server disconnected"),
        (hangs_up, {}, False, "→ "),  # a reset or an end, whichever comes first
        (hangs, {"timeout": 0.2}, False, ": no answer within 200ms"),
        (answers("what is this"), {}, False, "illegal status line"),
        (babbles, {}, False, "→ "),
    ],
)
async def test_a_url_is_looked_at(
    behaviour: Behaviour, fields: dict[str, object], good: bool, note: str, looker: Looker, where: Where
) -> None:
    """The status decides; whatever else the server does ends in a note, in time, and in no open socket."""
    async with talking(behaviour) as talker:
        url = f"http://localhost:{talker.port}/health?deep=1"
        check = HealthSpec(url=url).replace(**fields)
        found = await asyncio.wait_for(looker.look(check, where), SOON)
        await talker.has(0)
    assert found.good is good
    assert found.note.startswith(f"{check.method} {url}")
    assert note in found.note


async def test_a_closed_port_is_told_as_such(looker: Looker, where: Where) -> None:
    """In the system's words, for localhost and for a number, and without the password."""
    port = closed_port()
    for host in ("localhost", "127.0.0.1", "me:secret@localhost"):
        found = await looker.look(HealthSpec(url=f"http://{host}:{port}/"), where)
        shown = host.rpartition("@")[2]
        assert found == Finding(False, f"GET http://{shown}:{port}/ → connection refused")
    found = await looker.look(HealthSpec(type="tcp", port=port), where)
    assert found == Finding(False, f"tcp localhost:{port}: connection refused")


async def test_services_are_strangers_to_each_other(looker: Looker, where: Where) -> None:
    """No cookie of one look is sent with the next, no connection kept, no proxy asked."""
    heard: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with talking(listens) as talker:
        for _ in range(2):
            check = HealthSpec(url=f"http://me:pass@localhost:{talker.port}/x")
            assert (await looker.look(check, where)).good
        await talker.has(0)
    first, second = heard
    assert first == second
    assert first.startswith(b"GET /x HTTP/1.1\r\nHost: localhost:%d\r\n" % talker.port)
    assert b"cookie" not in second.lower()


async def test_a_server_on_the_other_loopback_is_found(looker: Looker, where: Where) -> None:
    """Localhost is both addresses, as it is for a browser."""
    try:
        async with talking(answers("200 OK"), host="::1") as talker:
            assert (await looker.look(HealthSpec(url=f"http://localhost:{talker.port}/"), where)).good
            assert (await looker.look(HealthSpec(type="tcp", port=talker.port), where)).good
            await talker.has(0)
    except OSError:
        pytest.skip("needs IPv6")


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://ex ample/", "http://\x00/", "ftp://localhost/", "http://"]
)
async def test_a_url_that_is_none_is_a_finding(url: str, looker: Looker, where: Where) -> None:
    """No error, whatever stands there."""
    found = await looker.look(HealthSpec(url=url), where)
    assert not found.good
    assert found.note.isprintable()


async def test_looks_do_not_wait_for_each_other(looker: Looker, where: Where) -> None:
    """A hundred at once, half of them at servers that hang: the others have their answers long before."""
    async with talking(hangs) as dead, talking(answers("200 OK")) as alive:
        slow = [
            asyncio.create_task(
                looker.look(HealthSpec(url=f"http://localhost:{dead.port}/", timeout=60.0), where)
            )
            for _ in range(50)
        ]
        await dead.has(50)
        quick = [looker.look(HealthSpec(url=f"http://localhost:{alive.port}/"), where) for _ in range(50)]
        assert all(found.good for found in await asyncio.wait_for(asyncio.gather(*quick), SOON))
        assert not any(task.done() for task in slow)
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        assert all(task.cancelled() for task in slow)
        await dead.has(0)
        await alive.has(0)


# TCP


@pytest.mark.parametrize("behaviour", [hangs, hangs_up])
async def test_a_port_that_accepts_is_good(behaviour: Behaviour, looker: Looker, where: Where) -> None:
    """Whatever is said there: we hang up at once."""
    async with talking(behaviour) as talker:
        found = await looker.look(HealthSpec(type="tcp", port=talker.port), where)
        await talker.has(0)
    assert found == Finding(True, f"tcp localhost:{talker.port} accepts connections")


async def test_a_port_whose_queue_is_full_is_not_waited_for(looker: Looker, where: Where) -> None:
    """A connection that nobody accepts ends with the timeout, and its socket is closed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        check = HealthSpec(type="tcp", host="127.0.0.1", port=port, timeout=0.3)
        found = await asyncio.wait_for(looker.look(check, where), SOON)
        for each in fillers:
            each.close()
    assert found == Finding(False, f"tcp 127.0.0.1:{port}: no answer within 300ms")


# Scripts

FORKS = "setsid sleep 60 & (setsid sh -c 'trap \"\" TERM HUP; sleep 60; sleep 60' &) ; echo started; "


@pytest.mark.parametrize(
    ("script", "good", "note"),
    [
        ("true", True, 'script "true": exit 0'),
        ("sh -c 'echo one; echo two'", True, ": two"),
        ("sh -c 'echo why >&2; exit 3'", False, ": exit 3: why"),
        ("sh -c 'kill -9 $$'", False, ": exit 137"),
        ("no-such-command", False, 'cannot run "no-such-command": No such file'),
        ("'no end", False, "No closing quotation"),
        ("yes", False, "wrote more than 1 MB"),
        ("printf 'a\\033[1m\\nb\\033[2m'", True, ": b\\x1b[2m"),
    ],
)
async def test_a_command_is_good_when_it_exits_0(
    script: str, good: bool, note: str, looker: Looker, where: Where
) -> None:
    """Its last line is in the note, whichever way it ends."""
    found = await asyncio.wait_for(looker.look(HealthSpec(type="script", script=script), where), SOON)
    assert found.good is good, found
    assert note in found.note
    assert found.note.isprintable()


async def test_a_script_runs_where_the_service_does(looker: Looker, where: Where) -> None:
    """In its folder and with its environment, not with guardian's."""
    Path(where.cwd, "helper.py").write_text("VALUE = 42")
    env = {"PATH": os.environ["PATH"], "ONLY": "this", "PYTHONPATH": "/nonexistent", "PYTHONHOME": ""}
    env["GUARDIAN_STATE_DIR"] = where.env["GUARDIAN_STATE_DIR"]
    text = "import helper, os\nprint(os.getcwd(), helper.VALUE, os.environ['ONLY'], 'HOME' in os.environ)"
    check = HealthSpec(type="script", script=text, interpreter=sys.executable)
    found = await looker.look(check, where.replace(env=env))
    assert found.good
    assert found.note.endswith(f": {where.cwd} 42 this False")


SHELL = "cat\necho read >&2\nexit 4\n"


async def test_a_shell_does_not_lose_its_program(looker: Looker, where: Where, house: House) -> None:
    """What it starts cannot read the rest of the text; its file is private, and gone afterwards."""
    found = await looker.look(HealthSpec(type="script", script=SHELL, interpreter="sh"), where)
    assert found == Finding(False, 'sh script "cat": exit 4: read')
    mode = 'stat -c %a "$0"; stat -c %a "${0%/*}"'
    found = await looker.look(HealthSpec(type="script", script=f"echo $({mode})", interpreter="sh"), where)
    assert found.note.endswith(": 600 700")
    assert not list(house.cache.iterdir())


MODULE = "module.exports = { value: 42 };"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("{node}", "console.log('seen', require('./helper.js').value); process.exitCode = 5;"),
        (
            "{bun} run",
            "import h from './helper.js'; const n: number = h.value; console.log('seen', n); process.exit(5)",
        ),
    ],
)
async def test_a_program_for_javascript(
    words: str, text: str, looker: Looker, where: Where, request: pytest.FixtureRequest
) -> None:
    """Node and bun take their text, and find modules from the service's folder."""
    name = words.split("}")[0].removeprefix("{")
    interpreter = words.format(**{name: request.getfixturevalue(f"needs_{name}")})
    Path(where.cwd, "helper.js").write_text(MODULE)
    check = HealthSpec(type="script", script=text, interpreter=interpreter, timeout=SOON)
    found = await looker.look(check, where)
    assert not found.good
    assert found.note.endswith(": exit 5: seen 42")


@pytest.mark.parametrize(
    ("script", "interpreter"), [(f"{FORKS} wait; sleep 60", "sh"), ("sh -c 'setsid sleep 60 & sleep 60'", "")]
)
async def test_a_script_that_hangs_leaves_nobody(
    script: str, interpreter: str, looker: Looker, where: Where, litter: Litter, house: House
) -> None:
    """At the timeout its whole tree goes, other sessions and the deaf included; so does its file (P1)."""
    before = time.monotonic()
    check = HealthSpec(type="script", script=script, interpreter=interpreter, timeout=0.5)
    found = await asyncio.wait_for(looker.look(check, where), SOON)
    assert found.note.endswith(": no answer within 500ms")
    assert time.monotonic() - before < 5.0
    assert not litter.alive()
    assert not list(house.cache.iterdir())


async def test_what_a_script_leaves_behind_is_ended(looker: Looker, where: Where, litter: Litter) -> None:
    """It exits with 0 and has started a daemon: good, and the daemon is gone (P1)."""
    check = HealthSpec(type="script", script=f"{FORKS} exit 0", interpreter="sh", timeout=SOON)
    assert (await looker.look(check, where)).good
    assert not litter.alive()


async def test_a_cancelled_script_leaves_nobody(
    looker: Looker, where: Where, litter: Litter, house: House
) -> None:
    """StopProbe in the middle: when the task has ended, so has the tree, and nothing is open (P1)."""
    flag = house.root / "started"
    os.mkfifo(flag)
    script = f"{FORKS} echo up > {flag}; sleep 60"
    check = HealthSpec(type="script", script=script, interpreter="sh", timeout=60.0)
    task = asyncio.create_task(looker.look(check, where))
    loop = asyncio.get_running_loop()
    handle = os.open(flag, os.O_RDWR | os.O_NONBLOCK)
    came = asyncio.Event()
    loop.add_reader(handle, came.set)
    try:
        await asyncio.wait_for(came.wait(), SOON)
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    assert len(litter.alive()) >= 3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, SOON)
    assert not litter.alive()
    assert not list(house.cache.iterdir())


async def test_a_script_of_another_user(needs_root: None, looker: Looker, where: Where, house: House) -> None:
    """Its command has that user's rights and no more; its file can be read by that user (P2)."""
    house.root.chmod(0o755)
    house.cache.chmod(0o777)
    other = where.replace(uid=NOBODY, gid=NOBODY, cwd="/")
    for script, interpreter in (("id -u; id -G", "sh"), ("sh -c 'id -u; id -G'", "")):
        check = HealthSpec(type="script", script=script, interpreter=interpreter, timeout=SOON)
        found = await looker.look(check, other)
        assert found.good, found
        assert found.note.endswith(f": {NOBODY}")


async def test_a_text_that_cannot_be_written_is_a_finding(looker: Looker, where: Where) -> None:
    """No folder for temporary files: said so, and the text is not run."""
    check = HealthSpec(type="script", script="true", interpreter="sh")
    found = await looker.look(check, where.replace(env={**where.env, "TMPDIR": "/no/such"}))
    assert not found.good
    assert "exit 125: guardian: cannot write the check into /no/such/guardian-check-" in found.note


def all_descriptors() -> list[int]:
    """Open files until there is no descriptor left; return them."""
    taken: list[int] = []
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return taken


async def test_no_descriptor_left_is_a_finding(looker: Looker, where: Where) -> None:
    """Out of descriptors the look fails, not the daemon, and those that were taken are given back."""
    taken: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        for spare in range(8):
            taken += all_descriptors()
            for _ in range(spare):
                os.close(taken.pop())
            for check in (HealthSpec(type="script", script="true"), HealthSpec(type="tcp", port=1)):
                found = await asyncio.wait_for(looker.look(check, where), SOON)
                assert found.good or "too many open files" in found.note or "connection refused" in found.note
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("seed", range(4))
async def test_no_answer_makes_a_look_fail(seed: int, looker: Looker, where: Where) -> None:
    """Whatever bytes a server sends, in whatever pieces: a finding, and no open socket."""
    chance = random.Random(seed)
    pieces = [
        b"HTTP/1.1 ",
        b"200",
        b" OK",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b":",
        b"Content-Length: -1",
        b"\0\xff",
    ]
    pieces += [b"Transfer-Encoding: chunked", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/9", b" ", b"x" * 9000]

    async def anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(chance.randrange(12)):
            writer.write(chance.choice(pieces))
            await writer.drain()

    async with talking(anything) as talker:
        check = HealthSpec(url=f"http://127.0.0.1:{talker.port}/", timeout=SOON)
        found = await asyncio.gather(*(looker.look(check, where) for _ in range(50)))
        await talker.has(0)
    assert all(each.note.isprintable() for each in found)
    assert len({each.note for each in found}) > 3


async def test_a_folder_that_is_gone_is_a_finding(looker: Looker, where: Where) -> None:
    """Named, with the system's words."""
    found = await looker.look(HealthSpec(type="script", script="true"), where.replace(cwd="/no/such"))
    assert found == Finding(False, 'script "true": cannot run in /no/such: no such file or directory')


DAEMON = """
import asyncio, os, sys
from guardian.probes.finding import Where
from guardian.probes.look import Looker
from guardian.services.spec import HealthSpec
script = "echo up > $FLAG; setsid sleep 60 & sleep 60"
check = HealthSpec(type="script", script=script, interpreter="sh", timeout=60.0)
asyncio.run(Looker().look(check, Where("/", dict(os.environ))))
"""


def test_a_daemon_that_is_killed_leaves_no_script(house: House, litter: Litter) -> None:
    """SIGKILL to whoever looks: the script's tree goes too, and so does its file (P1, P6)."""
    flag = house.root / "started"
    os.mkfifo(flag)
    env = {
        **os.environ,
        "FLAG": str(flag),
        "TMPDIR": str(house.cache),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    daemon = litter.start(sys.executable, "-c", DAEMON, env=env)
    with open(flag) as file:
        assert file.readline() == "up\n"
    daemon.kill()
    daemon.wait()
    wait_until(lambda: not litter.alive(), what="the end of the script's tree")
    wait_until(lambda: not list(house.cache.iterdir()), what="the end of its file")
