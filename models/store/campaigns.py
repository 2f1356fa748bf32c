"""Email campaigns as they are written and read; their moves between states are in campaign_states.py."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.lifecycle import CampaignStatus
from models.store.campaign_states import illegal_move, lock_campaign, usable_template
from models.store.pages import Page, PageRequest
from models.tables import Campaign, ContactList, EmailDomain

_EMAIL = Campaign.channel == "email"


def list_campaigns(
    session: Session, organization_id: UUID, request: PageRequest, *, status: str | None
) -> Page[Campaign]:
    """Email campaigns, newest first."""
    chosen = select(Campaign).where(Campaign.organization_id == organization_id, _EMAIL)
    if status is not None:
        chosen = chosen.where(Campaign.status == status)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(Campaign.created_at.desc(), Campaign.id.desc())
    items = session.execute(ordered.offset(request.offset).limit(request.size)).scalars().all()
    return Page(items, total, request)


def read_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> Campaign:
    """The email campaign. Raises NotFound."""
    campaign = session.execute(
        select(Campaign)
        .where(Campaign.organization_id == organization_id, Campaign.id == campaign_id, _EMAIL)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound
    return campaign


def create_campaign(session: Session, organization_id: UUID, values: Mapping[str, Any]) -> Campaign:
    """A new draft."""
    return session.execute(
        insert(Campaign)
        .values(organization_id=organization_id, id=new_id(), channel="email", **values)
        .returning(Campaign)
    ).scalar_one()


def update_campaign(session: Session, organization_id: UUID, campaign_id: UUID, values: Mapping[str, Any]) -> Campaign:
    """Change the columns in `values` of a draft. Raises NotFound, IllegalState when it is no draft any more."""
    campaign = session.execute(
        update(Campaign)
        .where(
            Campaign.organization_id == organization_id,
            Campaign.id == campaign_id,
            Campaign.status == CampaignStatus.DRAFT.value,
        )
        .values(**values, updated_at=func.now())
        .returning(Campaign)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise illegal_move(lock_campaign(session, organization_id, campaign_id), CampaignStatus.DRAFT, verb="updated")
    return campaign


def delete_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> None:
    """Remove a draft for good. Raises NotFound, IllegalState when it is no draft any more."""
    removed = session.execute(
        delete(Campaign)
        .where(
            Campaign.organization_id == organization_id,
            Campaign.id == campaign_id,
            Campaign.status == CampaignStatus.DRAFT.value,
            _EMAIL,
        )
        .returning(Campaign.id)
    ).one_or_none()
    if removed is None:
        raise illegal_move(read_campaign(session, organization_id, campaign_id), CampaignStatus.DRAFT, verb="deleted")


def check_references(
    session: Session,
    organization_id: UUID,
    *,
    template_id: UUID | None,
    domain_id: UUID | None,
    list_ids: Sequence[UUID],
) -> None:
    """Raise InvalidInput for a template, domain or list that the organization does not have."""
    errors: dict[str, list[str]] = {}
    if template_id is not None and usable_template(session, organization_id, template_id) is None:
        errors["email_template_id"] = ["The selected email_template_id is invalid."]
    if domain_id is not None:
        domain = select(EmailDomain.id).where(
            EmailDomain.organization_id == organization_id, EmailDomain.id == domain_id
        )
        if session.execute(domain).first() is None:
            errors["email_domain_id"] = ["The selected email_domain_id is invalid."]
    if list_ids:
        lists = select(ContactList.id).where(
            ContactList.organization_id == organization_id, ContactList.id.in_(set(list_ids))
        )
        known = set(session.execute(lists).scalars())
        for index, list_id in enumerate(list_ids):
            if list_id not in known:
                errors[f"target_list_ids.{index}"] = [f"The selected target_list_ids.{index} is invalid."]
    if errors:
        raise InvalidInput(errors)
