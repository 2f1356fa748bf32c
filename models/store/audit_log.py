"""Reading the audit log. Writing it is `audit` in models/store/organizations.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.store.pages import Page, PageRequest
from models.tables import AuditEntry, Organization


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry, and the name of the organization."""

    entry: AuditEntry
    organization: str | None


def list_audit_entries(
    session: Session, organization_id: UUID | None, page: PageRequest, *, action: str | None, actor: str | None
) -> Page[ListedEntry]:
    """Entries, newest first; of one action, by an actor whose name holds the text. Without an organization, all."""
    conditions = []
    if organization_id is not None:
        conditions.append(AuditEntry.organization_id == organization_id)
    if action is not None:
        conditions.append(AuditEntry.action == action)
    if actor is not None:
        conditions.append(AuditEntry.actor.icontains(actor, autoescape=True))
    total = session.execute(select(func.count()).select_from(AuditEntry).where(*conditions)).scalar_one()
    rows = session.execute(
        select(AuditEntry, Organization.name)
        .outerjoin(Organization, Organization.id == AuditEntry.organization_id)
        .where(*conditions)
        .order_by(AuditEntry.id.desc())
        .offset(page.offset)
        .limit(page.size)
    )
    return Page([ListedEntry(entry, name) for entry, name in rows], total, page)


def list_actions(session: Session, organization_id: UUID | None) -> Sequence[str]:
    """Every action in the log, by name."""
    chosen = select(AuditEntry.action).distinct().order_by(AuditEntry.action)
    if organization_id is not None:
        chosen = chosen.where(AuditEntry.organization_id == organization_id)
    return session.execute(chosen).scalars().all()
