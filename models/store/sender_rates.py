"""Rates of senders: email domains and sender IDs from which only so many messages may come in a minute."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.rate_limits import Limit
from models.store.organizations import audit
from models.tables import Content, EmailDomain, SenderId

Sender = tuple[UUID, str]
"""An organization, and the domain or sender ID that it sends from."""

MOST_PER_MINUTE = 6_000_000


def limited_senders(session: Session, channel: str) -> dict[Sender, Limit]:
    """All senders of a channel that have a rate. For the engine, over all organizations."""
    if channel == "sms":
        chosen = select(SenderId.organization_id, SenderId.sender_id, SenderId.id, SenderId.rate_per_minute)
        chosen = chosen.where(SenderId.rate_per_minute.is_not(None))
    else:
        chosen = select(EmailDomain.organization_id, EmailDomain.domain, EmailDomain.id, EmailDomain.rate_per_minute)
        chosen = chosen.where(EmailDomain.rate_per_minute.is_not(None))
    return {
        (organization_id, name): Limit(f"sender:{id_}", per_minute)
        for organization_id, name, id_, per_minute in session.execute(chosen)
        if per_minute is not None
    }


def senders_of(session: Session, content_ids: Collection[UUID]) -> dict[UUID, Sender]:
    """Who each of the contents is sent from. For the engine."""
    domain = func.lower(func.split_part(Content.from_email, "@", 2))
    chosen = select(Content.id, Content.organization_id, func.coalesce(Content.sender_id, domain, ""))
    rows = session.execute(chosen.where(Content.id.in_(content_ids)))
    return {id_: (organization_id, name) for id_, organization_id, name in rows}


def change_rate(session: Session, sender: str, per_minute: int | None, *, actor: str) -> str:
    """Let so many messages a minute come from a sender, or any number (None); audited. Returns its name.

    `sender` is the id of a sender ID or of an email domain, or the name of a verified domain. Raises NotFound, and
    InvalidInput on `per_minute`.
    """
    if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
        raise InvalidInput({"per_minute": [f"The rate must be 1 to {MOST_PER_MINUTE:,} messages a minute."]})
    found = _find(session, sender)
    before, found.rate_per_minute = found.rate_per_minute, per_minute
    kind, name = ("sender_id", found.sender_id) if isinstance(found, SenderId) else ("email_domain", found.domain)
    audit(
        session,
        found.organization_id,
        actor=actor,
        action=f"{kind}.rate_changed",
        subject=name,
        details={"from": before, "to": per_minute},
    )
    return name


def _find(session: Session, sender: str) -> EmailDomain | SenderId:
    try:
        id_ = UUID(sender)
    except ValueError:
        verified = select(EmailDomain).where(EmailDomain.domain == sender.lower(), EmailDomain.status == "verified")
        found: EmailDomain | SenderId | None = session.execute(verified.with_for_update()).scalar_one_or_none()
    else:
        found = session.get(SenderId, id_, with_for_update=True) or session.get(EmailDomain, id_, with_for_update=True)
    if found is None:
        raise NotFound(f"{sender} is neither a verified email domain nor the id of a domain or sender ID.")
    return found
