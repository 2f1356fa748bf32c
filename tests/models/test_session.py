"""Transactions: how one ends together with its last statement."""

import time
from collections.abc import Iterator

import pytest
from psycopg.errors import CheckViolation
from sqlalchemy import text

from models.session import DATABASE_AWAY, Database, Role, begin_again, execute_and_commit
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


def test_the_last_statement_is_committed_with_what_came_before(database: Database) -> None:
    with database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET name = 'Globex'"))
        assert execute_and_commit(session, _SPEND, {"amount": 4}) == (6,)
    with database.transaction(None) as session:
        assert session.execute(text("SELECT name, balance FROM organizations")).one() == ("Globex", 6)


def test_when_it_returns_the_commit_is_on_disk(database: Database) -> None:
    written = "UPDATE organizations SET balance = balance - %(amount)s RETURNING pg_current_wal_insert_lsn()::text"
    with database.transaction(None) as session:
        session.execute(text("SET synchronous_commit = on"))  # the server of the tests is not durable
    with database.transaction(None) as session:
        (reached,) = execute_and_commit(session, written, {"amount": 4})
        flushed = text("SELECT pg_current_wal_flush_lsn() >= CAST(:reached AS pg_lsn)")
        assert session.execute(flushed, {"reached": reached}).scalar_one()


def test_the_organization_is_forgotten_with_the_commit(database: Database) -> None:
    with database.transaction(None) as session:
        execute_and_commit(session, _SPEND, {"amount": 4})
        assert session.execute(text("SELECT current_setting('app.organization', true)")).scalar_one() in (None, "")


def test_when_it_fails_nothing_is_kept(database: Database) -> None:
    def overspend() -> None:
        with database.transaction(None) as session:
            session.execute(text("UPDATE organizations SET name = 'Globex'"))
            execute_and_commit(session, _SPEND, {"amount": 11})

    with pytest.raises(CheckViolation):
        overspend()
    with database.transaction(None) as session:
        assert session.execute(text("SELECT name, balance FROM organizations")).one() == ("Acme", 10)


def test_after_a_failure_another_transaction_can_begin_in_its_place(database: Database) -> None:
    with database.transaction(None) as session:
        organization = session.execute(text("SELECT id FROM organizations")).scalar_one()
        with pytest.raises(CheckViolation):
            execute_and_commit(session, _SPEND, {"amount": 11})
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
