"""Single messages: written, charged and put into the outbox by one statement."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from psycopg.errors import CheckViolation
from sqlalchemy.orm import Session

from models.errors import InsufficientCredits, NotFound
from models.rules.ids import made_on, new_id
from models.session import begin_again, driver
from models.store.ledger import entry_id, read_balance
from models.store.outgoing import NewMessage


@dataclass(frozen=True, slots=True)
class PaidSingle:
    """A message that was written, and the balance after it."""

    message_id: UUID
    balance: Decimal


_BALANCE = "ck_organizations_balance"

# Its entry on the ledger is named after the message, which is new: there can be none that was booked before.
# A balance below zero is an error, by which nothing of the transaction is kept.
#
# The sender's row is locked before the balance's, as it is wherever messages are counted: else two would wait for each
# other.
_WRITE = """
WITH counted AS (
    UPDATE sender_ids SET message_count = message_count + 1
    WHERE organization_id = %(organization)s AND id = %(sender)s RETURNING id
), charged AS (
    UPDATE organizations SET balance = balance - %(cost)s
    WHERE id = %(organization)s AND (%(sender)s::uuid IS NULL OR EXISTS (SELECT FROM counted)) RETURNING balance
), entry AS (
    INSERT INTO ledger_entries (id, organization_id, kind, amount, balance_after, message_id, reason)
    SELECT %(entry)s, %(organization)s, 'charge', -%(cost)s, balance, %(id)s, %(reason)s FROM charged
), written AS (
    INSERT INTO messages (id, made_on, organization_id, content_id, contact_id, channel, recipient, dedupe_key,
                          position, variables, cost, segments, to_name, metadata)
    SELECT %(id)s, %(made_on)s, %(organization)s, %(content)s, %(contact)s, %(channel)s, %(recipient)s, %(recipient)s,
           0, %(variables)s::jsonb, %(cost)s, %(segments)s, %(to_name)s, %(metadata)s::jsonb
    FROM charged
), queued AS (
    INSERT INTO outbox (message_id, organization_id, channel) SELECT %(id)s, %(organization)s, %(channel)s FROM charged
)
SELECT (SELECT balance FROM charged)
"""


def write_paid_single(
    session: Session,
    organization_id: UUID,
    channel: str,
    message: NewMessage,
    *,
    reason: str,
    sender: UUID | None = None,
) -> PaidSingle:
    """Write a message that is in no run, put it into the outbox and charge it.

    `reason` stands on the ledger; `sender` is the sender ID that counts it. Raises InsufficientCredits, and NotFound
    when the sender was deleted.
    """
    id_ = new_id()
    values = {
        "id": id_,
        "made_on": made_on(id_),
        "organization": organization_id,
        "entry": entry_id(organization_id, f"charge:{id_}"),
        "reason": reason,
        "sender": sender,
        "content": message.content_id,
        "contact": message.contact_id,
        "channel": channel,
        "recipient": message.recipient,
        "variables": message.variables,
        "cost": message.cost,
        "segments": message.segments,
        "to_name": message.to_name,
        "metadata": message.metadata,
    }
    try:
        [(balance,)] = driver(session).execute(_WRITE, values)
    except CheckViolation as error:
        if error.diag.constraint_name != _BALANCE:
            raise
        begin_again(session, organization_id)
        available = read_balance(session, organization_id).balance
        raise InsufficientCredits(required=message.cost, available=available) from None
    if balance is None:
        raise NotFound
    return PaidSingle(id_, balance)
