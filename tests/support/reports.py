"""Reports for tests: let them come in, apply them, and look at everything they left behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from models.rules.ids import new_id
from models.rules.reports import ReportKind
from models.session import Database
from models.store.runs import campaign_totals
from models.tables import IncomingEvent, Message, Run
from tasks.reports.apply import apply_due
from tests.support.engine import Engine

START = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """A report about the message to `recipient`, at so many seconds after START."""

    recipient: str
    kind: ReportKind
    second: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    key: str = ""

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromtimestamp(START.timestamp() + self.second, UTC)


def come_in(database: Database, organization_id: UUID, reports: Sequence[Said], provider: str = "test") -> None:
    """Park these reports, due now."""
    with database.transaction(None) as session:
        rows = session.execute(
            select(Message.recipient, Message.id).where(Message.organization_id == organization_id)
        ).all()
        ids: dict[str, UUID] = {row.recipient: row.id for row in rows}
        for said in reports:
            row = IncomingEvent(
                id=new_id(),
                organization_id=organization_id,
                provider=provider,
                key=f"{organization_id}:{said.key or said}",
                message_id=ids[said.recipient],
                kind=said.kind.value,
                occurred_at=said.occurred_at,
                payload=said.payload,
            )
            session.add(row)
            session.flush()


def report(engine: Engine, *reports: Said) -> None:
    """Let these reports come in and apply them."""
    come_in(engine.database, engine.organization_id, reports)
    apply_due(engine.database)


_LEFT = {
    "messages": """
        SELECT recipient, state, error_code, delivered_at, opened_at, clicked_at, bounced_at, complained_at,
               unsubscribed_at FROM messages WHERE organization_id = :id ORDER BY recipient
    """,
    "days": """
        SELECT channel, sum(sent), sum(delivered), sum(opened), sum(clicked), sum(bounced), sum(complained),
               sum(unsubscribed)
        FROM daily_counts WHERE organization_id = :id GROUP BY channel, day ORDER BY channel, day
    """,
    "links": "SELECT url, clicks, messages FROM run_links WHERE organization_id = :id ORDER BY url",
    "clients": """
        SELECT device, client, messages FROM run_clients WHERE organization_id = :id AND messages <> 0
        ORDER BY device, client
    """,
    "suppressions": """
        SELECT channel, recipient, reason, expires_at FROM suppressions WHERE organization_id = :id
        ORDER BY channel, recipient
    """,
    "contacts": "SELECT email, status FROM contacts WHERE organization_id = :id ORDER BY email",
    "soft bounces": "SELECT recipient, occurred_at FROM soft_bounces WHERE organization_id = :id ORDER BY recipient",
    "events": """
        SELECT m.recipient, e.kind, e.occurred_at FROM events e JOIN messages m ON m.id = e.message_id
        WHERE e.organization_id = :id ORDER BY 1, 3, 2
    """,
    "waiting": "SELECT count(*) FROM incoming_events WHERE organization_id = :id",
}


def left_behind(database: Database, organization_id: UUID) -> dict[str, Any]:
    """All that reports change, of one organization, by what it is."""
    with database.transaction(None) as session:
        found: dict[str, Any] = {
            name: [tuple(row) for row in session.execute(text(query), {"id": organization_id})]
            for name, query in _LEFT.items()
        }
        runs = session.execute(select(Run.id).where(Run.organization_id == organization_id)).scalars().all()
        found["totals"] = list(campaign_totals(session, organization_id, runs).values())
    return found
