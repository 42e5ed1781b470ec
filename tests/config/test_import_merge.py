"""What `config import --write` does to a guardian.toml that is there; and any input at all."""

from __future__ import annotations

import contextlib
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from place import Place

from guardian.config import importers
from guardian.config.compose import compose_documents
from guardian.config.document import read_document
from guardian.config.importers import fields, import_file, merge, pm2_apps, pm2_keys, processes, write_import
from guardian.config.importers import supervisord_programs as programs
from guardian.config.settings import SECTIONS
from guardian.errors import ConfigError
from guardian.services.order import roster
from guardian.services.spec import HealthSpec, ServiceSpec


@pytest.fixture
def project(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Stand in a project."""
    monkeypatch.chdir(place.project)
    return place


def write(place: Place, lines: str, *, force: bool = False) -> str:
    """Import a Procfile of these lines into the project's file; return what that says then."""
    path = place.project / "Procfile"
    path.write_text(lines)
    write_import(import_file(str(path), environ=place.environ), force=force)
    return place.file.read_text()


BEFORE = """\
# what this project allows
[limits]  # for all
timeout = '5m'

# the database
[services.db]
command = "postgres"  # of the system
[services.db.ready]
type = "tcp"
port = 5432

# what follows is about alerts
[alerts]
desktop = true
"""
WEB = '[services.web]\ncommand = "x"\nenv = { "PORT" = "5000" }\n'


def test_what_is_there_keeps_its_form(project: Place) -> None:
    """New tables come behind the old ones; not a character of those changes."""
    project.write(BEFORE)
    after = write(project, "web: x")
    assert after == f"{BEFORE}\n# imported from {project.project / 'Procfile'}\n\n{WEB}"


def test_a_file_is_made_where_there_is_none(project: Place) -> None:
    """The first import makes the file."""
    assert write(project, "web: x") == f"# imported from {project.project / 'Procfile'}\n\n{WEB}"


def test_a_name_that_is_there_is_not_replaced_unasked(project: Place) -> None:
    """The service that is there is named with its line, and nothing is written (P10)."""
    project.write(BEFORE)
    with pytest.raises(ConfigError) as error:
        write(project, "web: x\ndb: y")
    assert str(error.value) == (
        f"{project.file}:6: services.db: is there already; --force replaces it; nothing was written"
    )
    assert project.file.read_text() == BEFORE


def test_force_replaces_whole_tables_and_no_comment_of_others(project: Place) -> None:
    """With force the old service goes with its tables below; what stands above the next table stays."""
    project.write(BEFORE)
    after = write(project, "db: y", force=True)
    assert after == (
        "# what this project allows\n[limits]  # for all\ntimeout = '5m'\n\n# the database\n\n"
        "# what follows is about alerts\n[alerts]\ndesktop = true\n\n"
        f"# imported from {project.project / 'Procfile'}\n\n"
        '[services.db]\ncommand = "y"\nenv = { "PORT" = "5000" }\n'
    )


def test_force_again_and_again_does_not_grow_the_file(project: Place) -> None:
    """The same import a second and a third time is the same file."""
    first = write(project, "web: x\nworker: y")
    assert write(project, "web: x\nworker: y", force=True) == first
    assert write(project, "web: x\nworker: y", force=True) == first


@pytest.mark.parametrize(
    "text",
    [
        'services = { db = { command = "x" } }\n',
        '[services]\ndb.command = "x"\n',
        '[services.db]\ncommand = """\n[services.web]\n"""\n',
    ],
)
def test_a_form_that_cannot_be_added_to_is_left_alone(project: Place, text: str) -> None:
    """Inline tables, dotted keys and texts that look like tables: right, or refused and untouched (P10)."""
    project.write(text)
    with contextlib.suppress(ConfigError):
        write(project, "db: y", force=True)
    found = {service.name: service.command for service in project.load().services}
    assert found in ({"db": "y"}, {"db": tomllib.loads(text)["services"]["db"]["command"]})
    if found != {"db": "y"}:
        assert project.file.read_text() == text


def test_the_result_as_a_whole_has_to_be_right(project: Place) -> None:
    """What is right by itself and not beside the rest is not written (P10)."""
    text = '[services.x]\ncommand = "x"\ngroup = "web"\n'
    project.write(text)
    with pytest.raises(ConfigError) as error:
        write(project, "web: x")
    assert str(error.value) == (
        f"{project.file}: services.web: is the name of a group too, expected another name; "
        "nothing was written"
    )
    assert project.file.read_text() == text


def test_a_file_that_is_wrong_already_is_not_touched(project: Place) -> None:
    """A guardian.toml that is no TOML is told as such (P10)."""
    project.write("[limits\n")
    with pytest.raises(ConfigError, match=r"guardian\.toml:1:8: is not TOML"):
        write(project, "web: x")
    assert project.file.read_text() == "[limits\n"


def test_line_ends_and_byte_order_mark_stay(project: Place) -> None:
    """A file of a Windows editor stays one."""
    project.file.write_bytes(b'\xef\xbb\xbf[limits]\r\ntimeout = "1s"')
    write(project, "web: x")
    after = project.file.read_bytes()
    assert after.startswith(b'\xef\xbb\xbf[limits]\r\ntimeout = "1s"\r\n\r\n# imported')
    assert after.count(b"\n") == after.count(b"\r\n")


def test_a_section_that_has_more_is_not_replaced(project: Place) -> None:
    """[monitor] of the old limits is not put over another [monitor], not even with force (P10)."""
    project.write('[monitor]\ninterval = "5s"\n')
    old = project.project / "bun-process-config.json"
    old.write_text('{"monitoringIntervalMs": 1000}')
    with pytest.raises(ConfigError, match=r":1: monitor: is there already, and is more than what was"):
        write_import(import_file(str(old)), force=True)


def test_paths_of_a_file_elsewhere_start_there(project: Place) -> None:
    """Relative folders and files of a foreign file mean what they meant where it lies."""
    folder = project.home / "app"
    (folder / "sub").mkdir(parents=True)
    (folder / ".env").write_text("PORT=3000\n")
    (folder / "Procfile").write_text("web: ./run --port $PORT\n")
    app = {"name": "x", "script": "a.js", "cwd": "sub", "out_file": "logs/o", "error_file": "/var/e"}
    (folder / "ecosystem.config.json").write_text(json.dumps({"apps": [app]}))
    for name in ("Procfile", "ecosystem.config.json"):
        write_import(import_file(str(folder / name), environ=project.environ))
    web, x = project.load().services
    assert (web.cwd, web.env_files, web.env) == ("../home/app", ("../home/app/.env",), {"PORT": "3000"})
    assert (x.cwd, x.log_file, x.error_file) == ("../home/app/sub", "../home/app/sub/logs/o", "/var/e")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ecosystem.config.js", "node -p 'JSON.stringify(require(\"./ecosystem.config.js\"))'"),
        ("tuix.config.ts", "bun -p 'JSON.stringify((await import(\"./tuix.config.ts\")).default)'"),
    ],
)
def test_a_program_is_not_executed(tmp_path: Path, name: str, how: str) -> None:
    """A configuration that is a program is refused, with the command that makes JSON of it (P10)."""
    (tmp_path / name).write_text("module.exports = {apps: []}")
    with pytest.raises(ConfigError) as error:
        import_file(str(tmp_path / name))
    stem = name.rpartition(".")[0]
    assert str(error.value) == (
        f"{tmp_path / name}: is a program, and an import executes nothing; "
        f"make JSON of it and import that: {how} > {stem}.json"
    )


