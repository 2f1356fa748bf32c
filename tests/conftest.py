"""What all tests share: one throw-away PostgreSQL for the whole run, clean tables, and tests that need a tool.

Tests get the database by asking for `settings` (or `owner_url`); what they leave in it is gone before the next
one. Each pytest-xdist process has a database of its own on the one server, copied from a migrated template.
"""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql

from models.migrations.run import ensure_roles, upgrade
from models.session import conninfo, psycopg_url
from models.settings import Settings
from tests.support.full_disk import can_mount
from tests.support.namespaces import can_make_namespaces
from tests.support.scheduling import IS_LONG, OneStack, longest_first

_FOLDER = "EXOSEND_TESTS_FOLDER"
_TEMPLATE = "exosend_template"
_SECRET_KEY = "a-key-for-tests-only"  # roles belong to the server: all processes must derive the same passwords
_TOOL_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# How long an example takes says how busy the machine is: 85 ms alone, 420 beside a stack.
hypothesis.settings.register_profile("exosend", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("exosend")


def pytest_configure(config: pytest.Config) -> None:
    """In the first process: a folder for the run, and the pipe whose end stops the server."""
    for name in [name for name in os.environ if name.startswith("EXOSEND_") and name != _FOLDER]:
        del os.environ[name]  # the developer's own settings are not what is tested
    if hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="exosend-tests-"))
    os.environ |= {_FOLDER: str(folder), "PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1"}
    os.mkfifo(folder / "alive")
    # Read and write, so that opening does not wait for a reader; only this process ever holds the writing end.
    config.stash[_ALIVE] = os.open(folder / "alive", os.O_RDWR | os.O_CLOEXEC)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStack:
    """Tests that need a running stack share one."""
    return OneStack(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the server go, and wait until its folder is gone with it."""
    if (alive := config.stash.get(_ALIVE, None)) is None:
        return
    folder = Path(os.environ.pop(_FOLDER))
    os.close(alive)
    deadline = time.monotonic() + 10
    while (folder / "postgres").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


_ALIVE = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def _server() -> str:
    """The superuser's address on the run's one server; the first process that asks starts it and fills the template."""
    folder = Path(os.environ[_FOLDER]) / "server"
    with _locked(folder.with_suffix(".lock")):
        address = folder / "address"
        if not address.exists():
            _start_server(folder, address)
            _create(address.read_text(), _TEMPLATE)
        return address.read_text()


@pytest.fixture(scope="session")
def session_settings(_server: str, worker_id: str) -> Settings:
    """Settings of this process's database, for fixtures that live as long as it does (engines); it is not cleaned."""
    name = f"exosend_{worker_id}"
    with psycopg.connect(_server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER exosend_admin").format(
                sql.Identifier(name), sql.Identifier(_TEMPLATE)
            )
        )
    settings = _settings(_server, name)
    with _locked(Path(os.environ[_FOLDER]) / "server.lock"):  # roles belong to all databases of a server
        ensure_roles(_url(_server, name), settings)  # rights on a database are not copied with it
    with psycopg.connect(_superuser(_server, name), autocommit=True) as connection:
        connection.execute(_KEEP_SEEDS)
    return settings


