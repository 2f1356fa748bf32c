"""SMS as the API shows them, whatever sent them: singles, bulks and campaigns."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import made_on
from models.rules.lifecycle import MessageState, shown_error, sms_status
from models.tables import Message


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """One SMS and what became of it so far."""

    id: UUID
    status: str
    recipient: str
    cost: Decimal
    segments: int
    sent_at: datetime | None
    delivered_at: datetime | None
    error_message: str | None
    error_code: str | None


def read_sms(session: Session, organization_id: UUID, message_id: UUID) -> SmsMessage:
    """The SMS with this id. Raises NotFound, also for the id of an email."""
    row = session.execute(
        select(
            Message.state,
            Message.recipient,
            Message.cost,
            Message.segments,
            Message.sent_at,
            Message.delivered_at,
            Message.error_message,
            Message.error_code,
        ).where(
            Message.organization_id == organization_id,
            Message.id == message_id,
            Message.made_on == made_on(message_id),
            Message.channel == "sms",
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    state = MessageState(row.state)
    code = shown_error(state, row.error_code)
    return SmsMessage(
        message_id,
        sms_status(state, row.error_code),
        row.recipient,
        row.cost,
        row.segments,
        row.sent_at,
        row.delivered_at,
        None if code is None else row.error_message,
        code,
    )
