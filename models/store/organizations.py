"""Organizations, and what an operator gives them."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.errors import NumericValueOutOfRange
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.money import MONEY_MAX
from models.rules.quiet_hours import QuietHours
from models.store.ledger import has_ledger_entries, post
from models.store.pages import Page, PageRequest
from models.tables import ApiToken, AuditEntry, EmailDomain, Organization, User


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `text` is what the client sends; it can never be shown again."""

    id: UUID
    text: str

    def __repr__(self) -> str:
        return f"NewToken(id={self.id})"


def create_organization(
    session: Session,
    *,
    name: str,
    currency: str = "EUR",
    rate_limit: int = 60,
    timezone: str | None = None,
    actor: str = "operator",
) -> Organization:
    """A new organization with no credits; audited. Raises InvalidInput when nothing has a price in its currency."""
    _check_currency(session, currency)
    organization = Organization(id=new_id(), name=name, currency=currency, rate_limit=rate_limit, timezone=timezone)
    session.add(organization)
    session.flush()
    audit(session, organization.id, actor=actor, action="organization.created", subject=str(organization.id))
    return organization


def _check_currency(session: Session, currency: str) -> None:
    priced = session.execute(
        text("SELECT 1 FROM prices WHERE currency = :currency LIMIT 1"), {"currency": currency}
    ).one_or_none()
    if priced is None:
        raise InvalidInput({"currency": [f"There are no prices in {currency}."]})


def read_organization(session: Session, organization_id: UUID) -> Organization:
    """The organization. Raises NotFound."""
    organization = session.get(Organization, organization_id)
    if organization is None:
        raise NotFound
    return organization


def list_organizations(session: Session, page: PageRequest) -> Page[Organization]:
    """Organizations by name (for a role that sees them)."""
    total = session.execute(select(func.count()).select_from(Organization)).scalar_one()
    chosen = select(Organization).order_by(Organization.name, Organization.id).offset(page.offset).limit(page.size)
    return Page(session.execute(chosen).scalars().all(), total, page)


def organization_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of some organizations (for a role that sees them)."""
    rows = session.execute(select(Organization.id, Organization.name).where(Organization.id.in_(ids)))
    return {row.id: row.name for row in rows}


def change_organization(
    session: Session, organization_id: UUID, *, name: str, rate_limit: int, currency: str, is_active: bool, actor: str
) -> None:
    """Change what an administrator may; audited with what changed.

    Raises NotFound; InvalidInput for a currency without prices, or another one when the ledger has entries already.
    """
    organization = session.execute(
        select(Organization)
        .where(Organization.id == organization_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if organization is None:
        raise NotFound
    wanted = {"name": name, "rate_limit": rate_limit, "currency": currency, "is_active": is_active}
    changes = {field: value for field, value in wanted.items() if value != getattr(organization, field)}
    if "currency" in changes:
        _check_currency(session, currency)
        if has_ledger_entries(session, organization_id):
            raise InvalidInput({"currency": ["The currency cannot be changed: the ledger has entries in it."]})
    if not changes:
        return
    values: dict[str, Any] = {**changes, "updated_at": func.now()}
    if "is_active" in changes:
        values["deactivated_at"] = None if is_active else func.now()
    session.execute(update(Organization).where(Organization.id == organization_id).values(**values))
    audit(
        session,
        organization_id,
        actor=actor,
        action="organization.changed",
        subject=str(organization_id),
        details=changes,
    )


def top_up(
    session: Session, organization_id: UUID, amount: Decimal, *, reference: str, actor: str = "operator"
) -> bool:
    """Add credits; audited. The same reference is booked once; returns False the second time.

    Raises InvalidInput when the balance would be more than can be kept; nothing can follow in the transaction then.
    """
    try:
        booked = post(
            session,
            organization_id,
            kind="topup",
            amount=amount,
            key=f"topup:{reference}",
            reason="Top-up",
            reference=reference,
        )
    except NumericValueOutOfRange:
        raise InvalidInput({"amount": [f"The balance would be above {MONEY_MAX}."]}) from None
    if booked:
        details = {"amount": str(amount), "reference": reference}
        audit(session, organization_id, actor=actor, action="balance.topped_up", subject=reference, details=details)
    return booked


def create_token(
    session: Session, organization_id: UUID, *, user_id: UUID | None, name: str, expires_at: datetime | None = None
) -> NewToken:
    """A new API token. Only the SHA-256 of its secret is stored."""
    token = ApiToken(
        id=new_id(),
        organization_id=organization_id,
        user_id=user_id,
        name=name,
        secret_hash=b"",
        abilities=["*"],
        expires_at=expires_at,
    )
    secret = secrets.token_urlsafe(32)
    token.secret_hash = hash_secret(secret)
    session.add(token)
    session.flush()
    return NewToken(token.id, f"{token.id}|{secret}")


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a token's secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def create_owner(session: Session, organization_id: UUID, *, name: str) -> User:
    """The first user of an organization, whom its tokens belong to."""
    user = User(id=new_id(), organization_id=organization_id, name=name, role="owner")
    session.add(user)
    session.flush()
    return user


def add_verified_domain(session: Session, organization_id: UUID, domain: str) -> EmailDomain:
    """Add a domain and mark it verified without looking at DNS: an operator's act, audited. The first is the default.

    Raises InvalidInput when another organization has verified it.
    """
    taken = session.execute(
        select(EmailDomain.organization_id).where(EmailDomain.domain == domain, EmailDomain.status == "verified")
    ).scalar_one_or_none()
    if taken is not None:
        raise InvalidInput({"domain": [f"The domain {domain} is verified already."]})
    first = session.execute(
        select(EmailDomain.id).where(EmailDomain.organization_id == organization_id, EmailDomain.is_default)
    ).first()
    row = EmailDomain(
        id=new_id(),
        organization_id=organization_id,
        domain=domain,
        status="verified",
        is_default=first is None,
        default_from_email=f"hello@{domain}",
        verified_by_operator=True,
    )
    session.add(row)
    session.flush()
    session.execute(text("UPDATE email_domains SET verified_at = now() WHERE id = :id"), {"id": row.id})
    audit(session, organization_id, actor="operator", action="email_domain.verified_by_operator", subject=domain)
    return row


def set_quiet_hours(session: Session, organization_id: UUID, hours: QuietHours | None, *, actor: str) -> None:
    """What new SMS campaigns have that say nothing of it; audited. Raises NotFound."""
    stored = None if hours is None else hours.to_json()
    read_organization(session, organization_id).quiet_hours = stored
    audit(
        session,
        organization_id,
        actor=actor,
        action="organization.quiet_hours_changed",
        subject=str(organization_id),
        details={"quiet_hours": stored},
    )


def audit(
    session: Session,
    organization_id: UUID | None,
    *,
    actor: str,
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
) -> None:
    """Write down who did what to which thing. Never put a secret into `details`."""
    session.execute(
        insert(AuditEntry).values(
            organization_id=organization_id, actor=actor, action=action, subject=subject, details=details or {}
        )
    )
