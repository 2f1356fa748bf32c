"""Connections that are used again: whose rows they show, and whether they still live."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from models import session as session_module
from models.session import DATABASE_AWAY, Database, Role
from models.settings import Settings
from models.store.organizations import create_organization

_NAMES = text("SELECT name FROM organizations")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def api(settings: Settings) -> Iterator[Database]:
    """One connection, which everything of a test goes over."""
    found = Database(settings, Role.API, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def organizations(engine: Database) -> tuple[UUID, UUID]:
    with engine.transaction(None) as session:
        acme, globex = (create_organization(session, name=name).id for name in ("Acme", "Globex"))
    return acme, globex


def _read(api: Database, organization: UUID) -> list[str]:
    with api.for_request() as connection, api.reading_on(connection, organization) as session:
        return list(session.execute(_NAMES).scalars())


def _pid(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_each_who_reads_is_shown_its_own_rows(api, organizations) -> None:
    acme, globex = organizations
    assert [_read(api, each) for each in (acme, globex, globex, acme)] == [["Acme"], ["Globex"], ["Globex"], ["Acme"]]


def test_who_writes_after_somebody_read_is_shown_its_own_rows(api, organizations) -> None:
    acme, globex = organizations
    _read(api, acme)
    with api.for_request() as connection, api.transaction_on(connection, globex) as session:
        assert session.execute(_NAMES).scalars().all() == ["Globex"]
    assert _read(api, acme) == ["Acme"]


def test_after_somebody_read_a_connection_shows_nobodys_rows(api, organizations) -> None:
    _read(api, organizations[0])
    with api.autocommit() as connection:
        assert connection.execute(_NAMES).scalars().all() == []
    _read(api, organizations[0])
    with api.transaction(None) as session:
        assert session.execute(_NAMES).scalars().all() == []


def test_a_failure_while_reading_leaves_the_connection_good(api, organizations) -> None:
    def fail() -> None:
        with api.for_request() as connection, api.reading_on(connection, organizations[0]) as session:
            session.execute(text("SELECT 1 FROM ledger_entries_of_nobody"))

    with pytest.raises(ProgrammingError):
        fail()
    assert _read(api, organizations[1]) == ["Globex"]


@pytest.mark.parametrize("fresh_seconds", [0.0, 3600.0])
def test_a_connection_that_postgres_ended_is_replaced(api, settings, monkeypatch, fresh_seconds) -> None:
    """Before it is given to anybody or, if it was used a moment ago, after one has failed."""
    monkeypatch.setattr(session_module, "_FRESH_SECONDS", fresh_seconds)
    with api.autocommit() as connection:
        first = _pid(connection)
    other = Database(settings, Role.API, pool_size=1)
    with other.autocommit() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": first})
    other.close()
    if fresh_seconds:
        with pytest.raises(DATABASE_AWAY), api.autocommit() as connection:
            _pid(connection)
    with api.autocommit() as connection:
        assert _pid(connection) != first
