"""Inbound SMS for tests: let them come in, and what became of the numbers."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from models.rules.ids import new_id
from models.session import Database
from tests.support.engine import Engine

START = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def write_back(
    database: Database,
    sender: str,
    recipient: str,
    message: str = "STOP",
    *,
    second: int = 0,
    account_of: UUID | None = None,
) -> None:
    """Somebody writes to a number, so many seconds after START, by the platform's account or an organization's own."""
    with database.transaction(None) as session:
        session.execute(
            text(
                "INSERT INTO inbound_messages"
                " (id, organization_id, provider, key, sender, recipient, text, occurred_at)"
                " VALUES (:id, :organization, 'test', :key, :sender, :recipient, :text, :at)"
            ),
            {
                "id": new_id(),
                "organization": account_of,
                "key": str(new_id()),
                "sender": sender,
                "recipient": recipient,
                "text": message,
                "at": START + timedelta(seconds=second),
            },
        )


def suppressed(engine: Engine) -> dict[str, str]:
    """The organization's suppressed numbers, and why."""
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT recipient, reason FROM suppressions WHERE organization_id = :id AND channel = 'sms'"),
            {"id": engine.organization_id},
        )
        return {row.recipient: row.reason for row in rows}
