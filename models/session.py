"""Connections to Postgres, one role each, and `transaction`: the one place that commits.

Four roles (docs/decisions/0003-roles-and-row-level-security.md): `exosend_owner` changes the schema,
`exosend_api` serves requests under row-level security, `exosend_engine` runs flows and the courier over all
organizations, `exosend_analyst` reads the views of schema `results`. Their passwords are derived from the secret
key, so that one database address and one key configure a machine.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from models.errors import SetupError
from models.settings import Settings


class Role(StrEnum):
    """The database roles that processes connect as."""

    API = "exosend_api"
    ENGINE = "exosend_engine"
    ANALYST = "exosend_analyst"


# What is worth another try: Postgres is away, restarts, or ended a statement that waited too long for a lock.
# Statements given to the driver itself (COPY, arrays) raise its own errors, which SQLAlchemy does not wrap.
DATABASE_AWAY = (
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)

# A machine that is gone says nothing: without these, the kernel keeps its connections, on either side, for two hours.
# On a Unix socket they mean nothing.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_SERVER_KEEPALIVES = "".join(f" -c tcp_{name}={value}" for name, value in _KEEPALIVES.items())
_CONNECT: dict[str, Any] = {"connect_timeout": 10, "tcp_user_timeout": 25_000, **_KEEPALIVES}  # seconds, milliseconds

# A request must end before its client gives up; a flow may read a million rows. Both never wait long for a lock:
# a queue of waiters behind one forgotten transaction would stop every organization.
_OPTIONS = {
    Role.API: "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000",
    Role.ENGINE: "-c statement_timeout=600000 -c lock_timeout=60000 -c idle_in_transaction_session_timeout=600000",
    Role.ANALYST: "-c statement_timeout=600000 -c default_transaction_read_only=on",
}


def secret_key(settings: Settings) -> str:
    """The key of this installation. Raises SetupError when there is none; it is never made up here."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().strip()  # as a mounted file ends with a newline
    path = settings.data_dir / "secret.key"
    if not path.exists():
        raise SetupError(
            f"There is no secret key: set EXOSEND_SECRET_KEY, or start `exosend up` once, which makes {path}."
        )
    return path.read_text().strip()


def role_password(settings: Settings, role: Role) -> str:
    """The password of a role: HMAC-SHA256 of its name under the secret key, in hex."""
    return hmac.new(secret_key(settings).encode(), f"postgres:{role}".encode(), hashlib.sha256).hexdigest()


def role_url(settings: Settings, role: Role) -> URL:
    """Address of the database as `role`: its own setting, or the owner's address with the role's name and password."""
    given = {
        Role.API: settings.api_database_url,
        Role.ENGINE: settings.engine_database_url,
        Role.ANALYST: settings.analyst_database_url,
    }[role]
    if given is not None:
        return psycopg_url(given)
    if settings.database_url is None:
        raise SetupError(
            "No database is configured: set EXOSEND_DATABASE_URL, or start `exosend up`, which brings its own."
        )
    return psycopg_url(settings.database_url).set(username=role.value, password=role_password(settings, role))


def psycopg_url(url: str) -> URL:
    """A PostgreSQL address for psycopg 3, whatever driver it named.

    Raises SetupError for what is no address, without showing it: it may hold a password.
    """
    try:
        return make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):  # the second one for a port that is no number
        raise SetupError(
            "EXOSEND_DATABASE_URL cannot be read: it looks like postgresql://user:password@host:5432/database."
        ) from None


