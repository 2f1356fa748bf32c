"""Single SMS of several requests at once: written, charged and put into the outbox in one way to the server.

Each by itself costs five statements' beginnings and ends, and the rows of the balance and of the sender, for which all
requests of an organization queue in Postgres. Together they take those rows once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import InsufficientCredits, NotFound
from models.rules.ids import made_on, new_id
from models.session import commit_at_once, driver
from models.store.arrays import array_text, bytes_array_text
from models.store.ledger import entry_id


@dataclass(frozen=True, slots=True)
class PreparedSms:
    """An SMS to write. `hash`, `text` and `sender_id` are its content's, `sender` is the sender ID that counts it."""

    sender: UUID
    recipient: str
    hash: bytes
    text: str
    sender_id: str
    cost: Decimal
    segments: int
    id: UUID = field(default_factory=new_id)


# A content may be another request's as well: whoever writes several takes them in one order, so that none waits for
# another that waits for it. Of messages that cannot be paid none is kept.
#
# Contents are written, then the sender's row is locked, then the balance's, as it is wherever messages are counted:
# else two would wait for each other. The balance after each is that after the last, and what those after it cost. Where
# one thing is missing (a content that another request has written meanwhile, the sender, credits) nothing is written.
_WRITE = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(days)s::date[], %(entries)s::uuid[], %(recipients)s::text[],
                         %(hashes)s::bytea[], %(costs)s::numeric[], %(segments)s::smallint[], %(content_ids)s::uuid[],
                         %(texts)s::text[]) WITH ORDINALITY
         AS a (id, made_on, entry, recipient, hash, cost, segments, content_id, text, no)
), stored AS (
    INSERT INTO contents (id, organization_id, hash, channel, text, sender_id)
    SELECT content_id, %(organization)s, hash, 'sms', text, %(sender_id)s FROM asked
    WHERE EXISTS (SELECT FROM organizations WHERE id = %(organization)s AND balance >= %(cost)s) ORDER BY hash
    ON CONFLICT (organization_id, hash) DO NOTHING
    RETURNING id, hash
), given AS MATERIALIZED (
    SELECT a.id, a.made_on, a.entry, a.recipient, a.cost, a.segments, a.no, coalesce(s.id, c.id) AS content_id,
           coalesce(sum(a.cost) OVER (ORDER BY a.no DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS after
    FROM asked a LEFT JOIN stored s ON s.hash = a.hash
    LEFT JOIN contents c ON c.organization_id = %(organization)s AND c.hash = a.hash
    WHERE s.id IS NOT NULL OR c.id IS NOT NULL
), sender AS MATERIALIZED (
    SELECT id FROM sender_ids
    WHERE organization_id = %(organization)s AND id = %(sender)s AND (SELECT count(*) FROM given) = %(amount)s
    FOR NO KEY UPDATE
), charged AS (
    UPDATE organizations SET balance = balance - %(cost)s
    WHERE id = %(organization)s AND EXISTS (SELECT FROM sender) AND balance >= %(cost)s
    RETURNING balance
), counted AS (
    UPDATE sender_ids SET message_count = message_count + %(amount)s
    WHERE organization_id = %(organization)s AND id = (SELECT id FROM sender) AND EXISTS (SELECT FROM charged)
), paid AS MATERIALIZED (
    SELECT g.*, c.balance + g.after AS balance_after FROM given g, charged c ORDER BY g.no
), booked AS (
    INSERT INTO ledger_entries (id, organization_id, kind, amount, balance_after, message_id, reason)
    SELECT entry, %(organization)s, 'charge', -cost, balance_after, id, 'SMS' FROM paid ORDER BY no
), written AS (
    INSERT INTO messages (id, made_on, organization_id, content_id, channel, recipient, dedupe_key, position, cost,
                          segments)
    SELECT id, made_on, %(organization)s, content_id, 'sms', recipient, recipient, 0, cost, segments FROM paid
), queued AS (
    INSERT INTO outbox (message_id, organization_id, channel) SELECT id, %(organization)s, 'sms' FROM paid
)
SELECT balance_after FROM paid ORDER BY no
"""


_REASONS = """
SELECT balance, EXISTS (SELECT FROM sender_ids WHERE organization_id = o.id AND id = %(sender)s)
FROM organizations o WHERE id = %(organization)s
"""
_TRIES = 5  # each needs a top-up and somebody else who spends it, or another's content


def write_sms_together(
    session: Session, organization_id: UUID, messages: Sequence[PreparedSms]
) -> list[Decimal | InsufficientCredits | NotFound]:
    """Write SMS of one sender, in a transaction of their own; for each the balance after it, in order.

    Or what it is refused for: InsufficientCredits, or NotFound when the sender was deleted; none is refused for
    another's sake. `session` is one of `Database.reading_on`.
    """
    if balances := _write(session, organization_id, messages):
        return [*balances]
    if len(messages) > 1:
        return [answer for each in messages for answer in write_sms_together(session, organization_id, [each])]
    return [_write_one(session, organization_id, messages[0])]


def _write_one(
    session: Session, organization_id: UUID, message: PreparedSms
) -> Decimal | InsufficientCredits | NotFound:
    """Why it was not written; or the balance after it, where there is no reason any more: it was topped up just now."""
    values = {"organization": organization_id, "sender": message.sender}
    for _ in range(_TRIES):
        [(available, is_there)] = driver(session).execute(_REASONS, values)
        if not is_there:
            return NotFound()
        if available < message.cost:
            return InsufficientCredits(required=message.cost, available=available)
        if balances := _write(session, organization_id, [message]):
            return balances[0]
    return InsufficientCredits(required=message.cost, available=available)


def _write(session: Session, organization_id: UUID, messages: Sequence[PreparedSms]) -> list[Decimal]:
    values = {
        "organization": organization_id,
        "sender": messages[0].sender,
        "sender_id": messages[0].sender_id,
        "amount": len(messages),
        "cost": sum((each.cost for each in messages), Decimal(0)),
        "ids": array_text(each.id for each in messages),
        "days": array_text(made_on(each.id) for each in messages),
        "entries": array_text(entry_id(organization_id, f"charge:{each.id}") for each in messages),
        "recipients": array_text(each.recipient for each in messages),
        "content_ids": array_text(new_id() for _ in messages),
        "hashes": bytes_array_text(each.hash for each in messages),
        "texts": [each.text for each in messages],
        "costs": array_text(each.cost for each in messages),
        "segments": array_text(each.segments for each in messages),
    }
    return [balance for (balance,) in commit_at_once(session, [(_WRITE, values)])]
