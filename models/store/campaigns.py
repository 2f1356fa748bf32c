"""Campaigns as they are written and read, by channel; their moves between states are in campaign_states.py."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import UUID as PostgresUUID
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.lifecycle import CampaignStatus, Channel
from models.store.campaign_states import illegal_move, usable_template
from models.store.pages import Page, PageRequest
from models.tables import Campaign, Contact, ContactList, EmailDomain, SenderId


def list_campaigns(
    session: Session, organization_id: UUID, channel: Channel, request: PageRequest, *, status: str | None
) -> Page[Campaign]:
    """Campaigns of the channel, newest first."""
    chosen = select(Campaign).where(Campaign.organization_id == organization_id, Campaign.channel == channel)
    if status is not None:
        chosen = chosen.where(Campaign.status == status)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(Campaign.created_at.desc(), Campaign.id.desc())
    items = session.execute(ordered.offset(request.offset).limit(request.size)).scalars().all()
    return Page(items, total, request)


def read_campaign(session: Session, organization_id: UUID, channel: Channel, campaign_id: UUID) -> Campaign:
    """The campaign, if it is of the channel. Raises NotFound."""
    campaign = session.execute(
        select(Campaign).where(_is(organization_id, channel, campaign_id)).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound
    return campaign


def create_campaign(session: Session, organization_id: UUID, channel: Channel, values: Mapping[str, Any]) -> Campaign:
    """A new campaign; a draft, if `values` say nothing else."""
    return session.execute(
        insert(Campaign)
        .values(organization_id=organization_id, id=new_id(), channel=channel, **values)
        .returning(Campaign)
    ).scalar_one()


def update_campaign(
    session: Session, organization_id: UUID, channel: Channel, campaign_id: UUID, values: Mapping[str, Any]
) -> Campaign:
    """Change the columns in `values` of a draft. Raises NotFound, IllegalState when it is no draft any more."""
    campaign = session.execute(
        update(Campaign)
        .where(_is(organization_id, channel, campaign_id), Campaign.status == CampaignStatus.DRAFT)
        .values(**values, updated_at=func.now())
        .returning(Campaign)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise illegal_move(
            read_campaign(session, organization_id, channel, campaign_id), CampaignStatus.DRAFT, verb="updated"
        )
    return campaign


def delete_campaign(session: Session, organization_id: UUID, channel: Channel, campaign_id: UUID) -> None:
    """Remove a draft for good. Raises NotFound, IllegalState when it is no draft any more."""
    removed = session.execute(
        delete(Campaign)
        .where(_is(organization_id, channel, campaign_id), Campaign.status == CampaignStatus.DRAFT)
        .returning(Campaign.id)
    ).one_or_none()
    if removed is None:
        raise illegal_move(
            read_campaign(session, organization_id, channel, campaign_id), CampaignStatus.DRAFT, verb="deleted"
        )


def _is(organization_id: UUID, channel: Channel, campaign_id: UUID) -> ColumnElement[bool]:
    return and_(Campaign.organization_id == organization_id, Campaign.id == campaign_id, Campaign.channel == channel)


def check_references(
    session: Session,
    organization_id: UUID,
    *,
    template_id: UUID | None = None,
    domain_id: UUID | None = None,
    sender_id_id: UUID | None = None,
    list_ids: Sequence[UUID] = (),
    contact_ids: Sequence[UUID] = (),
) -> None:
    """Raise InvalidInput for a template, domain, sender ID, list or contact that the organization does not have."""
    errors: dict[str, list[str]] = {}
    if template_id is not None and usable_template(session, organization_id, template_id) is None:
        errors["email_template_id"] = ["The selected email_template_id is invalid."]
    if domain_id is not None:
        domain = select(EmailDomain.id).where(
            EmailDomain.organization_id == organization_id, EmailDomain.id == domain_id
        )
        if session.execute(domain).first() is None:
            errors["email_domain_id"] = ["The selected email_domain_id is invalid."]
    if sender_id_id is not None:
        sender = select(SenderId.id).where(SenderId.organization_id == organization_id, SenderId.id == sender_id_id)
        if session.execute(sender).first() is None:
            errors["sender_id_id"] = ["The selected sender_id_id is invalid."]
    for table, field, ids in ((ContactList, "target_list_ids", list_ids), (Contact, "contact_ids", contact_ids)):
        for index in _unknown(session, organization_id, table, ids):
            errors[f"{field}.{index}"] = [f"The selected {field}.{index} is invalid."]
    if errors:
        raise InvalidInput(errors)


def _unknown(
    session: Session, organization_id: UUID, table: type[ContactList] | type[Contact], ids: Sequence[UUID]
) -> list[int]:
    """At which places of `ids` is something that the organization does not have."""
    if not ids:
        return []
    wanted = literal(list(set(ids)), ARRAY(PostgresUUID(as_uuid=True)))
    own = select(table.id).where(table.organization_id == organization_id, table.id == any_(wanted))
    known = set(session.execute(own).scalars())
    return [index for index, id_ in enumerate(ids) if id_ not in known]
