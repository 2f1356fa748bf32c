"""What a restore needs of a database: to be empty, and rights for as long as it lasts."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from models.migrations.run import downgrade, ensure_roles
from models.session import conninfo, psycopg_url
from models.settings import Settings


def remove_schema(owner_url: str, settings: Settings) -> None:
    """Take away all that migrations made except the roles, Alembic's own table included."""
    ensure_roles(owner_url, settings)
    downgrade(owner_url, "base")
    with psycopg.connect(conninfo(psycopg_url(owner_url)), autocommit=True, connect_timeout=10) as connection:
        connection.execute("DROP TABLE IF EXISTS alembic_version")


@contextmanager
def engine_may_own(owner_url: str) -> Iterator[None]:
    """Let objects of a backup become exosend_engine's again, where the restoring role is no superuser.

    PostgreSQL hands an object over only to a role that may create in its schema, which exosend_engine may not
    ("permission denied for schema public"); the schema `results` comes into being during the restore.
    """
    with psycopg.connect(conninfo(psycopg_url(owner_url)), autocommit=True, connect_timeout=10) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO exosend_engine")
        try:
            yield
        finally:
            connection.execute("ALTER DEFAULT PRIVILEGES REVOKE CREATE ON SCHEMAS FROM exosend_engine")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
            if connection.execute("SELECT to_regnamespace('results')").fetchone() != (None,):
                connection.execute("REVOKE CREATE ON SCHEMA results FROM exosend_engine")
