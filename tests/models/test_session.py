"""Transactions: one that goes to the server at once, and one that goes on after a failure."""

import time
from collections.abc import Callable, Iterator
from typing import Any, LiteralString
from uuid import UUID

import pytest
from psycopg.errors import CheckViolation
from sqlalchemy import text

from models.session import DATABASE_AWAY, Database, Role, begin_again, commit_at_once, driver
from models.settings import Settings
from models.store.organizations import create_organization

_SPEND = "UPDATE organizations SET balance = balance - %(amount)s RETURNING balance"
_TOP_UP = text("UPDATE organizations SET balance = 10")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """One connection, with an organization of 10 credits."""
    database = Database(settings, Role.ENGINE, pool_size=1)
    with database.transaction(None) as session:
        create_organization(session, name="Acme")
        session.execute(_TOP_UP)
    yield database
    database.close()


def _balance(database: Database) -> int:
    with database.transaction(None) as session:
        return int(session.execute(text("SELECT balance FROM organizations")).scalar_one())


_RENAME = "UPDATE organizations SET name = 'Globex'"


@pytest.fixture
def at_once(database: Database) -> Callable[..., list[tuple[Any, ...]]]:
    """`commit_at_once` of these statements, on a session that only reads."""

    def commit(*statements: LiteralString, amount: int = 4) -> list[tuple[Any, ...]]:
        with database.for_request() as connection, database.reading_on(connection, UUID(int=0)) as session:
            return commit_at_once(session, [(statement, {"amount": amount}) for statement in statements])

    return commit


def test_statements_are_one_transaction_and_the_last_ones_rows_come_back(database: Database, at_once) -> None:
    assert at_once(_RENAME, _SPEND) == [(6,)]
    with database.transaction(None) as session:
        assert session.execute(text("SELECT name, balance FROM organizations")).one() == ("Globex", 6)


def test_when_it_returns_the_commit_is_on_disk(database: Database, at_once) -> None:
    written = "UPDATE organizations SET balance = balance - %(amount)s RETURNING pg_current_wal_insert_lsn()::text"
    with database.autocommit() as connection:
        connection.execute(text("SET synchronous_commit = on"))  # the server of the tests is not durable
    [(reached,)] = at_once(written)
    with database.transaction(None) as session:
        flushed = text("SELECT pg_current_wal_flush_lsn() >= CAST(:reached AS pg_lsn)")
        assert session.execute(flushed, {"reached": reached}).scalar_one()


def test_when_it_fails_nothing_is_kept_and_the_connection_can_be_used(database: Database, at_once) -> None:
    with pytest.raises(CheckViolation):
        at_once(_RENAME, _SPEND, amount=11)
    with database.transaction(None) as session:
        assert session.execute(text("SELECT name, balance FROM organizations")).one() == ("Acme", 10)
    assert at_once(_SPEND) == [(6,)]


def test_after_a_failure_another_transaction_can_begin_in_its_place(database: Database) -> None:
    with database.transaction(None) as session:
        organization = session.execute(text("SELECT id FROM organizations")).scalar_one()
        with pytest.raises(CheckViolation):
            driver(session).execute(_SPEND, {"amount": 11})
        begin_again(session, organization)
        session.execute(text("UPDATE organizations SET balance = 3"))
    assert _balance(database) == 3


def test_a_transaction_that_falls_silent_is_rolled_back_and_looks_like_a_database_that_is_away(settings) -> None:
    database, other = Database(settings, Role.ENGINE), Database(settings, Role.ENGINE)

    def fall_silent() -> None:
        with database.transaction(None, silent_seconds=1) as session:
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            until = time.monotonic() + 30
            while _is_there(other, pid):
                assert time.monotonic() < until
                time.sleep(0.05)
            session.execute(text("SELECT 1"))

    with pytest.raises(DATABASE_AWAY):
        fall_silent()
    with database.transaction(None) as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    database.close()
    other.close()


def _is_there(database: Database, pid: int) -> bool:
    with database.transaction(None) as session:
        found = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        return bool(session.execute(found, {"pid": pid}).scalar_one())