def conninfo(url: URL) -> str:
    """The same address as libpq (psycopg, pg_dump, psql) takes it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


_DRIVER = "exosend.driver"
_READS = "exosend.reads"
_USED = "exosend.used"
_FRESH_SECONDS = 1.0


def _note_use(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _ask_whether_it_lives(
    connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """Postgres may have been restarted since the connection was last used. Not asked of one that was used a moment ago:
    to ask each time costs as much as to read a row."""
    if time.monotonic() - record.info.get(_USED, time.monotonic()) < _FRESH_SECONDS:
        return
    try:
        cast(psycopg.Connection, connection).execute(b"")
    except psycopg.Error as error:
        raise InvalidatePoolError from error


class Database:
    """A pool of connections to Postgres as one role."""

    def __init__(
        self, settings: Settings, role: Role, *, pool_size: int = 5, application_name: str | None = None
    ) -> None:
        self.role = role
        self.url = role_url(settings, role)
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",  # `transaction_on` begins transactions itself
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,  # the one that was used last has its plans and the rows in the processor's caches
            pool_timeout=10,
            hide_parameters=True,  # errors are logged, and parameters are people's data
            connect_args={
                **_CONNECT,
                "options": _OPTIONS[role] + _SERVER_KEEPALIVES,
                "application_name": application_name or role.value,
            },
        )
        event.listen(self._engine, "checkin", _note_use)
        event.listen(self._engine, "checkout", _ask_whether_it_lives)

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, for what only reads the catalogue (health, doctor)."""
        return self._engine

    @contextmanager
    def transaction(self, organization: UUID | None, *, silent_seconds: int | None = None) -> Iterator[Session]:
        """One transaction, seen by row-level security as `organization`; commits at the end, rolls back on an error.

        None is for roles that see every organization; exosend_api sees the system's rows only. `silent_seconds`: when
        Postgres has heard nothing for so long between two statements it rolls back, for whoever may be cut off while
        it holds locks that others wait for; else the limit is the role's, minutes.
        """
        with (
            self.autocommit() as connection,
            self.transaction_on(connection, organization, silent_seconds=silent_seconds) as session,
        ):
            yield session

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own, until `transaction_on` is given it.

        Row-level security shows it the system's rows only.
        """
        with self._engine.connect() as connection:
            if connection.info.pop(_READS, None) is not None:
                driver(connection).execute("RESET app.organization")
            yield connection

    @contextmanager
    def for_request(self) -> Iterator[Connection]:
        """`autocommit`, for `transaction_on` and `reading_on`, which say whose rows it is to be shown.

        Until then they may be those of who read with it before.
        """
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction_on(
        self, connection: Connection, organization: UUID | None, *, silent_seconds: int | None = None
    ) -> Iterator[Session]:
        """`transaction`, on a connection that is at hand."""
        connected = driver(connection)
        _begin(connected, organization, silent_seconds)
        session = _session(connection)
        try:
            yield session
            session.flush()
            connected.commit()
        except BaseException:
            connected.rollback()
            raise
        finally:
            if session.in_transaction():  # else only the driver was used, of which SQLAlchemy need not know
                session.close()

    @contextmanager
    def reading_on(self, connection: Connection, organization: UUID) -> Iterator[Session]:
        """A session for what only reads, on a connection `for_request`, seen by row-level security as `organization`.

        Without a transaction, of which the beginning and the end would cost as much time as two rows read by their key.
        """
        if connection.info.get(_READS) != organization:
            driver(connection).execute(f"SET app.organization = '{organization}'".encode(), prepare=False)
            connection.info[_READS] = organization
        session = _session(connection)
        try:
            yield session
        finally:
            if session.in_transaction():  # as above
                session.close()

    def connect(self) -> psycopg.Connection:
        """A connection of its own, outside the pool, in autocommit: for leases and for LISTEN."""
        return psycopg.connect(
            conninfo(self.url),
            autocommit=True,
            **_CONNECT,
            options=_OPTIONS[self.role] + _SERVER_KEEPALIVES,
            application_name=self.role.value,
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._engine.dispose()


def driver(within: Session | Connection) -> psycopg.Connection:
    """psycopg's connection under a session's transaction, for COPY, for arrays, and for what every request pays for
    (it takes a third of SQLAlchemy's time for a statement). Never commit on it."""
    connection = within.info[_DRIVER] if isinstance(within, Session) else within.connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _session(connection: Connection) -> Session:
    return Session(connection, expire_on_commit=False, info={_DRIVER: driver(connection)})


def _begin(connection: psycopg.Connection, organization: UUID | None, silent_seconds: int | None = None) -> None:
    """One way to the server instead of two: as much time as reading a row by its key. The driver knows from the server
    that a transaction is open."""
    limit = f"; SET LOCAL idle_in_transaction_session_timeout = '{silent_seconds}s'" if silent_seconds else ""
    connection.execute(f"BEGIN; SET LOCAL app.organization = '{organization or ''}'{limit}".encode(), prepare=False)


def begin_again(session: Session, organization: UUID) -> None:
    """Undo what the transaction did, also where a statement failed, and begin another one in its place."""
    driver(session).rollback()
    _begin(driver(session), organization)


def commit_at_once(
    session: Session, statements: Sequence[tuple[LiteralString, Mapping[str, object]]]
) -> list[tuple[Any, ...]]:
    """Run statements as one transaction, in one way to the server; the rows of the last one.

    For what takes a row that all requests of an organization take: while such a transaction waited for Python to say
    COMMIT, and for the disk, the others waited for it. The row locks are given back before the commit is on disk, but
    the call ends only when it is. What others commit in between comes later in the log, and so is lost with it if the
    server crashes: nobody builds on what is lost.

    `session` is one of `Database.reading_on`. When a statement fails its error is raised, and nothing is committed.
    """
    connection = driver(session)
    try:
        with connection.pipeline() as pipeline:
            connection.execute("SELECT set_config('synchronous_commit', 'off', true)")
            cursors = [connection.execute(statement, values) for statement, values in statements]
            pipeline.sync()  # what came until here was one transaction, which it commits
            # Another one, which writes something: when it is on disk, so is all that came before it.
            connection.execute("SELECT pg_logical_emit_message(true, 'exosend', '')")
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise
    return cursors[-1].fetchall()
