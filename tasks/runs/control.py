"""Pause, resume and cancel: states in Postgres, which senders read at every window."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from models.rules.lifecycle import CampaignStatus, RunState
from models.store.campaign_states import illegal_move, lock_campaign, move_campaign
from models.store.guards import count_from_now
from models.store.runs import move_run, read_run
from models.tables import Campaign, Run


def pause_campaign(
    session: Session, organization_id: UUID, campaign_id: UUID, *, reason: str | None = None
) -> Campaign:
    """Stop handing over at the next window; `reason` where nobody asked for it.

    Raises NotFound, IllegalState unless it is sending.
    """
    campaign = move_campaign(session, organization_id, campaign_id, CampaignStatus.PAUSED, pause_reason=reason)
    assert campaign.run_id is not None
    move_run(session, organization_id, campaign.run_id, RunState.PAUSED)
    return campaign


def resume_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> tuple[Campaign, Run]:
    """Go on with what is unsent: the run goes back to the outbox, one epoch later.

    The caller starts its flow after the commit. Raises NotFound, IllegalState unless it is paused.
    """
    campaign = lock_campaign(session, organization_id, campaign_id)
    if campaign.status != CampaignStatus.PAUSED.value:
        raise illegal_move(campaign, CampaignStatus.SENDING, verb="resumed")
    campaign = move_campaign(session, organization_id, campaign_id, CampaignStatus.SENDING, pause_reason=None)
    assert campaign.run_id is not None
    run = read_run(session, organization_id, campaign.run_id)
    move_run(session, organization_id, run.id, RunState.QUEUED, epoch=run.epoch + 1, alive_at=func.now())
    count_from_now(session, organization_id, run.id)
    session.refresh(run)
    return campaign, run


def cancel_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> Campaign:
    """End it; what no sender has handed over is cancelled and refunded when the run is closed.

    Raises NotFound, IllegalState unless it is draft, scheduled, sending or paused.
    """
    campaign = move_campaign(session, organization_id, campaign_id, CampaignStatus.CANCELLED, completed_at=func.now())
    if campaign.run_id is not None:
        move_run(session, organization_id, campaign.run_id, RunState.CLOSING)
    return campaign
