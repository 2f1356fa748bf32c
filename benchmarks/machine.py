"""A PostgreSQL for one run of the benchmarks, durable as the product's own, and a fresh database for each figure."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from deployments import postgres
from models.migrations.run import upgrade
from models.session import conninfo, psycopg_url
from models.settings import Settings

_SECRET_KEY = "a-key-for-benchmarks-only"


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The superuser's address on a server that is stopped afterwards, also by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    running = postgres.start(folder)
    try:
        yield running.cluster.superuser_url()
    finally:
        running.stop()


@contextlib.contextmanager
def fresh_database(server: str, name: str, folder: Path) -> Iterator[tuple[Settings, Callable[[], None]]]:
    """Settings of a new, migrated database, and what brings it to rest; dropped afterwards."""
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, sql.Identifier(postgres.ADMIN)))
        url = conninfo(psycopg_url(server).set(username=postgres.ADMIN, database=name))
        settings = Settings(database_url=url, secret_key=_SECRET_KEY, data_dir=folder)
        upgrade(url, settings)
        try:
            # Else one timed run pays for writing out the pages of the one before it.
            yield settings, lambda: _checkpoint(connection)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def _checkpoint(connection: psycopg.Connection) -> None:
    connection.execute("CHECKPOINT")
