"""The ledger: every movement of credits, once, and the balance beside it.

Laws, held by constraints and by the shape of `post`: Σ amount = organizations.balance; no entry twice (an entry's id
is made from what it is for); a balance is never below zero, however many transactions race for the last credit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.errors import InsufficientCredits, InvalidInput, NotFound
from models.session import driver
from models.tables import LedgerEntry

# The namespace (RFC 9562 5.5) of ledger entries' ids.
_NAMESPACE = UUID("6f0f5c1e-53a6-5a7c-9d5a-0d6a2a3f1c11")


@dataclass(frozen=True, slots=True)
class Balance:
    """What an organization has."""

    balance: Decimal
    currency: str
    organization: str


def read_balance(session: Session, organization_id: UUID) -> Balance:
    """The organization's balance, currency and name. Raises NotFound."""
    row = (
        driver(session)
        .execute("SELECT balance, currency, name FROM organizations WHERE id = %s", [organization_id])
        .fetchone()
    )
    if row is None:
        raise NotFound
    return Balance(*row)


def entry_id(organization_id: UUID, key: str) -> UUID:
    """The id of the entry for what `key` names, unique in the organization: the same thing is booked once."""
    return uuid5(_NAMESPACE, f"{organization_id}:{key}")


def post(
    session: Session,
    organization_id: UUID,
    *,
    kind: str,
    amount: Decimal,
    key: str,
    reason: str,
    run_id: UUID | None = None,
    message_id: UUID | None = None,
    reference: str | None = None,
) -> bool:
    """Write one entry and move the balance by its signed amount. Returns False when the entry was there already.

    `key` names what the entry is for, unique in the organization. Raises InsufficientCredits when the balance would
    fall below zero; nothing is written then.
    """
    entry = {
        "id": entry_id(organization_id, key),
        "organization": organization_id,
        "kind": kind,
        "amount": amount,
        "reason": reason,
        "run": run_id,
        "message": message_id,
        "reference": reference,
    }
    # The balance's row lock makes racers queue. The look for an earlier entry must be a statement of its own after it:
    # one that waits for a lock looks at other tables as they were before.
    connection = driver(session)
    connection.execute(_LOCK, entry)
    moved = connection.execute(_MOVE, entry).fetchone()
    if moved is None:
        return _explain(session, organization_id, entry["id"], amount)
    connection.execute(_INSERT, {**entry, "balance_after": moved[0]})
    return True


def _explain(session: Session, organization_id: UUID, entry_id: object, amount: Decimal) -> bool:
    if session.execute(text("SELECT 1 FROM ledger_entries WHERE id = :id"), {"id": entry_id}).one_or_none():
        return False
    raise InsufficientCredits(required=-amount, available=read_balance(session, organization_id).balance)


_LOCK = "SELECT FROM organizations WHERE id = %(organization)s FOR NO KEY UPDATE"

_MOVE = """
UPDATE organizations SET balance = balance + %(amount)s
WHERE id = %(organization)s AND balance + %(amount)s >= 0
  AND NOT EXISTS (SELECT 1 FROM ledger_entries WHERE id = %(id)s)
RETURNING balance
"""

_INSERT = """
INSERT INTO ledger_entries (id, organization_id, kind, amount, balance_after, run_id, message_id, reason, reference)
VALUES (%(id)s, %(organization)s, %(kind)s, %(amount)s, %(balance_after)s, %(run)s, %(message)s, %(reason)s,
        %(reference)s)
"""


def has_ledger_entries(session: Session, organization_id: UUID) -> bool:
    """Whether anything was ever booked for the organization."""
    found = session.execute(
        text("SELECT 1 FROM ledger_entries WHERE organization_id = :organization LIMIT 1"),
        {"organization": organization_id},
    )
    return found.first() is not None


def latest_entries(session: Session, organization_id: UUID, most: int) -> Sequence[LedgerEntry]:
    """The last movements of the organization's credits, newest first."""
    chosen = select(LedgerEntry).where(LedgerEntry.organization_id == organization_id)
    return session.execute(chosen.order_by(LedgerEntry.seq.desc()).limit(most)).scalars().all()


def email_price(session: Session, organization_id: UUID) -> Decimal:
    """What one email costs the organization today. Raises InvalidInput when its currency has no price."""
    price = session.execute(
        text("""
            SELECT p.price FROM prices p JOIN organizations o ON o.currency = p.currency
            WHERE o.id = :organization AND p.channel = 'email' AND p.prefix = '' AND p.valid_from <= current_date
            ORDER BY p.valid_from DESC LIMIT 1
        """),
        {"organization": organization_id},
    ).scalar_one_or_none()
    if price is None:
        raise InvalidInput({"currency": ["There is no price for email in the organization's currency."]})
    return Decimal(price)
