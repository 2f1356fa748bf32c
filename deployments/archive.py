"""Backup and restore of the database, by PostgreSQL's own pg_dump and pg_restore.

A backup is one file, readable by any pg_restore of the same or a later version. It holds everything but the secret
key (who finds a backup should not be able to open what is encrypted in it) and Prefect's own history.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from deployments import postgres
from deployments.connection import running_stack
from deployments.state import FolderLock
from models.errors import SetupError
from models.migrations.restoring import engine_may_own, remove_schema
from models.migrations.run import upgrade
from models.session import conninfo, psycopg_url, secret_key
from models.settings import Settings
from models.store.inspection import is_unused

_SECONDS = 6 * 3600


@contextmanager
def reachable_database(settings: Settings) -> Iterator[str]:
    """The database's address; an embedded one that does not run is started for as long as this takes.

    Raises SetupError when there is none, or another process is about to use its folder.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    stack = running_stack(settings)
    if stack is not None and stack.database_url is not None:
        yield stack.database_url
        return
    lock = FolderLock(settings.data_dir)
    try:
        if not lock.acquire():
            raise SetupError(f"A stack is starting or stopping on {settings.data_dir}: try again in some seconds.")
        server = postgres.start(settings.data_dir)
        try:
            yield server.cluster.url()
        finally:
            server.stop()
    finally:
        lock.release()


def back_up(settings: Settings, file: Path) -> int:
    """Write the database to `file` (mode 0600) and return its size in bytes. Raises SetupError."""
    no_cluster = not (settings.data_dir / "postgres" / "data").exists()
    if settings.database_url is None and running_stack(settings) is None and no_cluster:
        raise SetupError(f"There is no database in {settings.data_dir}; name its folder with --data-dir.")
    part = file.with_name(f".{file.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with reachable_database(settings) as url:
            _run("pg_dump", ["--format=custom", f"--file={part}"], url)
        part.replace(file)
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(settings: Settings, file: Path) -> None:
    """Read `file` into a database that was never used, and migrate it to this version.

    All or nothing. Raises SetupError when the stack runs, the database is in use, or the secret key is missing.
    """
    if not file.is_file():
        raise SetupError(f"There is no file {file}.")
    if running_stack(settings) is not None:
        raise SetupError(f"A stack runs on {settings.data_dir}: stop it first, or restore into another --data-dir.")
    secret_key(settings)
    with reachable_database(settings) as url:
        if not _unused(url):
            raise SetupError("This database is in use: a backup is restored into an empty one only.")
        remove_schema(url, settings)
        with engine_may_own(url):
            _run("pg_restore", ["--single-transaction", "--exit-on-error", str(file)], url)
        upgrade(url, settings)


def _unused(url: str) -> bool:
    engine = create_engine(psycopg_url(url), connect_args={"connect_timeout": 10})
    try:
        with Session(engine) as session:
            return is_unused(session)
    finally:
        engine.dispose()


def _run(program: str, options: Sequence[str], url: str) -> None:
    """Run it on the database. The password goes by the environment: command lines are everybody's to read."""
    address = psycopg_url(url)
    password = str(address.password) if address.password is not None else None
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"}
    if password is not None:
        environment["PGPASSWORD"] = password
    command = [str(postgres.binary(program)), "--no-password", f"--dbname={conninfo(address.set(password=None))}"]
    result = subprocess.run(
        [*command, *options], check=False, capture_output=True, text=True, env=environment, timeout=_SECONDS
    )
    if result.returncode != 0:
        last = " ".join(result.stderr.strip().splitlines()[-2:])
        raise SetupError(f"{program} failed: {last}")
