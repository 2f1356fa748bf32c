"""Email campaigns."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.campaign_values import campaign_columns, schedule_columns, with_totals
from api.schemas.campaigns import CampaignChange, CampaignQuery, CampaignSchedule, CampaignSchema, NewCampaign
from api.schemas.envelopes import Nothing, answer_of, done, found, listed, page_of, page_request
from api.scope import own, resources, scope
from api.starter import start_flow
from models.pipelines import SEND_CAMPAIGN, SendCampaign, start_key
from models.rules.lifecycle import CampaignStatus
from models.store import campaigns
from models.store.campaign_states import illegal_move, move_campaign
from models.store.organizations import read_organization
from models.tables import Campaign, Run
from tasks.runs.accept import accept_campaign
from tasks.runs.control import cancel_campaign as cancel
from tasks.runs.control import pause_campaign as pause
from tasks.runs.control import resume_campaign as resume

blueprint = Blueprint("Email campaigns", __name__, "One content to many contacts, now or at an hour.")


def _shown(campaign: Campaign) -> dict[str, Any]:
    return with_totals(*own(), [campaign])[0]


@blueprint.route("/campaigns")
@blueprint.arguments(CampaignQuery, location="query")
@blueprint.response(200, page_of(CampaignSchema))
def list_campaigns(arguments: Arguments) -> dict[str, Any]:
    """List email campaigns

    Newest first; filtered by status.
    """
    query = arguments()
    page = campaigns.list_campaigns(*own(), page_request(query), status=query.get("status"))
    return listed(page, lambda items: with_totals(*own(), items))


@blueprint.route("/campaigns", methods=["POST"])
@blueprint.arguments(NewCampaign)
@blueprint.response(201, answer_of(CampaignSchema, mutation=True))
def create_campaign(arguments: Arguments) -> dict[str, Any]:
    """Create an email campaign

    A draft, also with `scheduled_at`. What sending needs can be added later.
    """
    columns = campaign_columns(*own(), arguments(), None)
    return done(_shown(campaigns.create_campaign(*own(), columns)), "Campaign created.")


@blueprint.route("/campaigns/<id:campaign_id>")
@blueprint.response(200, answer_of(CampaignSchema))
def get_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Read an email campaign

    With its totals and rates.
    """
    return found(_shown(campaigns.read_campaign(*own(), campaign_id)))


@blueprint.route("/campaigns/<id:campaign_id>", methods=["PUT"], errors=(409,))
@blueprint.arguments(CampaignChange)
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def update_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Update an email campaign

    A draft only. What is left out stays.
    """
    campaign = campaigns.read_campaign(*own(), campaign_id)
    columns = campaign_columns(*own(), arguments(), campaign)
    return done(_shown(campaigns.update_campaign(*own(), campaign_id, columns)), "Campaign updated.")


@blueprint.route("/campaigns/<id:campaign_id>", methods=["DELETE"], errors=(409,))
@blueprint.response(200, Nothing)
def delete_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Delete an email campaign

    A draft only, and for good.
    """
    campaigns.delete_campaign(*own(), campaign_id)
    return done(None, "Campaign deleted.")


@blueprint.route("/campaigns/<id:campaign_id>/send", methods=["POST"], errors=(402, 409, 422))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def send_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Send an email campaign now

    The audience is counted and its cost is held before the answer: without a recipient it is 422, with too few
    credits 402, and the campaign stays a draft.
    """
    campaign = campaigns.read_campaign(*own(), campaign_id)
    if campaign.status == CampaignStatus.SCHEDULED:  # that one the clock sends, or nobody once it is unscheduled
        raise illegal_move(campaign, CampaignStatus.SENDING)
    run = accept_campaign(*own(), campaign_id, settings=resources().settings, started_by="api")
    campaign = campaigns.read_campaign(*own(), campaign_id)
    _start_after_commit(campaign, run)
    return done(_shown(campaign), "Campaign sending started.")


@blueprint.route("/campaigns/<id:campaign_id>/schedule", methods=["POST"], errors=(409,))
@blueprint.arguments(CampaignSchedule)
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def schedule_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Schedule an email campaign

    A draft, for an hour in the future.
    """
    campaign = campaigns.read_campaign(*own(), campaign_id)
    columns = schedule_columns(*own(), arguments(), campaign)
    campaign = move_campaign(*own(), campaign_id, CampaignStatus.SCHEDULED, **columns)
    return done(_shown(campaign), "Campaign scheduled.")


@blueprint.route("/campaigns/<id:campaign_id>/unschedule", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def unschedule_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Unschedule an email campaign

    It is a draft again, without an hour.
    """
    campaigns.read_campaign(*own(), campaign_id)
    campaign = move_campaign(*own(), campaign_id, CampaignStatus.DRAFT, scheduled_at=None)
    return done(_shown(campaign), "Campaign unscheduled.")


@blueprint.route("/campaigns/<id:campaign_id>/pause", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def pause_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Pause an email campaign

    What was handed over still goes out; nothing more does until it is resumed.
    """
    campaigns.read_campaign(*own(), campaign_id)
    return done(_shown(pause(*own(), campaign_id)), "Campaign paused.")


@blueprint.route("/campaigns/<id:campaign_id>/resume", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def resume_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Resume an email campaign

    It goes on with what is unsent.
    """
    campaigns.read_campaign(*own(), campaign_id)
    campaign, run = resume(*own(), campaign_id)
    _start_after_commit(campaign, run)
    return done(_shown(campaign), "Campaign resumed.")


@blueprint.route("/campaigns/<id:campaign_id>/cancel", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def cancel_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Cancel an email campaign

    What is unsent is refunded.
    """
    campaigns.read_campaign(*own(), campaign_id)
    return done(_shown(cancel(*own(), campaign_id)), "Campaign cancelled.")


def _start_after_commit(campaign: Campaign, run: Run) -> None:
    organization = read_organization(*own())
    parameters = SendCampaign(campaign_id=campaign.id, run_id=run.id, epoch=run.epoch)
    settings = resources().settings
    scope().after_commit(
        lambda: start_flow(
            settings,
            SEND_CAMPAIGN,
            parameters,
            idempotency_key=start_key(run.id, run.epoch),
            tags=[f"organization:{organization.id}", f"campaign:{campaign.id}"],
            run_name=f"{organization.name} · {campaign.name}"[:200],
        )
    )
