"""Addresses that an organization must not write to."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import new_id
from models.session import driver
from models.store.organizations import audit
from models.store.pages import Page, PageRequest
from models.tables import Suppression


def _live(organization_id: UUID) -> ColumnElement[bool]:
    """Email suppressions of the organization that have not ended by themselves."""
    return and_(
        Suppression.organization_id == organization_id,
        Suppression.channel == "email",
        or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.now()),
    )


def list_suppressions(
    session: Session, organization_id: UUID, request: PageRequest, *, reason: str | None
) -> Page[Suppression]:
    """Suppressions of email addresses, newest first."""
    chosen = select(Suppression).where(_live(organization_id))
    if reason is not None:
        chosen = chosen.where(Suppression.reason == reason)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(Suppression.created_at.desc(), Suppression.id.desc())
    items = session.execute(ordered.offset(request.offset).limit(request.size)).scalars().all()
    return Page(items, total, request)


def find_suppression(session: Session, organization_id: UUID, email: str) -> Suppression | None:
    """The suppression of a normalised address, if there is one now."""
    return session.execute(
        select(Suppression).where(_live(organization_id), Suppression.recipient == email)
    ).scalar_one_or_none()


def suppress(
    session: Session, organization_id: UUID, email: str, *, reason: str, details: str | None
) -> tuple[Suppression, bool]:
    """Suppress a normalised address for good; returns the suppression and whether it is new.

    One that lasts already stays as it is. One that would end by itself (a soft bounce) is made to last, since
    somebody asked for it now; when it has ended, it counts as new.
    """
    added = insert(Suppression).values(
        organization_id=organization_id,
        id=new_id(),
        channel="email",
        recipient=email,
        reason=reason,
        details=details,
        expires_at=None,
    )
    known = find_suppression(session, organization_id, email)
    if known is not None and known.expires_at is None:
        return known, False
    written = session.execute(
        added.on_conflict_do_update(
            index_elements=["organization_id", "channel", "recipient"],
            set_={
                "reason": added.excluded.reason,
                "details": added.excluded.details,
                "expires_at": None,
                "created_at": func.now(),
            },
            # Lost a race: what the other request wrote stands.
            where=Suppression.expires_at.is_not(None),
        )
        .returning(Suppression)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if written is not None:
        return written, known is None
    winner = find_suppression(session, organization_id, email)
    assert winner is not None
    return winner, False


def unsuppress(session: Session, organization_id: UUID, email: str) -> None:
    """Take a normalised address off the list. Raises NotFound when it is not on it."""
    # One that has ended goes as well, but for the client it was not there.
    removed = session.execute(
        delete(Suppression)
        .where(
            Suppression.organization_id == organization_id,
            Suppression.channel == "email",
            Suppression.recipient == email,
        )
        .returning(or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.now()))
    ).scalar_one_or_none()
    if not removed:
        raise NotFound


_IMPORT = """
INSERT INTO suppressions AS s (organization_id, id, channel, recipient, reason)
SELECT %(organization)s, id, 'email', recipient, 'list_import'
FROM unnest(%(ids)s::uuid[], %(recipients)s::text[]) AS given (id, recipient)
ON CONFLICT (organization_id, channel, recipient) DO UPDATE
    SET reason = excluded.reason, details = NULL, expires_at = NULL, created_at = now()
    WHERE s.expires_at IS NOT NULL
"""


def import_suppressions(session: Session, organization_id: UUID, emails: Sequence[str], *, source: str) -> int:
    """Suppress distinct normalised addresses for good, audited with `source`, the file's name.

    Returns how many were not on the list for good before; those that were stay as they are.
    """
    ids = [new_id() for _ in emails]
    parameters = {"organization": organization_id, "ids": ids, "recipients": list(emails)}
    added = driver(session).execute(_IMPORT, parameters).rowcount
    details = {"addresses": len(emails), "added": added}
    audit(session, organization_id, actor="operator", action="suppressions.imported", subject=source, details=details)
    return added
