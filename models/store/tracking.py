"""What an organization's mails tell us, and how their links begin."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.store.organizations import audit, read_organization
from models.tables import EmailDomain, Organization


def set_tracking(
    session: Session, organization_id: UUID, *, opens: bool | None, clicks: bool | None, actor: str
) -> Organization:
    """What campaigns that do not say track; None leaves it. Audited. Raises NotFound."""
    organization = read_organization(session, organization_id)
    if opens is not None:
        organization.track_opens = opens
    if clicks is not None:
        organization.track_clicks = clicks
    session.flush()
    details = {"opens": organization.track_opens, "clicks": organization.track_clicks}
    audit(
        session,
        organization_id,
        actor=actor,
        action="organization.tracking_changed",
        subject=str(organization_id),
        details=details,
    )
    return organization


def set_tracking_host(session: Session, organization_id: UUID, domain: str, host: str | None, *, actor: str) -> None:
    """How the links begin in mails of this domain that are written from now on; None: as those of the installation.

    Audited. Raises InvalidInput on `domain` for one that the organization does not have.
    """
    changed = session.execute(
        update(EmailDomain)
        .where(EmailDomain.organization_id == organization_id, EmailDomain.domain == domain)
        .values(tracking_host=host)
        .returning(EmailDomain.id)
    ).one_or_none()
    if changed is None:
        raise InvalidInput({"domain": [f"The organization has no domain {domain}."]})
    action = "email_domain.tracking_host_changed"
    audit(session, organization_id, actor=actor, action=action, subject=domain, details={"host": host})
