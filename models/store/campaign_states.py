"""Campaigns moving between states; the rest of a campaign is in campaigns.py."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, update
from sqlalchemy.orm import Session

from models.errors import IllegalState, NotFound
from models.rules.lifecycle import CAMPAIGN_MOVES, CampaignStatus, Channel, sources_of
from models.store.webhook_deliveries import tell_campaign_moved
from models.tables import Campaign, EmailDomain, EmailTemplate


def lock_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> Campaign:
    """The campaign, locked until the transaction ends. Raises NotFound."""
    campaign = session.execute(
        select(Campaign)
        .where(Campaign.organization_id == organization_id, Campaign.id == campaign_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound
    return campaign


def find_campaign(session: Session, campaign_id: UUID) -> Campaign:
    """The campaign whatever its organization: for the engine, which is told nothing but the id. Raises NotFound."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return campaign


def move_campaign(
    session: Session, organization_id: UUID, campaign_id: UUID, target: CampaignStatus, **values: object
) -> Campaign:
    """Move the campaign to `target` and set `values`: one conditional UPDATE, so that of two equal calls one wins.

    Raises NotFound, or IllegalState (code `invalid_status`) when its state does not allow the move.
    """
    campaign = session.execute(
        update(Campaign)
        .where(
            Campaign.organization_id == organization_id,
            Campaign.id == campaign_id,
            _may_move(target),
        )
        .values(status=target.value, updated_at=func.now(), **values)
        .returning(Campaign)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise illegal_move(lock_campaign(session, organization_id, campaign_id), target)
    tell_campaign_moved(session, campaign, target, is_new_run="run_id" in values)
    return campaign


def _may_move(target: CampaignStatus) -> ColumnElement[bool]:
    """Whether a campaign's state, in its channel, allows the move."""
    return or_(
        *(
            and_(Campaign.channel == channel, Campaign.status.in_(sources_of(CAMPAIGN_MOVES[channel], target)))
            for channel in Channel
        )
    )


_VERBS = {
    CampaignStatus.SENDING: "sent",
    CampaignStatus.SCHEDULED: "scheduled",
    CampaignStatus.PAUSED: "paused",
    CampaignStatus.CANCELLED: "cancelled",
    CampaignStatus.DRAFT: "unscheduled",
}


def illegal_move(campaign: Campaign, target: CampaignStatus, verb: str | None = None) -> IllegalState:
    """The error of a move that the campaign's state does not allow."""
    return IllegalState(
        f"A campaign that is {campaign.status} cannot be {verb or _VERBS.get(target, target.value)}.",
        code="invalid_status",
        current_status=campaign.status,
    )


def due_campaigns(session: Session, *, limit: int = 20) -> Sequence[Campaign]:
    """Scheduled campaigns whose hour has come. For the engine, over all organizations."""
    return (
        session.execute(
            select(Campaign)
            .where(Campaign.status == CampaignStatus.SCHEDULED.value, Campaign.scheduled_at <= func.now())
            .order_by(Campaign.scheduled_at)
            .limit(limit)
        )
        .scalars()
        .all()
    )


def mirrored_campaigns(session: Session) -> Sequence[Campaign]:
    """Scheduled campaigns that a scheduled flow run in Prefect stands for, by their hours, which are not near."""
    return session.execute(_scheduled_for_later().where(Campaign.schedule_flow_run_id.is_not(None))).scalars().all()


def campaigns_to_mirror(session: Session, *, limit: int) -> Sequence[Campaign]:
    """Scheduled campaigns that no flow run in Prefect stands for, the next ones, their hour not being near."""
    wanted = _scheduled_for_later().where(Campaign.schedule_flow_run_id.is_(None)).limit(limit)
    return session.execute(wanted).scalars().all()


def _scheduled_for_later() -> Select[Campaign]:
    near = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, 15.0)
    is_later = (Campaign.status == CampaignStatus.SCHEDULED.value) & (Campaign.scheduled_at > near)
    return select(Campaign).where(is_later).order_by(Campaign.scheduled_at)


# A message waits for its report while it is `accepted`. Refused, suppressed and cancelled ones get none; for an
# uncertain one none may ever come, so it holds up nothing, as in a campaign of email. The counters of the run say
# cheaply when it pays to look at the messages: a million of them take 0.3 s.
_COMPLETE = text("""
    UPDATE campaigns c SET status = 'completed', completed_at = now(), updated_at = now()
    FROM runs r
    WHERE c.status = ANY(:from) AND r.id = c.run_id AND CASE
        WHEN r.finished_at < now() - make_interval(hours => :hours) THEN true
        WHEN r.total_delivered + r.total_bounced
             < (SELECT coalesce(sum(k.accepted), 0) FROM chunks k WHERE k.run_id = r.id) THEN false
        ELSE NOT EXISTS (SELECT 1 FROM messages m WHERE m.run_id = r.id AND m.state = 'accepted')
    END
    RETURNING c.id
""")


def complete_reported(session: Session, *, report_hours: int) -> Sequence[UUID]:
    """Complete `sent` campaigns of SMS whose messages have their final reports, or waited `report_hours` for them.

    For the engine, over all organizations; returns their ids.
    """
    sources = sources_of(CAMPAIGN_MOVES[Channel.SMS], CampaignStatus.COMPLETED)
    completed = session.execute(_COMPLETE, {"hours": report_hours, "from": sources}).scalars().all()
    for campaign_id in completed:
        tell_campaign_moved(session, find_campaign(session, campaign_id), CampaignStatus.COMPLETED, is_new_run=False)
    return completed


def minutes_late(session: Session, campaign: Campaign) -> float:
    """How long after its hour it is, by the database's clock."""
    late = session.execute(
        text("SELECT extract(epoch FROM now() - :at) / 60"), {"at": campaign.scheduled_at}
    ).scalar_one()
    return float(late)


def usable_template(session: Session, organization_id: UUID, template_id: UUID) -> EmailTemplate | None:
    """The organization's or the system's template, if it is active and not deleted."""
    return session.execute(
        select(EmailTemplate).where(
            EmailTemplate.id == template_id,
            EmailTemplate.deleted_at.is_(None),
            EmailTemplate.is_active,
            (EmailTemplate.organization_id == organization_id) | EmailTemplate.organization_id.is_(None),
        )
    ).scalar_one_or_none()


def default_domain(session: Session, organization_id: UUID) -> EmailDomain | None:
    """The domain that mail comes from when nothing else is said."""
    return session.execute(
        select(EmailDomain).where(EmailDomain.organization_id == organization_id, EmailDomain.is_default)
    ).scalar_one_or_none()


def verified_domain(session: Session, organization_id: UUID, domain: str) -> EmailDomain | None:
    """The organization's verified domain of that name."""
    return session.execute(
        select(EmailDomain).where(
            EmailDomain.organization_id == organization_id,
            EmailDomain.domain == domain,
            EmailDomain.status == "verified",
        )
    ).scalar_one_or_none()
