"""SMS that people wrote to numbers of ours: kept when they come in, taken by who knows what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models.session import driver


@dataclass(frozen=True, slots=True)
class Inbound:
    """An SMS that waits. `organization_id` is the account's, None of an account of the platform: then the number it was
    written to, or who was written to last from there, says whose it is. `provider`: vendor and account."""

    id: UUID
    organization_id: UUID | None
    provider: str
    sender: str
    recipient: str
    text: str
    occurred_at: datetime


_WAITING = """
SELECT id, organization_id, provider, sender, recipient, text, occurred_at FROM inbound_messages
WHERE handled_at IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""


def take_inbound(session: Session, *, limit: int) -> list[Inbound]:
    """Inbound SMS that wait, the oldest first, locked; others take others. End with `settle_inbound`."""
    return [Inbound(*row) for row in driver(session).execute(_WAITING, [limit])]


def settle_inbound(session: Session, ids: Sequence[UUID]) -> None:
    """These were dealt with, in this transaction."""
    driver(session).execute("UPDATE inbound_messages SET handled_at = now() WHERE id = ANY(%s)", [list(ids)])


def forget_old_inbound(session: Session, *, days: int, limit: int) -> int:
    """Remove inbound SMS that came so long ago; at most `limit`, returns how many."""
    return (
        driver(session)
        .execute(
            """
        DELETE FROM inbound_messages WHERE id IN (
            SELECT id FROM inbound_messages
            WHERE received_at < now() - make_interval(days => %s) AND handled_at IS NOT NULL LIMIT %s)
        """,
            [days, limit],
        )
        .rowcount
    )
