"""Emails as their organization sees them: one, a list, those of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.email_status import states_of
from models.rules.ids import made_on, message_id_range
from models.session import driver
from models.store.pages import Page, PageRequest

COUNT_MAX = 100_000
"""How far a list is counted, which is also how far its pages reach: so much takes 0.06 s, and a million would take ten
times as long. A status that few of many emails have is looked for in all of them: 0.1 s for 300,000."""


@dataclass(frozen=True, slots=True)
class SentEmail:
    """An email with its content's sender and sources. `content_variables` are values for all recipients."""

    id: UUID
    run_id: UUID | None
    state: str
    recipient: str
    to_name: str | None
    cost: Decimal
    metadata: dict[str, Any] | None
    variables: str | None
    error_code: str | None
    error_message: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    bounced_at: datetime | None
    subject: str
    content_variables: dict[str, Any]
    from_email: str
    from_name: str | None
    is_batch: bool


_SHOW = """
SELECT m.id, m.run_id, m.state, m.recipient, m.to_name, m.cost, m.metadata, m.variables::text, m.error_code,
       m.error_message, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at, m.bounced_at, c.subject, c.variables,
       c.from_email, c.from_name, coalesce(r.kind = 'batch', false)
FROM ({chosen}) m
JOIN contents c ON c.organization_id = m.organization_id AND c.id = m.content_id
LEFT JOIN runs r ON r.organization_id = m.organization_id AND r.id = m.run_id
ORDER BY m.id {order}
"""

_ONE = _SHOW.format(
    chosen="SELECT * FROM messages WHERE organization_id = %s AND id = %s AND made_on = %s AND channel = 'email'",
    order="",
)
_OF_RUN = _SHOW.format(
    chosen="""
    SELECT * FROM messages WHERE organization_id = %s AND id BETWEEN %s AND %s AND made_on = %s AND channel = 'email'
    """,
    order="",
)
# One look at the rows gives the count as well as the page.
_LIST = """
WITH found AS MATERIALIZED (
    SELECT id, made_on FROM messages WHERE organization_id = %(organization)s AND channel = 'email' {condition}
    ORDER BY id DESC LIMIT %(most)s
)
SELECT (SELECT count(*) FROM found),
       ARRAY(SELECT id FROM found ORDER BY id DESC OFFSET %(offset)s LIMIT %(limit)s),
       ARRAY(SELECT made_on FROM found ORDER BY id DESC OFFSET %(offset)s LIMIT %(limit)s)
"""
_PAGE = _SHOW.format(
    chosen="""
    SELECT * FROM messages WHERE organization_id = %s AND id = ANY(%s) AND made_on = ANY(%s) AND channel = 'email'
    """,
    order="DESC",
)


def read_email(session: Session, organization_id: UUID, email_id: UUID) -> SentEmail:
    """The email, whatever sent it. Raises NotFound."""
    row = driver(session).execute(_ONE, [organization_id, email_id, made_on(email_id)]).fetchone()
    if row is None:
        raise NotFound
    return SentEmail(*row)


def list_emails(
    session: Session, organization_id: UUID, request: PageRequest, *, status: str | None
) -> Page[SentEmail]:
    """Emails, those of campaigns included, newest first; of one status if it is given. Counted up to COUNT_MAX."""
    connection = driver(session)
    found = connection.execute(
        _LIST.format(condition="AND state = ANY(%(states)s)" if status else ""),
        {
            "organization": organization_id,
            "states": states_of(status) if status else [],
            "offset": request.offset,
            "limit": request.size,
            "most": COUNT_MAX,
        },
    ).fetchone()
    assert found is not None
    total, ids, days = found
    rows = connection.execute(_PAGE, [organization_id, ids, sorted(set(days))]).fetchall() if ids else []
    return Page([SentEmail(*row) for row in rows], total, request)


def run_emails(
    session: Session, organization_id: UUID, run_id: UUID, total: int, request: PageRequest
) -> Page[SentEmail]:
    """A page of a run's `total` emails, in their order."""
    first, last = request.offset, min(request.offset + request.size, total) - 1
    rows: Sequence[Any] = []
    if first <= last:
        low, high = message_id_range(run_id, first, last)
        rows = driver(session).execute(_OF_RUN, [organization_id, low, high, made_on(run_id)]).fetchall()
    return Page([SentEmail(*row) for row in rows], total, request)
