"""Sender IDs: asked for by an organization, approved by an administrator, verified by the provider."""

from collections.abc import Collection, Sequence
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import IllegalState, InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.lifecycle import CampaignStatus, sources_of
from models.rules.protected_names import protected_by
from models.rules.sender_id import (
    ADMIN_MOVES,
    PROVIDER_MOVES,
    AdminStatus,
    ProviderStatus,
    SenderFilter,
    parse_sender_id,
)
from models.store.constraints import unique_fields
from models.store.organizations import audit
from models.tables import Campaign, SenderId

SENDER_IDS_MAX = 1000  # of one organization: its list is one answer

_UNIQUE = {"uq_sender_ids_organization_id_sender_id": "sender_id"}

_SHOWN: dict[SenderFilter, ColumnElement[bool]] = {
    SenderFilter.VERIFIED: SenderId.provider_status == ProviderStatus.VERIFIED,
    SenderFilter.PENDING: SenderId.admin_status == AdminStatus.PENDING,
    SenderFilter.APPROVED: and_(
        SenderId.admin_status == AdminStatus.APPROVED, SenderId.provider_status != ProviderStatus.REJECTED
    ),
    SenderFilter.REJECTED: or_(
        SenderId.admin_status == AdminStatus.REJECTED, SenderId.provider_status == ProviderStatus.REJECTED
    ),
    SenderFilter.ALL: true(),
}


def list_sender_ids(session: Session, organization_id: UUID | None, shown: SenderFilter) -> Sequence[SenderId]:
    """Sender IDs, newest first. Without an organization, those of all (for a role that sees them)."""
    chosen = select(SenderId).where(_SHOWN[shown])
    if organization_id is not None:
        chosen = chosen.where(SenderId.organization_id == organization_id)
    return session.execute(chosen.order_by(SenderId.created_at.desc(), SenderId.id.desc())).scalars().all()


def request_sender_id(session: Session, organization_id: UUID, sender_id: str) -> SenderId:
    """A new sender ID that waits for both stages. Raises InvalidInput: not one, there already, too many, or a name that
    is protected (models/rules/protected_names.py)."""
    if protected := protected_by(sender_id):
        raise InvalidInput(
            {"sender_id": [f"The sender_id is, or reads like, {protected}, which is protected: ask an administrator."]}
        )
    return _add(session, organization_id, sender_id, {})


def add_verified_sender_id(session: Session, organization_id: UUID, sender_id: str) -> SenderId:
    """Add a sender ID with both stages of approval done: an operator's act, audited. The first is the default.

    A protected name too: whoever does it knows that it is theirs. Raises InvalidInput: not one, there, or too many.
    """
    first = session.execute(
        select(SenderId.id).where(SenderId.organization_id == organization_id, SenderId.is_default)
    ).first()
    done = {
        "admin_status": AdminStatus.APPROVED,
        "provider_status": ProviderStatus.VERIFIED,
        "approved_at": func.now(),
        "verified_at": func.now(),
        "is_default": first is None,
    }
    row = _add(session, organization_id, sender_id, done)
    audit(session, organization_id, actor="operator", action="sender_id.verified_by_operator", subject=row.sender_id)
    return row


def _add(session: Session, organization_id: UUID, sender_id: str, values: dict[str, Any]) -> SenderId:
    stored = parse_sender_id(sender_id)
    if stored is None:
        raise InvalidInput(
            {
                "sender_id": [
                    "The sender_id field must be 3 to 11 letters, digits, spaces, dots, underscores or hyphens with "
                    "at least one letter, or a phone number."
                ]
            }
        )
    known = select(func.count()).where(SenderId.organization_id == organization_id)
    if session.execute(known).scalar_one() >= SENDER_IDS_MAX:
        raise InvalidInput({"sender_id": [f"There can be {SENDER_IDS_MAX:,} sender IDs at most."]})
    with unique_fields(_UNIQUE):
        return session.execute(
            insert(SenderId)
            .values(organization_id=organization_id, id=new_id(), sender_id=stored, **values)
            .returning(SenderId)
        ).scalar_one()


