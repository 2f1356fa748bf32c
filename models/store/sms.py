"""SMS as the API shows them, whatever sent them, and the terms on which one may be sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import made_on, new_id
from models.rules.lifecycle import Channel, MessageState, shown_error, sms_status
from models.rules.pricing import sms_price
from models.session import driver
from models.store.arrays import array_text
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


# The channel is looked at here: in the condition it made the index of recipients one that would do, which PostgreSQL
# took for a partition of which it had no statistics yet, and read all of it (three times the time at 1,000 messages).
_READ = """
SELECT channel, state, recipient, cost, segments, sent_at, delivered_at, error_message, error_code FROM messages
WHERE organization_id = %s AND id = %s AND made_on = %s
"""


def read_sms(session: Session, organization_id: UUID, message_id: UUID) -> SmsMessage:
    """The SMS with this id. Raises NotFound, also for the id of an email."""
    row = driver(session).execute(_READ, [organization_id, message_id, made_on(message_id)]).fetchone()
    if row is None or row[0] != Channel.SMS:
        raise NotFound
    _, state, recipient, cost, segments, sent_at, delivered_at, message, stored_code = row
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


# What `sender_to_use`, `sms_prices` and `suppressed_among` say of one sender and many numbers, this says of several of
# both: the default sender, those that are named, the prices of all prefixes asked about.
_TERMS = f"""
WITH usual AS MATERIALIZED (
    SELECT id, sender_id FROM sender_ids
    WHERE organization_id = %(organization)s AND provider_status = 'verified' AND is_default
), named AS MATERIALIZED (
    SELECT id, sender_id FROM sender_ids
    WHERE organization_id = %(organization)s AND provider_status = 'verified' AND sender_id = ANY(%(names)s::text[])
), list AS MATERIALIZED ({LIST_IN_FORCE.format(organization="%(organization)s")}
), price AS MATERIALIZED (
    SELECT p.prefix, p.price FROM list JOIN prices p USING (currency, valid_from)
    WHERE p.channel = 'sms' AND p.prefix = ANY(%(prefixes)s::text[])
)
SELECT (SELECT id FROM usual), (SELECT sender_id FROM usual),
       (SELECT array_agg(id) FROM named), (SELECT array_agg(sender_id) FROM named),
       (SELECT array_agg(prefix) FROM price), (SELECT array_agg(price) FROM price),
       (SELECT array_agg(recipient) FROM suppressions
        WHERE organization_id = %(organization)s AND channel = 'sms' AND recipient = ANY(%(numbers)s::text[])
          AND (expires_at IS NULL OR expires_at > now()))
"""  # noqa: S608 - our own text


def read_sms_terms(
    session: Session, organization_id: UUID, asked: Sequence[tuple[str | None, str | None]]
) -> list[SmsTerms]:
    """The terms of single SMS, each from the verified sender of a name (without a name, the default) to an E.164
    number; in order.

    One statement, since every single SMS pays for it. Without a number they are those of the sender alone.
    """
    numbers = list({number for _, number in asked if number is not None})
    values = {
        "organization": organization_id,
        "names": list({name for name, _ in asked if name is not None}),
        "numbers": array_text(numbers),
        "prefixes": array_text({prefix for number in numbers for prefix in price_prefixes(number)}),
    }
    row = driver(session).execute(_TERMS, values).fetchone()
    assert row is not None
    sender, sender_id, ids, names, prefixes, prices, suppressed = row
    senders: dict[str | None, tuple[UUID | None, str | None]] = {
        None: (sender, sender_id),
        **{name: (id_, name) for id_, name in zip(ids or (), names or (), strict=True)},
    }
    listed = dict(zip(prefixes or (), prices or (), strict=True))
    return [
        SmsTerms(
            *senders.get(name, (None, None)),
            None if number is None else sms_price(number, listed),
            number in (suppressed or ()),
        )
        for name, number in asked
    ]
