"""Services under watch of `guardian up`: their checks, their limits, their files; each on real processes."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest
from project import PATIENCE, Project, python, service
from waiting import wait_until

from guardian.effects.journal import Journal

WAITS = "import time; time.sleep(100)"
SERVES = """
import sys, http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.command in sys.argv[2] and not __import__("os").path.exists("sick")
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_POST = do_HEAD = do_GET
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
LOOKS = "import os\nassert os.path.exists('made')"
NOTIFIES = """
import os, socket, time
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.connect(os.environ["NOTIFY_SOCKET"])
end.send(b"READY=1\\nSTATUS=open")
while not os.path.exists("silent"):
    end.send(b"WATCHDOG=1")
    time.sleep(0.05)
time.sleep(100)
"""


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def health(name: str, part: str = "health", **values: object) -> str:
    """Return the section of a check that looks often and is soon content."""
    given = {"interval": "100ms", "timeout": "5s", "retries": 2, "start_period": "20s"} | values
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    return "\n".join([f"[services.{name}.{part}]", *lines, ""])


def receipts(project: Project) -> list[dict[str, object]]:
    """Return the receipts in the journal, the newest first."""
    records = Journal(str(project.house.state)).read()
    return [record["receipt"] for record in records if record["event"] == "receipt"]  # type: ignore[misc]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_http(project: Project, method: str) -> None:
    """A service is ready when it answers as expected, and restarted when it no longer does."""
    port = free_port()
    project.up(
        service("web", **python(SERVES, str(port), method)),
        health("web", type="http", url=f"http://127.0.0.1:{port}/", method=method, expected_status=200),
    )
    first = project.wait_for("ready")["web"]
    assert f"{method} http://127.0.0.1:{port}/ → 200" in first["why"]
    (project.root / "sick").touch()
    wait_until(lambda: project.stands()["web"]["restarts"], PATIENCE, what="a restart")
    (project.root / "sick").unlink()
    again = project.wait_for("ready")["web"]
    assert again["pid"] != first["pid"]
    assert any("503" in str(each["reason"]) for each in receipts(project))


def test_tcp_and_script_and_pattern(project: Project) -> None:
    """A port that accepts, a script that exits 0, a line on either stream: each makes its service ready."""
    port = free_port()
    listens = (
        "import socket,sys,time; s=socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(100)"
    )
    prints = (
        "import sys,time; print('warming up', flush=True); print('Worker ready', file=sys.stderr, flush=True)"
    )
    project.up(
        service("listens", **python(listens, str(port))),
        health("listens", type="tcp", host="127.0.0.1", port=port),
        service("prints", **python(f"{prints}; time.sleep(100)")),
        health("prints", type="output", pattern=r"Worker \w+"),
        service("checked", **python("import time; open('made', 'w').close(); time.sleep(100)")),
        health("checked", type="script", script="test -e made"),
        service("inline", **python(WAITS)),
        health(
            "inline",
            type="script",
            interpreter=sys.executable,
            script="import os\nassert os.path.exists('made')",
        ),
    )
    found = project.wait_for("ready")
    assert "accepts connections" in found["listens"]["why"]
    assert 'printed "Worker ready"' in found["prints"]["why"]


def test_notify_and_its_watchdog(project: Project) -> None:
    """READY=1 makes it ready; when WATCHDOG=1 stays away for max_silence it is restarted (sd_notify(3))."""
    project.up(
        service("daemon", **python(NOTIFIES)),
        health("daemon", type="notify", max_silence="1s", start_period="1s"),
    )
    first = project.wait_for("ready")["daemon"]
    (project.root / "silent").touch()
    wait_until(lambda: project.stands()["daemon"]["restarts"], PATIENCE, what="a restart")
    (project.root / "silent").unlink()
    assert project.wait_for("ready")["daemon"]["pid"] != first["pid"]


def test_readiness_beside_liveness(project: Project) -> None:
    """`ready` makes it ready, then `health` alone counts; who depends on it starts when it is ready."""
    slow = "import time; time.sleep(0.5); print('open', flush=True); time.sleep(100)"
    late = "import os,time; assert os.path.exists('is-open'); time.sleep(100)"
    project.up(
        service("first", **python(slow.replace("print(", "open('is-open', 'w').close(); print("))),
        health("first", "ready", type="output", pattern="^open$"),
        health("first", type="script", script="test ! -e sick"),
        service("second", **python(late), depends_on=["first"], autorestart=False),
    )
    assert project.wait_for("ready")["second"]["restarts"] == 0
    (project.root / "sick").touch()
    wait_until(lambda: project.stands()["first"]["restarts"], PATIENCE, what="a restart")


