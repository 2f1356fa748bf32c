"""The courier's duty to accept scheduled campaigns at their hour."""

import logging

from sqlalchemy.orm import Session

from models.errors import ExoSendError
from models.rules.lifecycle import CampaignStatus
from models.session import Database
from models.settings import Settings
from models.store.campaign_states import due_campaigns, lock_campaign, minutes_late, move_campaign
from models.store.runs import record_flow
from models.tables import Campaign
from tasks.runs.accept import accept_campaign

log = logging.getLogger("courier")

_LATE_MINUTES = 60.0


def due(database: Database) -> list[Campaign]:
    """Scheduled campaigns whose hour has come."""
    with database.transaction(None) as session:
        return list(due_campaigns(session))


def fire(database: Database, settings: Settings, campaign: Campaign) -> None:
    """Accept the campaign; it fails when that cannot be done, or is more than an hour late."""
    try:
        with database.transaction(None) as session:
            if not _is_still_due(session, campaign):
                return
            if minutes_late(session, campaign) > _LATE_MINUTES:
                _fail(session, campaign, "missed_schedule: nobody could send it within an hour of its time.")
                return
            organization_id = campaign.organization_id
            run = accept_campaign(session, organization_id, campaign.id, settings=settings, started_by="schedule")
            if campaign.schedule_flow_run_id is not None:  # it stands for this hour, and sends what is accepted here
                record_flow(session, organization_id, run.id, campaign.schedule_flow_run_id, run.epoch)
    except ExoSendError as error:
        log.warning("Campaign %s cannot be sent at its hour: %s", campaign.id, error)
        with database.transaction(None) as session:
            if _is_still_due(session, campaign):
                _fail(session, campaign, str(error))


def _is_still_due(session: Session, due: Campaign) -> bool:
    """Whether nobody sent, moved or unscheduled the campaign since it was read; locks it."""
    campaign = lock_campaign(session, due.organization_id, due.id)
    if campaign.status != CampaignStatus.SCHEDULED.value or campaign.scheduled_at != due.scheduled_at:
        return False
    due.schedule_flow_run_id = campaign.schedule_flow_run_id
    return True


def _fail(session: Session, campaign: Campaign, reason: str) -> None:
    move_campaign(session, campaign.organization_id, campaign.id, CampaignStatus.FAILED, failure_reason=reason)
