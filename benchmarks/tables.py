"""Raw COPY, the limit of everything that moves rows: no work between, into a table with the same indexes."""

import contextlib
import time
from collections.abc import Iterator

import psycopg
from psycopg import sql

from models.session import conninfo, psycopg_url
from models.settings import Settings

_BLOCK_BYTES = 1024 * 1024


@contextlib.contextmanager
def owner_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection in autocommit that may make tables and sees the rows of all organizations."""
    assert settings.database_url is not None
    with psycopg.connect(conninfo(psycopg_url(settings.database_url)), autocommit=True) as connection:
        yield connection


def copy_out_seconds(connection: psycopg.Connection, query: sql.Composable) -> float:
    """Seconds in which a query's rows come out; nothing is done with them."""
    began = time.perf_counter()
    with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began


def rows_of(connection: psycopg.Connection, query: sql.Composable) -> list[bytes]:
    """A query's rows as COPY writes them, joined to blocks of a size that is good to write."""
    with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as copy:
        rows = b"".join(copy)
    assert rows, "The limit would copy nothing."
    return [rows[start : start + _BLOCK_BYTES] for start in range(0, len(rows), _BLOCK_BYTES)]


def copy_in_seconds(
    connection: psycopg.Connection, like: str, columns: list[str], rows: list[bytes], options: str = ""
) -> float:
    """Seconds in which the rows go into an empty table with the columns, checks, defaults and indexes of `like`.

    `options`: storage parameters of the table, since LIKE does not take them over.
    """
    table = sql.Identifier("limit_of_copy")
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) {}").format(table, sql.Identifier(like), sql.SQL(options))
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))
    try:
        began = time.perf_counter()
        with connection.cursor().copy(statement) as copy:
            for block in rows:
                copy.write(block)
        return time.perf_counter() - began
    finally:
        connection.execute(sql.SQL("DROP TABLE {}").format(table))
