"""Accepting a campaign: the one way from draft or scheduled to sending, for API, schedule and Prefect's UI alike."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.ids import new_id
from models.rules.lifecycle import CampaignStatus, RunKind
from models.settings import Settings
from models.store.campaign_states import illegal_move, lock_campaign, move_campaign
from models.store.ledger import post
from models.tables import Campaign, Run
from tasks.audience.recipients import Quote
from tasks.runs.audience import Frozen, freeze, read_in_time


def accept_campaign(
    session: Session, organization_id: UUID, campaign_id: UUID, *, settings: Settings, started_by: str
) -> Run:
    """Quote the campaign, hold its cost, freeze its content, and queue a run; returns the run.

    Raises NotFound; IllegalState unless it is draft or scheduled; InvalidInput for missing content, sender or
    recipients; InsufficientCredits. Nothing is changed then. The caller starts the flow after the commit.
    """
    campaign = lock_campaign(session, organization_id, campaign_id)
    if campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        raise illegal_move(campaign, CampaignStatus.SENDING)
    content_id, frozen = freeze(session, campaign)
    quote = _quote_in_time(session, campaign, frozen, settings.quote_timeout_seconds)
    if quote is not None and quote.recipients == 0:
        raise InvalidInput({"recipients": ["The campaign has no recipients after filtering."]})
    run = Run(
        id=new_id(),
        organization_id=organization_id,
        kind=RunKind.CAMPAIGN.value,
        campaign_id=campaign.id,
        content_id=content_id,
        started_by=started_by,
        batch_size=campaign.batch_size,
        send_rate_per_minute=campaign.send_rate_per_minute,
        quiet_hours=campaign.quiet_hours,
        quoted_recipients=quote.recipients if quote else None,
        held=quote.cost if quote else Decimal(0),
        total_segments=quote.segments if quote else 0,
    )
    session.add(run)
    session.flush()
    move_campaign(
        session,
        organization_id,
        campaign_id,
        CampaignStatus.SENDING,
        run_id=run.id,
        sent_at=text("now()"),
        failure_reason=None,
    )
    if quote:
        # Last, since it locks the balance: whoever else sends waits for a commit, not for a count of contacts.
        post(
            session,
            organization_id,
            kind="hold",
            amount=-quote.cost,
            key=f"hold:{run.id}",
            reason=f"Campaign {campaign.name}",
            run_id=run.id,
        )
    session.refresh(run)
    return run


def _quote_in_time(session: Session, campaign: Campaign, frozen: Frozen, seconds: float) -> Quote | None:
    """The quote, or None when it took longer than that: the plan decides then."""
    audience = read_in_time(session, campaign, frozen, seconds, to_quote=True)
    return None if audience is None else audience.quote(seconds)
