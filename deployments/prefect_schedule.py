"""Scheduled campaigns and scheduled runs of send-campaign in Prefect, kept in line with each other.

A run that a data team schedules in Prefect's UI with nothing but a campaign's id makes that draft `scheduled` for the
same time, and a draft again when it is cancelled there. A campaign that is scheduled through the API gets such a run.
`campaigns.scheduled_at` stays the truth about the hour: at it, whoever wins the conditional UPDATE sends, the flow run
or, some seconds later, the courier.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
from sqlalchemy.orm import Session

from api.starter import start_flow
from models.errors import ExoSendError, NotFound
from models.pipelines import SEND_CAMPAIGN, SendCampaign, campaign_run_name, campaign_tags
from models.rules.lifecycle import CampaignStatus
from models.session import Database
from models.settings import Settings
from models.store.campaign_states import (
    campaigns_to_mirror,
    find_campaign,
    lock_campaign,
    mirrored_campaigns,
    move_campaign,
)
from models.store.organizations import audit, read_organization
from models.tables import Campaign
from tasks.runs.prefect_flows import CANCELLED, MOST, states_in_prefect

log = logging.getLogger("courier")

_TIMEOUT_SECONDS = 3.0
# What starts at once is no schedule: the flow accepts the campaign itself.
_SOON = timedelta(seconds=5)
_MADE_AT_ONCE = 50
_OURS = "schedule:"  # how the idempotency keys begin of runs that stand for a schedule of the API


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A run of send-campaign that Prefect will start later. `is_ours`: made here, for a schedule of the API."""

    flow_run_id: UUID
    campaign_id: UUID
    at: datetime
    is_ours: bool


def mirror_schedules(database: Database, settings: Settings) -> None:
    """Bring campaigns and what is scheduled in Prefect in line. Raises httpx2.HTTPError while Prefect is away."""
    scheduled = _scheduled_runs(settings)
    for run in scheduled.values():
        try:
            _schedule(database, settings, run)
        except ExoSendError as error:
            log.warning("Flow run %s and campaign %s do not agree: %s", run.flow_run_id, run.campaign_id, error)
    # Prefect gives no more than so many, the earliest first: of what is later it has said nothing.
    horizon = max(run.at for run in scheduled.values()) if len(scheduled) >= MOST else None
    with database.transaction(None) as session:
        mirrored = mirrored_campaigns(session)
        unseen = campaigns_to_mirror(session, limit=_MADE_AT_ONCE)
    missing = [
        campaign
        for campaign in mirrored
        if campaign.schedule_flow_run_id not in scheduled and (horizon is None or _hour(campaign) < horizon)
    ]
    _see_to_missing(database, settings, missing[:MOST])
    for campaign in unseen:
        _show(database, settings, campaign)


def _schedule(database: Database, settings: Settings, run: Scheduled) -> None:
    """A draft gets the run's hour. What the API has unscheduled, moved or sent since is cancelled in Prefect."""
    with database.transaction(None) as session:
        try:
            campaign = find_campaign(session, run.campaign_id)
        except NotFound:
            return  # the flow itself will say so
        campaign = lock_campaign(session, campaign.organization_id, campaign.id)
        is_at_that_hour = campaign.status == CampaignStatus.SCHEDULED.value and _hour(campaign) == run.at
        if campaign.schedule_flow_run_id == run.flow_run_id:
            if not is_at_that_hour:
                _cancel_in_prefect(settings, run.flow_run_id)
                _link(campaign, None)
        elif run.is_ours:
            # The answer to its making got lost.
            if is_at_that_hour and campaign.schedule_flow_run_id is None:
                _link(campaign, run.flow_run_id)
            else:
                _cancel_in_prefect(settings, run.flow_run_id)
        elif campaign.status == CampaignStatus.DRAFT.value and _is_scheduled_still(settings, run.flow_run_id):
            values = {"scheduled_at": run.at, "schedule_flow_run_id": run.flow_run_id}
            move_campaign(session, campaign.organization_id, campaign.id, CampaignStatus.SCHEDULED, **values)
            _audit(session, campaign, "campaign.scheduled", {"scheduled_at": run.at.isoformat()})


