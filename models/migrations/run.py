"""Bring a database to the schema of this version, as its owner."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, create_engine, text

from models.errors import SetupError
from models.session import Role, conninfo, psycopg_url, role_password
from models.settings import Settings

_OWNER = "exosend_owner"
# Two processes that start at once both migrate; the second waits for the first and finds nothing to do.
_LOCK = 5_392_006_111
# People connect as this role with programs of their own: a query that runs for hours keeps VACUUM from its work.
_ANALYST_LIMITS = ("default_transaction_read_only = on", "statement_timeout = '10min'")


def upgrade(owner_url: str, settings: Settings, revision: str = "head") -> None:
    """Create the roles, migrate to `revision`, and make partitions ahead. Harmless when there is nothing to do.

    `owner_url`: a role that may create roles and schemas (the one database address of the installation). Raises
    SetupError when it may not.
    """
    ensure_roles(owner_url, settings)
    with _as_owner(owner_url) as connection:
        command.upgrade(_config(connection), revision)
        connection.execute(text("SELECT ensure_partitions(3)"))


def downgrade(owner_url: str, revision: str) -> None:
    """Migrate back to `revision` (`base` removes every table)."""
    with _as_owner(owner_url) as connection:
        command.downgrade(_config(connection), revision)


def head_revision() -> str:
    """The revision this version of the code needs."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert head is not None
    return head


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None before the first migration. `connection`: any role."""
    return MigrationContext.configure(connection).get_current_revision()


def ensure_roles(owner_url: str, settings: Settings) -> None:
    """Create the four roles where they are missing and give them the passwords that the secret key says.

    Raises SetupError when the connecting role may not create roles.
    """
    with psycopg.connect(conninfo(psycopg_url(owner_url)), autocommit=True, connect_timeout=10) as connection:
        try:
            _write_roles(connection, settings)
        except psycopg.errors.InsufficientPrivilege as error:
            raise SetupError(
                "The role of EXOSEND_DATABASE_URL may not create roles with BYPASSRLS or schemas. Use a role that may "
                "(a superuser), at least for `exosend migrate`."
            ) from error


def _write_roles(connection: psycopg.Connection, settings: Settings) -> None:
    # Roles belong to all databases of a server, and no lock does: of two that are migrated at once, one is told
    # "tuple concurrently updated" (XX000) and has to say it again.
    for attempts_left in range(9, -1, -1):
        try:
            _write_roles_once(connection, settings)
        except psycopg.errors.InternalError_:
            if attempts_left == 0:
                raise
            time.sleep(0.1)
        else:
            return


def _write_roles_once(connection: psycopg.Connection, settings: Settings) -> None:
    _ensure_role(connection, _OWNER, sql.SQL("NOLOGIN"))
    _ensure_role(connection, Role.ENGINE, _login(settings, Role.ENGINE, "BYPASSRLS"))
    _ensure_role(connection, Role.API, _login(settings, Role.API, "NOBYPASSRLS"))
    _ensure_role(connection, Role.ANALYST, _login(settings, Role.ANALYST, "NOBYPASSRLS"), _ANALYST_LIMITS)
    # Views for analysts belong to the engine's role, since their owner must see every organization.
    connection.execute(sql.SQL("GRANT exosend_engine TO exosend_owner; GRANT exosend_owner TO CURRENT_USER"))
    connection.execute(
        sql.SQL(
            "GRANT CREATE, CONNECT ON DATABASE {0} TO exosend_owner; ALTER SCHEMA public OWNER TO exosend_owner"
        ).format(sql.Identifier(connection.info.dbname))
    )


def _login(settings: Settings, role: Role, security: str) -> sql.Composed:
    return sql.SQL("LOGIN {} PASSWORD {}").format(sql.SQL(security), sql.Literal(role_password(settings, role)))


def _ensure_role(
    connection: psycopg.Connection, name: str, options: sql.Composable, limits: Sequence[str] = ()
) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(sql.SQL("{} ROLE {} {}").format(verb, sql.Identifier(name), options))
        for limit in limits:
            connection.execute(sql.SQL("ALTER ROLE {} SET {}").format(sql.Identifier(name), sql.SQL(limit)))


@contextmanager
def _as_owner(owner_url: str) -> Iterator[Connection]:
    engine = create_engine(psycopg_url(owner_url), connect_args={"connect_timeout": 10})
    try:
        with engine.begin() as connection:
            # A migration that cannot have its lock gives up instead of queueing every request behind it.
            connection.execute(text("SET LOCAL lock_timeout = '4s'; SET LOCAL statement_timeout = '10min'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK + 1})
            connection.execute(text(f"SET LOCAL ROLE {_OWNER}"))
            yield connection
    finally:
        engine.dispose()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
