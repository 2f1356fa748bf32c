"""A flow run that names a campaign and no run: a person's start in Prefect's UI, or the hour of a schedule."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import IllegalState
from models.rules.lifecycle import CampaignStatus
from models.settings import Settings
from models.store.campaign_states import find_campaign, lock_campaign
from models.store.clock import database_now
from models.store.organizations import audit
from models.store.runs import find_flow
from models.tables import Campaign
from tasks.runs.accept import accept_campaign

# Prefect starts what is due to the nearest second, and its clock may be ahead: so much is waited for. What it starts
# earlier is not sent: at its hour the courier accepts it.
_EARLY = timedelta(seconds=5)


def seconds_early(session: Session, campaign_id: UUID) -> float:
    """How long to wait until the hour of a scheduled campaign that Prefect started a little before it; else 0."""
    campaign = find_campaign(session, campaign_id)
    if campaign.status != CampaignStatus.SCHEDULED or campaign.scheduled_at is None:
        return 0.0
    early: timedelta = campaign.scheduled_at - database_now(session)
    return max(0.0, early.total_seconds()) if early <= _EARLY else 0.0


def accept_from_prefect(
    session: Session, campaign_id: UUID, flow_run_id: UUID | None, settings: Settings
) -> tuple[UUID, int]:
    """Accept a draft or a scheduled campaign; returns run and epoch.

    A flow run that stands for a schedule gets the run that the courier accepted at its hour. It sends nothing when the
    campaign was unscheduled since, or moved to a later hour: raises IllegalState then. Other errors are those of
    `accept_campaign`.
    """
    organization_id = find_campaign(session, campaign_id).organization_id
    campaign = lock_campaign(session, organization_id, campaign_id)
    if flow_run_id is not None and campaign.schedule_flow_run_id == flow_run_id:
        served = find_flow(session, campaign.run_id, flow_run_id) if campaign.run_id else None
        if served is not None:
            return served.run_id, served.epoch
        _check_hour(session, campaign)
    run = accept_campaign(session, organization_id, campaign_id, settings=settings, started_by="prefect")
    audit(session, organization_id, actor="prefect", action="campaign.sent", subject=str(campaign_id))
    return run.id, run.epoch


def _check_hour(session: Session, campaign: Campaign) -> None:
    now = database_now(session)
    what = None
    if campaign.status == CampaignStatus.DRAFT:
        what = "unscheduled"
    elif campaign.status == CampaignStatus.SCHEDULED and (campaign.scheduled_at or now) > now + _EARLY:
        what = "moved to another hour"
    if what:
        raise IllegalState(f"The campaign was {what}.", code="invalid_status", current_status=campaign.status)
