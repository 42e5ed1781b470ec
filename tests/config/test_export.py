"""`config export`: one systemd unit for a project, and a Procfile; what systemd says to the unit."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from place import Place

from guardian.config.compose import compose_documents
from guardian.config.document import parse
from guardian.config.exporters.procfile import procfile
from guardian.config.exporters.project import Project, project
from guardian.config.exporters.systemd import quoted, unit, unit_name
from guardian.config.importers import import_file
from guardian.errors import ConfigError, UsageError

SERVICES = """\
[services.db]
command = "postgres -D data"
stop_timeout = "30s"
[services.web]
command = "bun"
args = ["run", "my server.ts"]
cwd = "front end"
env = { PORT = "80", NOTE = "a 'b' $c" }
depends_on = ["db"]
group = "api"
[services.cache]
command = "redis-server"
stop_timeout = "20s"
"""


def here(place: Place, *words: str) -> Project:
    """Return the project of a place that has three services."""
    place.write(SERVICES)
    return project(words, place.environ, str(place.project))


def test_a_unit_runs_guardian_up_in_the_projects_folder(place: Place) -> None:
    """The unit says where and how guardian starts, and leaves the ending of services to guardian (P1, P3)."""
    done = unit(here(place), program=["/opt/g/bin/guardian"], path="/usr/bin:/bin")
    assert (
        done.text
        == f"""\
[Unit]
Description=guardian: services of {place.project}

[Service]
Type=exec
WorkingDirectory={place.project}
Environment=PATH=/usr/bin:/bin
ExecStart=/opt/g/bin/guardian up
# guardian ends its services itself; whoever is left after that is killed
KillMode=mixed
TimeoutStopSec=55
Restart=on-failure
RestartPreventExitStatus=2
# a cgroup of its own for each service; one that runs out of memory does not end the others
Delegate=yes
OOMPolicy=continue

[Install]
WantedBy=default.target"""
    )
    assert done.notes == (
        "put it into ~/.config/systemd/user/guardian-project.service, then: "
        "systemctl --user enable --now guardian-project.service",
        "loginctl enable-linger lets it run while you are not logged in",
    )


def test_a_unit_of_the_system_has_a_user(place: Place) -> None:
    """A unit of the system says as whom guardian runs, and comes after the network."""
    done = unit(here(place), program=["/g"], path="", user="me")
    lines = done.text.splitlines()
    assert {"User=me", "After=network-online.target", "WantedBy=multi-user.target"} <= set(lines)
    assert not any(line.startswith("Environment=") for line in lines)


def test_a_file_that_was_named_is_named_in_the_unit(place: Place) -> None:
    """GUARDIAN_CONFIG is part of what makes the project."""
    place.write(SERVICES)
    other = place.file.rename(place.project / "other.toml")
    place.environ["GUARDIAN_CONFIG"] = str(other)
    done = unit(project((), place.environ, str(place.home)), program=["/g"], path="")
    assert f"Environment=GUARDIAN_CONFIG={other}" in done.text.splitlines()
    assert f"WorkingDirectory={place.project}" in done.text.splitlines()


def test_a_unit_is_for_all_services(place: Place) -> None:
    """`guardian up` takes no names, so a unit with names is refused, with the way to do it (P10)."""
    with pytest.raises(UsageError, match=r"^a unit is for the whole project; autostart = false leaves"):
        unit(here(place, "web"), program=["/g"], path="")


@pytest.mark.parametrize("folder", ["line\nbreak", "end ", "end\\", "tab\there"])
def test_a_folder_that_no_unit_can_name_is_refused(folder: str, place: Place) -> None:
    """A folder is never written so that systemd would read another one (P10)."""
    with pytest.raises(ConfigError, match="cannot stand in a unit: expected no control character"):
        unit(here(place).replace(folder=f"/{folder}"), program=["/g"], path="")


def test_nothing_to_export_is_one_line(place: Place) -> None:
    """Where there are no services, that is said (P10)."""
    place.write("[limits]\n")
    with pytest.raises(ConfigError, match=r"guardian\.toml: there are no services here; write \[services"):
        project((), place.environ, str(place.project))
    with pytest.raises(UsageError, match=r"no service or group is called wbe; did you mean web?"):
        here(place, "wbe")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/srv/my app", "guardian-my-app"),
        ("/srv/ü.x", "guardian-x"),
        ("/", "guardian"),
        ("/a_b", "guardian-a_b"),
    ],
)
def test_a_unit_is_named_after_its_folder(folder: str, name: str) -> None:
    """The name of the unit needs no escapes."""
    assert unit_name(folder) == name


ODD = [
    "plain",
    "with blank",
    'quo"te',
    "it's",
    "back\\slash",
    "100%",
    "%h",
    "$HOME",
    "${X}",
    "ünï",
    "a;b",
    "#c",
]


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", ODD)
def test_systemd_reads_what_was_meant(place: Place, name: str) -> None:
    """Systemd finds the program under its real path, however that is spelled, and complains of nothing.

    It looks whether the program of ExecStart= is there, so a wrong escape is an error.
    """
    folder = place.project / name
    folder.mkdir()
    program = folder / "guardian"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    made = unit(here(place).replace(folder=str(folder)), program=[str(program)], path=f"/bin:{folder}")
    file = place.home / "guardian-x.service"
    file.write_text(made.text + "\n")
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")


def unquoted(text: str) -> str:
    """Read one quoted word as systemd.syntax(7) says."""
    if not text.startswith('"'):
        return text
    body = text[1:-1].encode("latin-1", "backslashreplace") if text.isascii() else text[1:-1].encode()
    return body.decode("unicode_escape" if text.isascii() else "utf-8").replace("%%", "%")


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_quoting_loses_nothing(word: str) -> None:
    """What is quoted is one line, and reads back as it was."""
    made = quoted(word)
    assert made.isprintable()
    assert unquoted(made) == word


def test_a_procfile_holds_what_it_can(place: Place) -> None:
    """Command, variables and folder are in the line; the rest is told, key by key (P11)."""
    done = procfile(here(place))
    assert done.text.splitlines() == [
        "db: exec postgres -D data",
        "web: cd 'front end' && exec env PORT=80 'NOTE=a '\"'\"'b'\"'\"' $c' bun run 'my server.ts'",
        "cache: exec redis-server",
    ]
    assert done.notes == (
        "services.db: stop_timeout: no Procfile can say that; left out",
        "services.web: group, depends_on: no Procfile can say that; left out",
        "services.cache: stop_timeout: no Procfile can say that; left out",
    )


def test_what_is_exported_by_name_has_what_it_needs(place: Place) -> None:
    """A group means its services, and those that they depend on come along."""
    assert [line.partition(":")[0] for line in procfile(here(place, "api")).text.splitlines()] == [
        "db",
        "web",
    ]


def test_a_procfile_that_comes_back_runs_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and imported again, the shell gets the words of the service."""
    path = place.project / "Procfile"
    path.write_text(procfile(here(place)).text)
    monkeypatch.chdir(place.project)
    text = import_file(str(path), environ=place.environ).text
    web = compose_documents([parse("f", text)]).settings.services[1]
    assert web.argv[:2] == ("sh", "-c")
    assert shlex.split(web.args[1])[-3:] == ["bun", "run", "my server.ts"]


def test_a_line_break_is_refused(place: Place) -> None:
    """What would become two lines is not exported (P10)."""
    place.write('[services.x]\ncommand = "sh"\nargs = ["-c", "a\\nb"]')
    with pytest.raises(ConfigError, match=r"services\.x: holds a control character"):
        procfile(project((), place.environ, str(place.project)))
