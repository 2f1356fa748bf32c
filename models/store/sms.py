"""SMS as the API shows them, whatever sent them, and the terms on which one may be sent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import made_on, new_id
from models.rules.lifecycle import MessageState, shown_error, sms_status
from models.rules.pricing import sms_price
from models.session import driver
from models.store.prices import LIST_IN_FORCE, price_prefixes


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


_READ = """
SELECT state, recipient, cost, segments, sent_at, delivered_at, error_message, error_code FROM messages
WHERE organization_id = %s AND id = %s AND made_on = %s AND channel = 'sms'
"""


def read_sms(session: Session, organization_id: UUID, message_id: UUID) -> SmsMessage:
    """The SMS with this id. Raises NotFound, also for the id of an email."""
    row = driver(session).execute(_READ, [organization_id, message_id, made_on(message_id)]).fetchone()
    if row is None:
        raise NotFound
    state, recipient, cost, segments, sent_at, delivered_at, message, stored_code = row
    state = MessageState(state)
    code = shown_error(state, stored_code)
    return SmsMessage(
        message_id,
        sms_status(state, stored_code),
        recipient,
        cost,
        segments,
        sent_at,
        delivered_at,
        None if code is None else message,
        code,
    )


_STORE = """
INSERT INTO contents (id, organization_id, hash, channel, text, sender_id) VALUES (%s, %s, %s, 'sms', %s, %s)
ON CONFLICT (organization_id, hash) DO NOTHING RETURNING id
"""
_STORED = "SELECT id FROM contents WHERE organization_id = %s AND hash = %s"


def store_sms_content(session: Session, organization_id: UUID, hash_: bytes, text: str, sender_id: str) -> UUID:
    """`models.store.contents.store_content` of an SMS: every code has a content of its own, so it is in each request's
    way."""
    values = [new_id(), organization_id, hash_, text, sender_id]
    row = driver(session).execute(_STORE, values).fetchone()
    if row is None:
        row = driver(session).execute(_STORED, [organization_id, hash_]).fetchone()
    assert row is not None
    content_id: UUID = row[0]
    return content_id


@dataclass(frozen=True, slots=True)
class SmsTerms:
    """On what terms an organization may send one SMS: from whom (None: no such sender), at which price of a segment
    (None: not to this number), and whether the recipient is suppressed."""

    sender: UUID | None
    sender_id: str | None
    price: Decimal | None
    is_suppressed: bool


# Each half says of one message what `sender_to_use`, `sms_prices` and `suppressed_among` say of many.
_TERMS = f"""
WITH sender AS (
    SELECT id, sender_id FROM sender_ids
    WHERE organization_id = %(organization)s AND provider_status = 'verified'
      AND CASE WHEN %(name)s::text IS NULL THEN is_default ELSE sender_id = %(name)s END
), list AS MATERIALIZED ({LIST_IN_FORCE.format(organization="%(organization)s")}
), price AS (
    SELECT p.prefix, p.price FROM list JOIN prices p USING (currency, valid_from)
    WHERE p.channel = 'sms' AND p.prefix = ANY(%(prefixes)s)
)
SELECT (SELECT id FROM sender), (SELECT sender_id FROM sender),
       (SELECT array_agg(prefix) FROM price), (SELECT array_agg(price) FROM price),
       EXISTS (SELECT FROM suppressions
               WHERE organization_id = %(organization)s AND channel = 'sms' AND recipient = %(number)s
                 AND (expires_at IS NULL OR expires_at > now()))
"""  # noqa: S608 - our own text


def read_sms_terms(session: Session, organization_id: UUID, name: str | None, number: str | None) -> SmsTerms:
    """The terms of one SMS from the verified sender of that name (without a name, the default) to an E.164 number.

    One statement, since every single SMS pays for it. Without a number they are those of the sender alone.
    """
    prefixes = [] if number is None else price_prefixes(number)
    values = {"organization": organization_id, "name": name, "number": number, "prefixes": prefixes}
    row = driver(session).execute(_TERMS, values).fetchone()
    assert row is not None
    sender, sender_id, found, prices, is_suppressed = row
    listed = dict(zip(found or [], prices or [], strict=True))
    return SmsTerms(sender, sender_id, None if number is None else sms_price(number, listed), is_suppressed)