def test_not_ready_in_time_is_not_ready(project: Project) -> None:
    """A service that is not ready within ready_timeout has failed; that counts as a restart."""
    project.up(
        service("never", **python(WAITS), ready_timeout="300ms", max_restarts=1),
        health("never", type="tcp", host="127.0.0.1", port=free_port()),
    )
    assert "not ready in time" in project.wait_for("fatal")["never"]["why"]


def test_memory_of_the_whole_tree_counts(project: Project) -> None:
    """A small leader with a large child is over its limit (P4), is restarted, and a receipt says why (P8)."""
    child = "import time; x = bytearray(120 << 20); x[::4096] = b'x' * len(x[::4096]); time.sleep(100)"
    code = (
        f"import subprocess as s, sys; print('begun', flush=True); s.run([sys.executable, '-c', {child!r}])"
    )
    project.up(service("small", **python(code), max_memory="80MB", max_restarts=1, stop_timeout="1s"))
    assert "max_memory is 80MB" in project.wait_for("fatal")["small"]["why"]
    made = next(each for each in receipts(project) if each["kind"] == "max_memory")
    assert made["rule"] == "small"
    assert made["peak_memory"] > 80 << 20  # type: ignore[operator]
    assert "begun" in made["output"]  # type: ignore[operator]


def test_cpu_of_the_whole_tree_counts(project: Project) -> None:
    """Children that work are counted with their leader, over the window (P4)."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    project.up(
        service("busy", **python(code), max_cpu=30, cpu_window="1s", max_restarts=1, stop_timeout="1s")
    )
    assert "max_cpu is 30 %" in project.wait_for("fatal")["busy"]["why"]


def test_a_save_storm_restarts_once(project: Project) -> None:
    """Many changes in a row restart a service once, when it is quiet; ignored files never do."""
    values = {
        "watch": True,
        "watch_paths": ["src/**/*.py"],
        "ignore_watch": ["*.log"],
        "watch_debounce": "400ms",
    }
    (project.root / "src").mkdir()
    project.up(service("dev", **python(WAITS), **values))
    first = project.wait_for("ready")["dev"]
    for number in range(40):
        (project.root / "src" / f"m{number % 4}.py").write_text(str(number))
        (project.root / "src" / "noise.log").write_text(str(number))
        os.sync() if number == 20 else None
    second = wait_until(lambda: _other(project, first), PATIENCE, what="the restart")
    (project.root / "src" / "noise.log").write_text("again")
    (project.root / "readme.md").write_text("not watched")
    project.wait_for("ready")
    (project.root / "src" / "m1.py").write_text("again")
    third = wait_until(lambda: _other(project, second), PATIENCE, what="another restart")
    assert third["generation"] == first["generation"] + 2


def _other(project: Project, before: dict[str, object]) -> dict[str, object] | None:
    now = project.stands()["dev"]
    return now if now["state"] == "ready" and now["pid"] != before["pid"] else None


def test_how_a_service_is_run(project: Project, tmp_path: Path) -> None:
    """Folder, umask, rlimits, files of variables, a clean environment and an interpreter reach it."""
    tells = "import os,resource,sys,json; m=os.umask(0); print(json.dumps([os.getcwd(), m, resource.getrlimit(resource.RLIMIT_NOFILE), dict(os.environ), sys.argv]), flush=True); import time; time.sleep(100)"  # noqa: E501 - one argument
    (project.root / "sub").mkdir()
    (project.root / "sub" / "tells.py").write_text(tells)
    (project.root / ".env").write_text("# secrets\nexport FROM_FILE='a b'\nBOTH=file\n")
    project.environment |= {"GUARDIAN_API_TOKEN": "secret", "UNWANTED": "x", "LC_ALL": "C"}
    project.up(
        service(
            "told",
            command="tells.py",
            args=["one"],
            interpreter=f"{sys.executable} -S -E",
            cwd="sub",
            umask="027",
            rlimits={"nofile": 100},
            env_files=[".env"],
            env={"BOTH": "own"},
            clean_env=True,
            keep_env=["PATH", "LC_*", "GUARDIAN_TEST_*"],
        )
        .replace('{"nofile": 100}', "{ nofile = 100 }")
        .replace('{"BOTH": "own"}', '{ BOTH = "own" }')
    )
    text = wait_until(lambda: project.printed("told"), PATIENCE, what="its words")
    cwd, umask, nofile, environ, argv = json.loads(text)
    assert cwd == str(project.root / "sub")
    assert (umask, nofile, argv) == (0o027, [100, 100], ["tells.py", "one"])
    assert (environ["FROM_FILE"], environ["BOTH"], environ["LC_ALL"]) == ("a b", "own", "C")
    assert "UNWANTED" not in environ
    assert not [name for name in environ if "TOKEN" in name]
    assert environ["GUARDIAN_SERVICE"] == "told"
