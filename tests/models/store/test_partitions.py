"""Partitions of messages and events are there before they are needed, also where nobody had made them in time."""

from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text

from models.session import Database, Role, conninfo, psycopg_url
from models.store.inspection import filled_default_partitions, make_partitions_ahead


@pytest.fixture
def database(settings):
    database = Database(settings, Role.ENGINE, pool_size=1)
    yield database
    database.close()


def _months_from_now(months: int) -> datetime:
    now = datetime.now(UTC)
    return now.replace(year=now.year + (now.month - 1 + months) // 12, month=(now.month - 1 + months) % 12 + 1, day=15)


def test_the_next_three_months_are_there_and_nothing_is_made_twice(database):
    with database.transaction(None) as session:
        assert make_partitions_ahead(session, months=3) == 0


def test_rows_that_came_before_their_partition_move_into_it(database, owner_url):
    day = _months_from_now(5).date()
    with database.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO messages (id, made_on, organization_id, run_id, content_id, channel, recipient,
                                      dedupe_key, position, cost)
                SELECT gen_random_uuid(), :day, r, r, r, 'email', 'a@example.com', 'a@example.com', 0, 0.01
                FROM gen_random_uuid() r
            """),
            {"day": day},
        )
        assert filled_default_partitions(session) == ["messages_default"]
    try:
        with database.transaction(None) as session:
            assert make_partitions_ahead(session, months=5) == 4
            assert filled_default_partitions(session) == []
            found = session.execute(text("SELECT tableoid::regclass::text FROM messages")).scalar_one()
        assert found == f"messages_y{day:%Ym%m}"
    finally:
        _drop_beyond_three_months(owner_url)


def _drop_beyond_three_months(owner_url: str) -> None:
    with psycopg.connect(conninfo(psycopg_url(owner_url)), autocommit=True) as connection:
        connection.execute("SET ROLE exosend_owner")
        for months in (4, 5):
            for parent in ("messages", "events"):
                connection.execute(f"DROP TABLE {parent}_y{_months_from_now(months):%Ym%m}")
