"""`config import` of supervisord's ini: what its programs mean here, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from place import Place

from guardian.config.compose import compose_documents
from guardian.config.document import parse
from guardian.config.importers import Imported, import_file
from guardian.errors import ConfigError
from guardian.services.order import roster
from guardian.services.spec import ServiceSpec

MB = 1 << 20
Import = Callable[[str], Imported]


@pytest.fixture
def imported(place: Place, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Import a supervisord.conf of this text, which lies in the working directory."""
    monkeypatch.chdir(place.project)

    def run(text: str) -> Imported:
        path = place.project / "supervisord.conf"
        path.write_text(text)
        return import_file(str(path), environ=place.environ)

    return run


def specs(of: Imported) -> dict[str, ServiceSpec]:
    """Return the services that the text of an import means."""
    services = compose_documents([parse("f", of.text)]).settings.services
    return dict(roster(services).specs)


WHOLE = """\
; a comment
[unix_http_server]
file=/tmp/supervisor.sock

[supervisord]
logfile=/var/log/supervisord.log ; and one behind
environment=LANG="C.UTF-8",STAGE=live
umask=027

[program:web]
command=/srv/web/bin/gunicorn -b 127.0.0.1:%(ENV_PORT)s "my app:app"
directory=%(here)s/web
environment=A="x, y",B='2',STAGE="test",PCT="50%%"
user=www-data
autostart=false
autorestart=unexpected
startsecs=10
startretries=5
stopsignal=SIGINT
stopwaitsecs=30
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/var/log/web.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=3
priority=10

[program:worker]
command=python worker.py --number %(process_num)d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
numprocs_start=1
autorestart=true
stdout_logfile=logs/%(program_name)s-%(process_num)s.log
"""


def test_programs_are_services(imported: Import, place: Place) -> None:
    """Every key that has a meaning here has it; each process of numprocs is a service in one group."""
    place.environ["PORT"] = "8000"
    found = imported(WHOLE)
    shared = {"LANG": "C.UTF-8", "STAGE": "live"}
    here = str(place.project)
    worker = {
        f"worker_0{number}": ServiceSpec(
            f"worker_0{number}",
            f"python worker.py --number {number}",
            env=shared,
            umask="027",
            group="worker",
            log_file=f"logs/worker-{number}.log",
        )
        for number in (1, 2)
    }
    assert specs(found) == {
        "web": ServiceSpec(
            "web",
            '/srv/web/bin/gunicorn -b 127.0.0.1:8000 "my app:app"',
            cwd=f"{here}/web",
            env={"LANG": "C.UTF-8", "STAGE": "test", "A": "x, y", "B": "2", "PCT": "50%"},
            user="www-data",
            umask="027",
            autostart=False,
            autorestart="on-failure",
            stable_after=10.0,
            max_restarts=5,
            stop_signal="INT",
            stop_timeout=30.0,
            log_file="/var/log/web.log",
            log_max_size=20 * MB,
            log_keep=3,
        ),
        **worker,
    }
    assert found.notes == (
        "[unix_http_server]: is about supervisord itself; left out",
        "[supervisord]: logfile: about supervisord itself; left out",
        "[program:web] command: %(ENV_PORT)s is what PORT is here and now",
        "[program:web] priority: the order of starts is that of depends_on here, which waits until those "
        "are READY; left out",
        "[program:web] startsecs: is stable_after here: so long READY, and the delays between restarts "
        "begin again",
        "[program:web] startretries: is max_restarts here: every restart within restart_window (1h) counts",
    )


def test_what_is_not_said_is_supervisords_default(imported: Import) -> None:
    """A program that says only its command is restarted when its exit was unexpected."""
    found = imported("[program:x]\ncommand=x")
    assert specs(found) == {"x": ServiceSpec("x", "x", autorestart="on-failure")}
    assert found.notes == ()


def test_groups_are_groups(imported: Import) -> None:
    """[group:x] names the group of its programs; one that has the name of a program gets another."""
    programs = "".join(f"[program:{name}]\ncommand={name}\nautorestart=1\n" for name in ("a", "b", "c"))
    found = imported(f"{programs}[group:api]\nprograms=a, b\npriority=5\n[group:c]\nprograms=b\n")
    assert specs(found) == {
        "a": ServiceSpec("a", "a", group="api"),
        "b": ServiceSpec("b", "b", group="api", groups=("c-group",)),
        "c": ServiceSpec("c", "c"),
    }
    assert found.notes[-1] == "the group c is c-group here, because a service has its name"


def test_included_files_are_read(imported: Import, place: Place) -> None:
    """Globs of [include] start where the file lies; %(here)s is the folder of the file it stands in."""
    folder = place.project / "conf.d"
    folder.mkdir()
    (folder / "b.conf").write_text("[program:b]\ncommand=b\ndirectory=%(here)s\nautorestart=1")
    (folder / "a.conf").write_text("[program:a]\ncommand=a\nautorestart=1\n[include]\nfiles=*.conf")
    found = imported("[include]\nfiles=conf.d/*.conf supervisord.conf no/*.ini\n")
    assert specs(found) == {
        "a": ServiceSpec("a", "a"),
        "b": ServiceSpec("b", "b", cwd=str(folder)),
    }
    assert found.notes == (
        f"[include]: {folder / 'a.conf'} is included itself, and includes nothing more; left out",
        "[include] files: no/*.ini fits no file",
    )