CONTENT = {
    "processes.json": ('[{"name": "x", "command": "y"}]', "processes"),
    "a.json": ('{"processManager": {"processes": []}}', "processes"),
    "process.json": ('{"apps": [{"script": "x.js"}]}', "pm2"),
    "b.json": ('[{"script": "x.js"}]', "pm2"),
    "processes2.json": ('{"apps": [{"script": "x.js"}]}', "pm2"),
    "Procfile.dev": ("web: x", "procfile"),
    "x.conf": ("; c\n[program:x]\ncommand=x", "supervisord"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_the_format_is_known_by_content_and_name(name: str) -> None:
    """What a file holds tells its format, and its name does where that does not."""
    text, form = CONTENT[name]
    source = importers.Source(f"/x/{name}", text, {})
    assert importers._importer(source, "").name == form


def test_every_key_goes_to_one_that_exists() -> None:
    """The tables of foreign keys name keys of a service, or of a check, and nothing else."""
    for table in (processes.PROCESS, processes.MANAGER, pm2_keys.APP, programs.PROGRAM):
        assert {field.key for field in table.values()} <= set(ServiceSpec._fields)
    assert {field.key for field in processes.HEALTH.values()} <= set(HealthSpec._fields)
    assert {section.name for section in SECTIONS} >= {"services", "rules", "monitor"}
    assert pm2_apps.INTERPRETERS[".js"] == "node"


ODD = st.sampled_from(["\0", "\ud800", "a\nb", "'", "$X", "~", "ü", "", " ", "x y", "%", '"', "\\"])
PLAIN = st.sampled_from(["x", "bun run 'a b'", "npm start", "a.js", "src/**", "logs/x.log"])
WORDS = st.integers(0, 30).flatmap(lambda chance: PLAIN if chance else ODD)
COUNTS = st.integers(0, 10**5)
FITTING: dict[object, st.SearchStrategy[object]] = {
    fields.truth: st.booleans(),
    fields.whole: COUNTS,
    fields.number: COUNTS | st.floats(0, 1e6),
    fields.milliseconds: COUNTS | st.floats(0, 1e9),
    fields.megabytes: COUNTS | st.floats(0, 1e6),
    fields.texts: st.lists(WORDS, max_size=3),
    fields.environment: st.dictionaries(WORDS, WORDS | COUNTS | st.booleans(), max_size=3),
    pm2_keys.size: COUNTS | st.sampled_from(["200M", "1G"]),
    pm2_keys.duration: COUNTS | st.sampled_from(["10s", "5m", "3000"]),
    pm2_keys.words_of: WORDS | st.lists(WORDS, max_size=3),
}
CHECK = st.fixed_dictionaries(
    {"type": st.sampled_from(["http", "tcp", "output", "script"])},
    optional={
        "url": st.just("http://localhost:1/x"),
        "port": st.integers(1, 65535),
        "outputPattern": st.sampled_from(["ready", r"\d+", "("]),
        "script": WORDS,
        "interval": st.integers(1, 10**6),
        "retries": st.integers(1, 5),
    },
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def entries(
    table: dict[str, fields.Field], start: str, **others: st.SearchStrategy[object]
) -> st.SearchStrategy[object]:
    """Return lists of entries of a foreign file: most values fit their keys, some are anything."""
    some = {key: FITTING.get(field.read, WORDS) for key, field in table.items() if key != start} | others
    right = st.fixed_dictionaries(
        {"name": st.text("abcdef", min_size=4, max_size=6), start: WORDS}, optional=some
    )
    keys = st.sampled_from([*some, "name", "healthCheck", "env_x"]) | st.text(max_size=5)
    wrong = st.dictionaries(keys, ANY, min_size=1, max_size=2)
    mixed = st.builds(lambda one, other: {**one, **other}, right, wrong)
    either = st.integers(0, 8).flatmap(lambda chance: right if chance else mixed)
    return st.lists(either, max_size=3)


PROCESSES = entries(processes.PROCESS, "command", healthCheck=CHECK)
APPS = entries(
    {**pm2_keys.APP},
    "script",
    instances=st.sampled_from([0, 1, 2, "max", "3", -1]),
    exec_mode=st.sampled_from(["fork", "cluster"]),
    watch=st.booleans() | st.lists(WORDS, max_size=2),
    ignore_watch=st.lists(WORDS, max_size=2),
    log_file=WORDS | st.booleans(),
    out_file=WORDS,
    exp_backoff_restart_delay=COUNTS,
    interpreter=WORDS | st.just("none"),
    interpreter_args=WORDS,
    namespace=WORDS,
    port=COUNTS,
    stop_exit_codes=st.lists(st.integers(0, 3)),
    wait_ready=st.booleans(),
)
FILES = st.one_of(
    st.tuples(st.just("processes.json"), PROCESSES | st.fixed_dictionaries({"processes": PROCESSES}) | ANY),
    st.tuples(st.just("ecosystem.config.json"), APPS | st.fixed_dictionaries({"apps": APPS}) | ANY),
)


def refusal(path: Path, target: Path) -> str:
    """Import a file into another; return the line that it was refused with, or nothing."""
    try:
        imported = import_file(str(path), environ={})
        merge(str(target), imported.text, imported.tables, force=True)
    except ConfigError as error:
        return str(error)
    assert all(note.isprintable() for note in imported.notes)
    return ""


def own_folder(factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples, above which no other test stands."""
    folder = factory.getbasetemp() / "imported-or-refused"
    folder.mkdir(exist_ok=True)
    return folder


def right_or_refused(folder: Path, name: str, text: str) -> None:
    """Import and write a file: its services are right and in force, or one line says why not."""
    path, target = folder / name, folder / "guardian.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    target.write_text(BEFORE)
    if line := refusal(path, target):
        event("refused")
        assert "\n" not in line
        assert target.read_text() == BEFORE
        return
    event("imported")
    services = compose_documents([read_document(str(target))]).settings.services
    assert len(roster(services).specs) > 0
    assert target.read_text() != BEFORE


@settings(max_examples=100)
@given(FILES)
def test_any_json_is_imported_or_refused(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, object]
) -> None:
    """Whatever JSON a file holds, there is no traceback and never a wrong guardian.toml (P10)."""
    right_or_refused(own_folder(tmp_path_factory), file[0], json.dumps(file[1]))


VALUES = {
    **dict.fromkeys(("startsecs", "stopwaitsecs", "startretries", "stdout_logfile_backups"), COUNTS.map(str)),
    **dict.fromkeys(("autostart", "redirect_stderr", "stopasgroup", "autorestart"), st.sampled_from("10x")),
    "stopsignal": st.sampled_from(["TERM", "2", "SIGINT", "0", "STOPS"]),
    "environment": st.sampled_from(['A="x",B=%(here)s', "A=1,", "A", "%(program_name)s=1", "A=%(ENV_X)s"]),
    "numprocs": st.sampled_from(["1", "2", "0"]),
    "process_name": st.sampled_from(["%(program_name)s_%(process_num)02d", "%(process_num)5s", "x", "%"]),
    "umask": st.sampled_from(["022", "0", "9"]),
    "stdout_logfile_maxbytes": st.sampled_from(["10MB", "0", "5000", "1"]),
    "stdout_logfile": WORDS,
    "directory": WORDS,
    "user": WORDS,
    "exitcodes": st.sampled_from(["0", "0,2"]),
    "priority": COUNTS.map(str),
    "command": WORDS,
}
ROWS = st.one_of([values.map(lambda value, key=key: f"{key}={value}") for key, values in VALUES.items()])
HEADS = st.sampled_from(["[program:a]\ncommand=x", "[program:b c]\ncommand=y", "[program:d]"])
OTHERS = st.sampled_from(
    ["[supervisord]\nlogfile=x", "[group:a]\nprograms=a,d", "[include]\nfiles=*.toml", "; c"]
)
SECTIONS_OF_INI = st.tuples(HEADS, st.lists(ROWS, max_size=4, unique_by=lambda row: row.partition("=")[0]))
INI = st.lists(
    SECTIONS_OF_INI.map(lambda made: "\n".join([made[0], *made[1]])) | OTHERS, max_size=3, unique=True
)
LINES_OF_PROCFILE = st.tuples(st.sampled_from(["a", "b", "c-d", "_e", "f g", "#"]), WORDS).map(": ".join)
TEXTS = st.one_of(
    st.tuples(st.just("supervisord.conf"), INI),
    st.tuples(st.just("Procfile"), st.lists(LINES_OF_PROCFILE, max_size=3)),
    st.tuples(st.sampled_from(["supervisord.conf", "Procfile"]), st.lists(st.text(max_size=10), max_size=3)),
)


@settings(max_examples=100)
@given(TEXTS)
def test_any_text_is_imported_or_refused(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, list[str]]
) -> None:
    """Whatever a Procfile or an ini says, there is no traceback, never a wrong guardian.toml (P10)."""
    right_or_refused(own_folder(tmp_path_factory), file[0], "\n".join(file[1]))