@pytest.fixture(scope="session")
def _cleaner(session_settings: Settings, _server: str, worker_id: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_superuser(_server, f"exosend_{worker_id}"), autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")  # a test that left a transaction open is told so
        yield connection


@pytest.fixture
def settings(session_settings: Settings, _cleaner: psycopg.Connection, tmp_path: Path) -> Iterator[Settings]:
    """Settings whose database is migrated and holds nothing but what the migrations put there."""
    yield session_settings.with_values(data_dir=tmp_path)
    _cleaner.execute(_CLEAN)


@pytest.fixture
def owner_url(settings: Settings) -> str:
    """The same database as the role that may change its schema."""
    assert settings.database_url is not None
    return settings.database_url


@pytest.fixture
def empty_database_url(_server: str, worker_id: str) -> Iterator[str]:
    """A database without a schema, as the role that may make one; dropped afterwards."""
    name = sql.Identifier(f"exosend_empty_{worker_id}")
    with psycopg.connect(_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER exosend_admin").format(name))
        yield _url(_server, f"exosend_empty_{worker_id}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _start_server(folder: Path, address: Path) -> None:
    """Start it detached: it has to outlive this process, if that is one of several."""
    folder.mkdir()
    command = [sys.executable, "-m", "deployments.scratch_postgres", str(folder)]
    log = str(folder.parent / "server.log")
    with (folder.parent / "alive").open("rb") as alive:
        actions = [
            (os.POSIX_SPAWN_DUP2, alive.fileno(), 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setsid=True)
    while not address.exists():
        assert os.waitpid(pid, os.WNOHANG)[0] == 0, Path(log).read_text()
        time.sleep(0.02)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _create(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER exosend_admin").format(sql.Identifier(name)))
    upgrade(_url(server, name), _settings(server, name))


def _settings(server: str, name: str) -> Settings:
    return Settings(database_url=_url(server, name), secret_key=_SECRET_KEY)  # type: ignore[arg-type]


def _superuser(server: str, name: str) -> str:
    return conninfo(psycopg_url(server).set(database=name))


def _url(server: str, name: str) -> str:
    """The embedded server's administrator has the superuser's password."""
    return conninfo(psycopg_url(server).set(username="exosend_admin", database=name))


# Rows that migrations bring (prices) are tests' to change as well, and come back for the next one.
_FILLED = """
    SELECT oid::regclass FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'alembic_version'
"""
_KEEP_SEEDS = f"""
    CREATE SCHEMA seeds;
    DO $$
    DECLARE found regclass; filled boolean;
    BEGIN
        FOR found IN {_FILLED} LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', found) INTO filled;
            IF filled THEN EXECUTE format('CREATE TABLE seeds.%I AS TABLE %s', found::text, found); END IF;
        END LOOP;
    END $$
"""
_CLEAN = f"""
    DO $$
    DECLARE found regclass; filled boolean; names text[] := '{{}}'; seed text;
    BEGIN
        FOR found IN {_FILLED} LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', found) INTO filled;
            IF filled THEN names := names || found::text; END IF;
        END LOOP;
        IF cardinality(names) > 0 THEN EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' CASCADE'; END IF;
        FOR seed IN SELECT relname FROM pg_class WHERE relnamespace = 'seeds'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('INSERT INTO public.%1$I OVERRIDING SYSTEM VALUE TABLE seeds.%1$I', seed);
        END LOOP;
    END $$
"""


def _is_there(tool: str) -> bool:
    """Whether a program is installed; namespaces and mounts are none: root has them, unless a container forbids it."""
    if (may := {"namespaces": can_make_namespaces, "mounts": can_mount}.get(tool)) is not None:
        return may()
    return shutil.which(tool, path=_TOOL_PATH) is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip a test marked `needs(tool)` where the tool is not installed; begin with what takes longest."""
    if IS_LONG:
        longest_first(items)
    for item in items:
        for marker in item.iter_markers("needs"):
            tool = marker.args[0]
            item.user_properties.append(("needs", tool))
            if not _is_there(tool):
                item.add_marker(pytest.mark.skip(reason=f"needs {tool}, which is not installed"))


def _skipped_for_tools(reporter: pytest.TerminalReporter) -> list[tuple[str, str, bool]]:
    """(test, tool, whether the tool is there) of every skipped test that is marked with a tool."""
    return [
        (report.nodeid, str(tool), _is_there(str(tool)))
        for report in reporter.stats.get("skipped", [])
        if isinstance(report, pytest.TestReport)
        for name, tool in report.user_properties
        if name == "needs"
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was not run, and why."""
    if skipped := _skipped_for_tools(terminalreporter):
        terminalreporter.section("not run on this machine")
        width = max(len(tool) for _, tool, _ in skipped)
        for test, tool, there in sorted(skipped):
            why = "skipped although it is there" if there else "not installed"
            terminalreporter.write_line(f"{tool:<{width}}  {why}  {test}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a test that was skipped although its tool is there fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput") or os.environ.get("CI") != "true":
        return
    if any(there for _, _, there in _skipped_for_tools(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