def _is_scheduled_still(settings: Settings, flow_run_id: UUID) -> bool:
    """Another courier may have cancelled it since the list was made, because the campaign was unscheduled. With the
    campaign locked: who cancels it holds that lock until the campaign is no longer linked with it."""
    return flow_run_id in states_in_prefect(settings, [flow_run_id], of=["SCHEDULED"])


def _see_to_missing(database: Database, settings: Settings, missing: Sequence[Campaign]) -> None:
    """Campaigns whose scheduled run Prefect has not: cancelled or deleted there by a person, or begun, or forgotten."""
    states = states_in_prefect(settings, [_flow_run_id(campaign) for campaign in missing])
    unknown = [campaign for campaign in missing if _flow_run_id(campaign) not in states]
    began = _memory_begins(settings) if unknown else None
    for campaign in missing:
        flow_run_id = _flow_run_id(campaign)
        if flow_run_id in states:
            is_gone, is_forgotten = states[flow_run_id].state in CANCELLED, False
        else:
            # A link is made when the campaign was last changed, or before.
            is_gone = began is not None and campaign.updated_at >= began
            is_forgotten = began is not None and not is_gone
        if is_gone:
            _unschedule(database, campaign)
        elif is_forgotten:
            _forget(database, campaign)


def _memory_begins(settings: Settings) -> datetime | None:
    """Since when Prefect knows send-campaign; None: it does not. It has lost what was made before that."""
    answer = httpx2.get(
        f"{settings.prefect_url}/deployments/name/{SEND_CAMPAIGN}",
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        auth=settings.prefect_credentials,
    )
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return None
    return datetime.fromisoformat(answer.raise_for_status().json()["created"])


def _forget(database: Database, campaign: Campaign) -> None:
    with database.transaction(None) as session:
        now = lock_campaign(session, campaign.organization_id, campaign.id)
        if now.schedule_flow_run_id == campaign.schedule_flow_run_id:
            _link(now, None)
    log.warning("Prefect has forgotten the schedule of campaign %s; it is told again.", campaign.id)


def _show(database: Database, settings: Settings, campaign: Campaign) -> None:
    """Make the scheduled run that stands for a schedule of the API. The row is locked meanwhile, a second at most."""
    with database.transaction(None) as session:
        campaign = lock_campaign(session, campaign.organization_id, campaign.id)
        if campaign.status != CampaignStatus.SCHEDULED.value or campaign.schedule_flow_run_id is not None:
            return
        organization = read_organization(session, campaign.organization_id)
        flow_run_id = start_flow(
            settings,
            SEND_CAMPAIGN,
            SendCampaign(campaign_id=campaign.id),
            # The same as long as the campaign is: an answer that gets lost leaves no second run behind.
            idempotency_key=f"{_OURS}{campaign.id}:{campaign.updated_at.isoformat()}",
            tags=campaign_tags(organization.id, campaign.id, campaign.channel),
            run_name=campaign_run_name(organization.name, campaign.name, campaign.channel, 1),
            at=campaign.scheduled_at,
        )
        if flow_run_id is not None:
            _link(campaign, flow_run_id)


def _link(campaign: Campaign, flow_run_id: UUID | None) -> None:
    campaign.schedule_flow_run_id = flow_run_id
    # So that it is known which memory of Prefect's it belongs to, and a further run for it gets another key.
    campaign.updated_at = datetime.now(UTC)


def _hour(campaign: Campaign) -> datetime:
    assert campaign.scheduled_at is not None
    return campaign.scheduled_at.replace(microsecond=0)


def _flow_run_id(campaign: Campaign) -> UUID:
    assert campaign.schedule_flow_run_id is not None
    return campaign.schedule_flow_run_id


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
        now = lock_campaign(session, campaign.organization_id, campaign.id)
        is_as_it_was = now.schedule_flow_run_id == campaign.schedule_flow_run_id
        if now.status != CampaignStatus.SCHEDULED.value or not is_as_it_was:
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
            "limit": MOST,
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
    is_ours = str(run.get("idempotency_key")).startswith(_OURS)
    return Scheduled(UUID(str(run["id"])), campaign_id, at.replace(microsecond=0), is_ours)