X = "[program:x]\ncommand=x\n"
TOLD = {
    "exitcodes=0,2": "exitcodes: only exit 0 is expected here; the others are left out",
    "stopasgroup=false": "stopasgroup: guardian always ends the whole tree; left out",
    "stdout_logfile=/dev/stdout": (
        "stdout_logfile: guardian keeps output in its own files, as much as log_keep says"
    ),
    "stdout_logfile_maxbytes=0": (
        "stdout_logfile_maxbytes: 0 is no bound, and here there always is one; left out"
    ),
    "stdout_logfile_backups=1\nstderr_logfile_backups=2": (
        "stderr_logfile_backups: log_keep is one for both streams, that of stdout; left out"
    ),
    "stdout_events_enabled=true": "stdout_events_enabled: guardian events has no output in it; left out",
    "startretries=0": "startretries: 0 is max_restarts = 1 here, where 0 means no limit",
}


@pytest.mark.parametrize("line", TOLD)
def test_what_cannot_be_said_is_told(imported: Import, line: str) -> None:
    """Every key that is left out, or means something else, is named (P10, P11)."""
    assert f"[program:x] {TOLD[line]}" in imported(f"{X}{line}\n").notes


WRONG = {
    "command=x": ":1: found 'command=x', expected a [section] above it",
    "[program:x]\ncommand": ":2: expected [section], or KEY=VALUE",
    "": ": describes no service; nothing to import",
    "[supervisord]\n": ": describes no service; nothing to import",
    "[program:x]\nuser=y": ": [program:x]: says no command",
    f"{X}comand=y": ": [program:x] comand: is not known; did you mean command?",
    "[progam:x]\ncommand=x": ": [progam:x]: is not known; did you mean program?",
    f"{X}{X}": ":3: [program:x]: is there twice",
    f"{X}user=a\nUSER=b": ":4: [program:x] user: is there twice",
    f"{X}autorestart=maybe": ": [program:x] autorestart: found 'maybe', expected true, false or unexpected",
    f"{X}autostart=2": ": [program:x] autostart: found '2', expected true or false",
    f"{X}stopwaitsecs=-1": ": [program:x] stopwaitsecs: found '-1', expected a whole number, 0 or more",
    f"{X}stopsignal=BYE": (
        ": [program:x] stopsignal: found 'BYE', expected a signal such as TERM, INT or QUIT"
    ),
    f"{X}umask=999": ": services.x.umask: found '999', expected an octal number as a text such as \"022\"",
    f"{X}stdout_logfile_maxbytes=big": (
        ": [program:x] stdout_logfile_maxbytes: found 'big', expected bytes, or a size such as 50MB"
    ),
    f"{X}environment=A": ': [program:x] environment: found \'A\', expected KEY="value",OTHER="value"',
    f"{X}directory=50%": (": [program:x] directory: found a lone %, expected %(NAME)s, or %% for the sign"),
    f"{X}directory=%(ENV_NOT_SET_HERE)s": (
        ": [program:x] directory: found %(ENV_NOT_SET_HERE)s: NOT_SET_HERE is not set here"
    ),
    f"{X}directory=%(program)s": (
        ": [program:x] directory: found %(program)s: is not known; did you mean program_name?"
    ),
    f"{X}directory=%(here)d": ": [program:x] directory: found %(here)d, but that is no number",
    f"{X}directory=%(process_num)999999999d": (
        ": [program:x] directory: found a lone %, expected %(NAME)s, or %% for the sign"
    ),
    f"{X}numprocs=2": (
        ": [program:x] process_name: expected %(process_num)02d in it, because numprocs is more than 1"
    ),
    f"{X}numprocs=5000": ": [program:x] numprocs: found 5000, expected 1 to 1000",
    f"{X}numprocs=2\nprocess_name=a%(process_num)s%%\n[program:a0]\ncommand=y": (
        ": [program:a0]: the name a0 is there twice, expected another one"
    ),
    f"{X}[group:g]\nprograms=y": ": [group:g] programs: is not known; known are x",
    f"{X}[group:g]\n": ": [group:g]: says no programs",
    "[include]\n": ": [include]: says no files",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[-40:])
def test_a_wrong_file_is_one_line(imported: Import, place: Place, text: str) -> None:
    """File, section and key, what was found and what was expected (P10)."""
    with pytest.raises(ConfigError) as error:
        imported(text)
    assert str(error.value) == f"{place.project / 'supervisord.conf'}{WRONG[text]}"


def test_a_program_in_two_files_is_told_with_its_file(imported: Import, place: Place) -> None:
    """What is wrong in an included file is told with that file (P10)."""
    (place.project / "more.ini").write_text(X)
    with pytest.raises(ConfigError) as error:
        imported(f"{X}[include]\nfiles=more.ini")
    assert (
        str(error.value) == f"{place.project / 'more.ini'}: [program:x]: is there twice, in different files"
    )


def test_an_include_that_means_everything_is_refused(imported: Import, place: Place) -> None:
    """A glob that fits hundreds of files is no configuration (P10)."""
    folder = place.project / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.ini").write_text("")
    with pytest.raises(ConfigError, match=r"\[include\] files: means more than 200 files, expected fewer"):
        imported(f"{X}[include]\nfiles=many/*.ini")


def test_a_file_of_another_name_is_known_by_its_sections(tmp_path: Path, place: Place) -> None:
    """[program:…] tells the format where the name does not."""
    path = tmp_path / "services.conf"
    path.write_text("[program:x]\ncommand=x")
    assert "[services.x]" in import_file(str(path), environ=place.environ).text


def test_blanks_without_end_are_refused(imported: Import) -> None:
    """A line of blanks, on which Python's parser takes quadratic time, is refused at once (P10)."""
    with pytest.raises(ConfigError, match="holds more than 500 blanks in a row"):
        imported(f"{X}a{' ' * 300_000}b\n")
