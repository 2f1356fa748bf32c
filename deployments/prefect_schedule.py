"""Campaigns that a data team schedules in Prefect's UI, shown by the API; and gone again when they are cancelled there.

A run of send-campaign that is scheduled for later with nothing but a campaign's id makes that draft `scheduled` for
the same time. `campaigns.scheduled_at` stays the truth about the hour: at it, whoever wins the conditional UPDATE
sends, the flow run or, some seconds later, the courier.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
from sqlalchemy.orm import Session

from models.errors import ExoSendError, NotFound
from models.pipelines import SEND_CAMPAIGN
from models.rules.lifecycle import CampaignStatus
from models.session import Database
from models.settings import Settings
from models.store.campaign_states import find_campaign, lock_campaign, mirrored_campaigns, move_campaign
from models.store.organizations import audit
from models.tables import Campaign

log = logging.getLogger("courier")

_TIMEOUT_SECONDS = 3.0
_LIMIT = 200
# What starts at once is no schedule: the flow accepts the campaign itself.
_SOON = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A run of send-campaign that Prefect will start later."""

    flow_run_id: UUID
    campaign_id: UUID
    at: datetime


def mirror_schedules(database: Database, settings: Settings) -> None:
    """Bring campaigns in line with what is scheduled in Prefect; does nothing while Prefect is away."""
    try:
        scheduled = _scheduled_runs(settings)
    except httpx2.HTTPError as error:
        log.info("Prefect is away (%s); schedules are looked at later.", type(error).__name__)
        return
    for run in scheduled.values():
        try:
            _schedule(database, settings, run)
        except (ExoSendError, httpx2.HTTPError) as error:
            log.warning("Flow run %s and campaign %s do not agree: %s", run.flow_run_id, run.campaign_id, error)
    with database.transaction(None) as session:
        mirrored = mirrored_campaigns(session)
    for campaign in mirrored:
        if campaign.schedule_flow_run_id not in scheduled:
            _unschedule(database, campaign)


def _schedule(database: Database, settings: Settings, run: Scheduled) -> None:
    with database.transaction(None) as session:
        try:
            campaign = find_campaign(session, run.campaign_id)
        except NotFound:
            return  # the flow itself will say so
        campaign = lock_campaign(session, campaign.organization_id, campaign.id)
        is_scheduled = campaign.status == CampaignStatus.SCHEDULED.value
        if campaign.schedule_flow_run_id == run.flow_run_id:
            if is_scheduled and campaign.scheduled_at == run.at:
                return
            # The API has unscheduled it, moved it or sent it: what Prefect still has is out of date.
            _cancel_in_prefect(settings, run.flow_run_id)
            campaign.schedule_flow_run_id = None
        elif campaign.status == CampaignStatus.DRAFT.value:
            values = {"scheduled_at": run.at, "schedule_flow_run_id": run.flow_run_id}
            move_campaign(session, campaign.organization_id, campaign.id, CampaignStatus.SCHEDULED, **values)
            _audit(session, campaign, "campaign.scheduled", {"scheduled_at": run.at.isoformat()})


def _cancel_in_prefect(settings: Settings, flow_run_id: UUID) -> None:
    state = {"type": "CANCELLED", "name": "Cancelled", "message": "The campaign was changed through the API."}
    httpx2.post(
        f"{settings.prefect_url}/flow_runs/{flow_run_id}/set_state",
        json={"state": state, "force": True},
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        auth=settings.prefect_credentials,
    ).raise_for_status()


def _audit(session: Session, campaign: Campaign, action: str, details: dict[str, str]) -> None:
    audit(
        session,
        campaign.organization_id,
        actor="prefect",
        action=action,
        subject=str(campaign.id),
        details=details,
    )


def _unschedule(database: Database, campaign: Campaign) -> None:
    with database.transaction(None) as session:
        campaign = lock_campaign(session, campaign.organization_id, campaign.id)
        if campaign.status != CampaignStatus.SCHEDULED.value:
            return
        values = {"scheduled_at": None, "schedule_flow_run_id": None}
        move_campaign(session, campaign.organization_id, campaign.id, CampaignStatus.DRAFT, **values)
        _audit(session, campaign, "campaign.unscheduled", {})
    log.info("Campaign %s was unscheduled in Prefect.", campaign.id)


def _scheduled_runs(settings: Settings) -> Mapping[UUID, Scheduled]:
    """Runs of send-campaign in state Scheduled, for later, that name a campaign and no run."""
    flow, deployment = SEND_CAMPAIGN.split("/")
    answer = httpx2.post(
        f"{settings.prefect_url}/flow_runs/filter",
        json={
            "flows": {"name": {"any_": [flow]}},
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "expected_start_time": {"after_": (datetime.now(UTC) + _SOON).isoformat()},
            },
            "limit": _LIMIT,
            "sort": "EXPECTED_START_TIME_ASC",
        },
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        auth=settings.prefect_credentials,
    )
    found = [_read(run) for run in answer.raise_for_status().json()]
    return {run.flow_run_id: run for run in found if run is not None}


def _read(run: Mapping[str, object]) -> Scheduled | None:
    parameters = run.get("parameters")
    if not isinstance(parameters, dict) or parameters.get("run_id") or not run.get("expected_start_time"):
        return None
    try:
        campaign_id = UUID(str(parameters.get("campaign_id")))
    except ValueError:
        return None
    at = datetime.fromisoformat(str(run["expected_start_time"]))
    return Scheduled(UUID(str(run["id"])), campaign_id, at.replace(microsecond=0))
