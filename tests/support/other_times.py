"""A Postgres that says it is another time: `now()` of every connection that is opened while it does."""

import contextlib
from collections.abc import Iterator
from datetime import datetime

import psycopg
from psycopg import sql

from models.session import psycopg_url

# pg_catalog is looked at first unless the path names it.
_SET_UP = """
CREATE SCHEMA other_times;
CREATE TABLE other_times.clock (at timestamptz NOT NULL);
INSERT INTO other_times.clock VALUES (pg_catalog.now());
CREATE FUNCTION other_times.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM other_times.clock';
GRANT USAGE ON SCHEMA other_times TO PUBLIC;
GRANT SELECT ON other_times.clock TO PUBLIC;
"""


class Clock:
    """What time it is, for Postgres."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner

    def put(self, at: datetime) -> None:
        """From now on it is `at`, until it is put again."""
        self._owner.execute("UPDATE other_times.clock SET at = %s", [at])


@contextlib.contextmanager
def other_times(owner_url: str) -> Iterator[Clock]:
    """The database's clock, in the tests' hands until the block ends."""
    name = sql.Identifier(psycopg_url(owner_url).database or "")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(_SET_UP)
        owner.execute(sql.SQL("ALTER DATABASE {} SET search_path = other_times, pg_catalog, public").format(name))
        try:
            yield Clock(owner)
        finally:
            owner.execute(sql.SQL("ALTER DATABASE {} RESET search_path").format(name))
            owner.execute("DROP SCHEMA other_times CASCADE")
