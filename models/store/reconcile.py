"""Reconciling: every law of the database, compared in one snapshot an organization, and what came of it kept.

All that moves two numbers of a law moves them in one transaction, so a law holds in every snapshot: nothing has to
stand still meanwhile, and nothing that is being sent is taken for a difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import errors
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.session import Database, driver
from models.store.counter_laws import COUNTER_LAWS
from models.store.laws import Law
from models.store.money_laws import MONEY_LAWS
from models.store.place_laws import PLACE_LAWS
from models.tables import Organization, Reconciliation

LAWS: tuple[Law, ...] = (*MONEY_LAWS, *COUNTER_LAWS, *PLACE_LAWS)
"""All laws, by what they are about."""

_EPOCH = date(1970, 1, 1)
_KEEP_DAYS = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a law is broken. `expected` was counted anew, `found` is what is kept beside it."""

    law: str
    organization_id: UUID | None
    subject: str
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a law came to: how many comparisons, how many of them differ, and the first of those.

    `is_finished` is False where the time was over before the law was looked through; then nothing is known of it.
    """

    law: Law
    comparisons: int
    differing: int
    differences: tuple[Difference, ...]
    is_finished: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """What is recounted: days from `since` on, for that runs and messages from `reach` on."""

    since: date
    reach: date

    @property
    def reach_id(self) -> UUID:
        """The lowest UUIDv7 of the day `reach`."""
        midnight = datetime(self.reach.year, self.reach.month, self.reach.day, tzinfo=UTC)
        return UUID(int=int(midnight.timestamp() * 1000) << 80)


@contextmanager
def snapshot(database: Database) -> Iterator[Session]:
    """One moment of the database, to read only."""
    with database.transaction(None) as session:
        driver(session).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield session


# A run that was open within the time may have been made before, and its messages with it. A single is tried for a day.
_REACH = """
SELECT least(%(since)s - 2, (min(r.created_at) AT TIME ZONE 'UTC')::date - 1) FROM runs r
WHERE (%(organization)s::uuid IS NULL OR r.organization_id = %(organization)s)
  AND (r.finished_at IS NULL OR r.finished_at >= %(since)s - 2)
"""


def span_of(session: Session, organization_id: UUID | None, *, days: int | None) -> Span:
    """The last so many days, or all there ever were."""
    if days is None:
        return Span(_EPOCH, _EPOCH)
    connection = driver(session)
    since = _only(connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date - %s::int", [days]))
    reach = _only(connection.execute(_REACH, {"since": since, "organization": organization_id}))
    return Span(since, max(reach, _EPOCH))


_COUNT = "SELECT count(*), count(*) FILTER (WHERE c.expected IS DISTINCT FROM c.found) FROM ({}) c"
_SHOW = """
SELECT c.organization, c.subject, c.expected::text, c.found::text FROM ({}) c
WHERE c.expected IS DISTINCT FROM c.found ORDER BY c.organization, c.subject LIMIT %(most)s
"""


def compare(
    session: Session, law: Law, organization_id: UUID | None, span: Span, *, shown: int, seconds: float
) -> Compared:
    """Look one law through, and show the first `shown` differences. At most about twice `seconds`.

    The session is a `snapshot`. Postgres does the work, in its own memory (work_mem), and spills what is more to disk.
    """
    parameters = {
        "organization": organization_id,
        "since": span.since,
        "reach": span.reach,
        "reach_id": span.reach_id,
        "most": shown,
    }
    connection = driver(session)
    try:
        with connection.transaction():  # a savepoint: a law that takes too long must not end the others
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            [(comparisons, differing)] = _run(connection, _COUNT, law, parameters)
            rows = _run(connection, _SHOW, law, parameters) if differing else []
    except errors.QueryCanceled:
        return Compared(law, 0, 0, (), is_finished=False)
    return Compared(law, comparisons, differing, tuple(Difference(law.name, *row) for row in rows))


def _run(
    connection: psycopg.Connection, frame: LiteralString, law: Law, parameters: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    # Not prepared: a plan that is kept knows neither the organization's size nor its days.
    return connection.execute(frame.format(law.select), parameters, prepare=False).fetchall()


def _only(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def organizations_after(session: Session, last: UUID | None, *, limit: int) -> Sequence[UUID]:
    """Ids of organizations after that one, in their order."""
    chosen = select(Organization.id).order_by(Organization.id).limit(limit)
    if last is not None:
        chosen = chosen.where(Organization.id > last)
    return session.execute(chosen).scalars().all()


def keep_reconciliation(
    session: Session,
    *,
    organization_id: UUID | None,
    started_at: datetime,
    organizations: int,
    comparisons: int,
    differences: int,
    unfinished: int,
    details: Mapping[str, int],
) -> None:
    """Write down what came of it (`details`: differences by law), and forget what is older than 400 days."""
    session.execute(
        insert(Reconciliation).values(
            id=new_id(),
            organization_id=organization_id,
            started_at=started_at,
            organizations=organizations,
            comparisons=comparisons,
            differences=differences,
            unfinished=unfinished,
            details=dict(details),
        )
    )
    session.execute(
        text("DELETE FROM reconciliations WHERE started_at < now() - make_interval(days => :days)"),
        {"days": _KEEP_DAYS},
    )


@dataclass(frozen=True, slots=True)
class LastReconciliation:
    """The last time that all organizations were reconciled."""

    finished_at: datetime
    differences: int
    unfinished: int  # laws that took too long


def last_reconciliation(session: Session) -> LastReconciliation | None:
    """What came of the last reconciliation of all organizations; None when there was none. For any role."""
    row = session.execute(text("SELECT * FROM last_reconciliation()")).one_or_none()
    return None if row is None else LastReconciliation(row.finished_at, row.differences, row.unfinished)