def read_sender_id(session: Session, organization_id: UUID, id_: UUID) -> SenderId:
    """The sender ID. Raises NotFound."""
    return _found(session, SenderId.organization_id == organization_id, id_)


def sender_to_use(session: Session, organization_id: UUID, name: str | None) -> SenderId:
    """The verified sender ID of that name; without a name, the default. Raises InvalidInput on `sender_id`."""
    chosen = select(SenderId).where(
        SenderId.organization_id == organization_id, SenderId.provider_status == ProviderStatus.VERIFIED
    )
    chosen = chosen.where(SenderId.is_default if name is None else SenderId.sender_id == name)
    found = session.execute(chosen).scalar_one_or_none()
    if found is None:
        raise no_sender(name)
    return found


def no_sender(name: str | None) -> InvalidInput:
    """The error where no sender ID of that name can be used; without a name, where there is no default."""
    wrong = "The selected sender_id is not a verified sender ID of the organization."
    none = "The sender_id field is required: the organization has no default sender ID."
    return InvalidInput({"sender_id": [none if name is None else wrong]})


def sender_names(session: Session, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names and numbers of the sender IDs, without those that are gone."""
    if not ids:
        return {}
    chosen = select(SenderId.id, SenderId.sender_id).where(
        SenderId.organization_id == organization_id, SenderId.id.in_(set(ids))
    )
    return {row.id: row.sender_id for row in session.execute(chosen)}


def count_messages(session: Session, organization_id: UUID, id_: UUID, messages: int) -> None:
    """Add messages that were made to go out from it. Raises NotFound when it was deleted meanwhile."""
    counted = session.execute(
        update(SenderId)
        .where(SenderId.organization_id == organization_id, SenderId.id == id_)
        .values(message_count=SenderId.message_count + messages)
        .returning(SenderId.id)
    ).one_or_none()
    if counted is None:
        raise NotFound


def make_default(session: Session, organization_id: UUID, id_: UUID) -> SenderId:
    """Make it the default in place of the one before. Raises NotFound, and IllegalState when it is not verified."""
    # Two requests that each make a default would both find none and one would break the unique index.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('sender_ids.default:' || :id, 0))"),
        {"id": str(organization_id)},
    )
    sender = read_sender_id(session, organization_id, id_)
    if not sender.is_verified:
        raise IllegalState(
            "Only verified sender IDs can be set as default.", code="not_verified", current_status=_status(sender)
        )
    own = SenderId.organization_id == organization_id
    changed = {"updated_at": func.now()}
    session.execute(
        update(SenderId).where(own, SenderId.is_default, SenderId.id != id_).values(is_default=False, **changed)
    )
    made = update(SenderId).where(own, SenderId.id == id_).values(is_default=True, **changed).returning(SenderId)
    updated = session.execute(made.execution_options(populate_existing=True)).scalar_one_or_none()
    if updated is None:
        raise NotFound
    return updated


def delete_sender_id(session: Session, organization_id: UUID, id_: UUID) -> None:
    """Remove it. Raises NotFound, and IllegalState while it is the default, when messages came from it, and while a
    campaign that is scheduled, sending or paused is to come from it."""
    underway = select(Campaign.id).where(
        Campaign.organization_id == organization_id,
        Campaign.sender_id_id == id_,
        Campaign.status.in_([CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED]),
    )
    unused = and_(~SenderId.is_default, SenderId.message_count == 0, ~underway.exists())
    removed = session.execute(
        delete(SenderId)
        .where(SenderId.organization_id == organization_id, SenderId.id == id_, unused)
        .returning(SenderId.id)
    ).one_or_none()
    if removed is not None:
        return
    sender = read_sender_id(session, organization_id, id_)
    if sender.is_default:
        raise IllegalState(
            "The default sender ID cannot be deleted.", code="is_default", current_status=_status(sender)
        )
    if sender.message_count == 0:
        raise IllegalState(
            "A sender ID that a campaign comes from cannot be deleted.",
            code="has_campaigns",
            current_status=_status(sender),
        )
    raise IllegalState(
        "A sender ID with messages cannot be deleted.", code="has_messages", current_status=_status(sender)
    )


def approve(session: Session, id_: UUID, *, actor: str) -> SenderId:
    """Stage 1, yes: an administrator's act, audited. Raises NotFound and IllegalState."""
    moved = _decide(
        session,
        id_,
        SenderId.admin_status.in_(sources_of(ADMIN_MOVES, AdminStatus.APPROVED)),
        {"admin_status": AdminStatus.APPROVED, "approved_at": func.now(), "rejection_reason": None},
        "approved",
    )
    audit(session, moved.organization_id, actor=actor, action="sender_id.approved", subject=moved.sender_id)
    return moved


def verify(session: Session, id_: UUID, *, actor: str) -> SenderId:
    """Stage 2, yes, after stage 1: what the provider said, audited. Raises NotFound and IllegalState."""
    moved = _decide(
        session,
        id_,
        and_(
            SenderId.admin_status == AdminStatus.APPROVED,
            SenderId.provider_status.in_(sources_of(PROVIDER_MOVES, ProviderStatus.VERIFIED)),
        ),
        {"provider_status": ProviderStatus.VERIFIED, "verified_at": func.now(), "rejection_reason": None},
        "verified",
    )
    audit(session, moved.organization_id, actor=actor, action="sender_id.verified", subject=moved.sender_id)
    return moved


def reject(session: Session, id_: UUID, *, actor: str, reason: str) -> SenderId:
    """No, at the stage that it waits for; audited. The organization reads the reason.

    Raises NotFound, InvalidInput without a reason, and IllegalState when it waits for neither stage.
    """
    if not reason.strip():
        raise InvalidInput({"reason": ["The reason field is required."]})
    sender = _found(session, true(), id_, lock=True)
    stage = "admin" if sender.admin_status == AdminStatus.PENDING else "provider"
    waits = {
        "admin": SenderId.admin_status == AdminStatus.PENDING,
        "provider": and_(
            SenderId.admin_status == AdminStatus.APPROVED, SenderId.provider_status == ProviderStatus.PENDING
        ),
    }
    values = {f"{stage}_status": "rejected", "rejection_reason": reason.strip()}
    moved = _decide(session, id_, waits[stage], values, "rejected")
    details = {"stage": stage, "reason": reason.strip()}
    audit(
        session,
        moved.organization_id,
        actor=actor,
        action="sender_id.rejected",
        subject=moved.sender_id,
        details=details,
    )
    return moved


def _decide(session: Session, id_: UUID, waits: ColumnElement[bool], values: dict[str, Any], decision: str) -> SenderId:
    change = update(SenderId).where(SenderId.id == id_, waits).values(**values, updated_at=func.now())
    moved = session.execute(
        change.returning(SenderId).execution_options(populate_existing=True, synchronize_session=False)
    ).scalar_one_or_none()
    return moved if moved is not None else _refuse(_found(session, true(), id_), decision)


def _refuse(sender: SenderId, decision: str) -> NoReturn:
    raise IllegalState(
        f"The sender ID {sender.sender_id} cannot be {decision}: administrator {sender.admin_status}, "
        f"provider {sender.provider_status}.",
        code=f"not_to_be_{decision}",
        current_status=_status(sender),
    )


def _found(session: Session, own: ColumnElement[bool], id_: UUID, *, lock: bool = False) -> SenderId:
    chosen = select(SenderId).where(own, SenderId.id == id_).execution_options(populate_existing=True)
    found = session.execute(chosen.with_for_update() if lock else chosen).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _status(sender: SenderId) -> str:
    """The stage it has come to, in one word."""
    waits = sender.provider_status == ProviderStatus.PENDING
    return sender.admin_status if waits else sender.provider_status
