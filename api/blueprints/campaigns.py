"""Email campaigns."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.campaign_actions import CampaignActions
from api.campaign_values import campaign_columns, with_totals
from api.schemas.campaigns import (
    CampaignChange,
    CampaignQuery,
    CampaignSchedule,
    CampaignSchema,
    CampaignSend,
    NewCampaign,
    SentCampaignSchema,
)
from api.schemas.envelopes import Nothing, PageQuery, answer_of, page_of
from api.schemas.uncertain import Resolution, ResolvedSchema, UncertainSchema
from models.rules.lifecycle import Channel

blueprint = Blueprint("Email campaigns", __name__, "One content to many contacts, now or at an hour.")

_actions = CampaignActions(Channel.EMAIL, campaign_columns, with_totals, sends_scheduled=False)


@blueprint.route("/campaigns")
@blueprint.arguments(CampaignQuery, location="query")
@blueprint.response(200, page_of(CampaignSchema))
def list_campaigns(arguments: Arguments) -> dict[str, Any]:
    """List email campaigns

    Newest first; filtered by status.
    """
    return _actions.list(arguments())


@blueprint.route("/campaigns", methods=["POST"])
@blueprint.arguments(NewCampaign)
@blueprint.response(201, answer_of(CampaignSchema, mutation=True))
def create_campaign(arguments: Arguments) -> dict[str, Any]:
    """Create an email campaign

    A draft, also with `scheduled_at`. What sending needs can be added later.
    """
    return _actions.create(arguments())


@blueprint.route("/campaigns/<id:campaign_id>")
@blueprint.response(200, answer_of(CampaignSchema))
def get_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Read an email campaign

    With its totals and rates.
    """
    return _actions.get(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>", methods=["PUT"], errors=(409,))
@blueprint.arguments(CampaignChange)
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def update_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Update an email campaign

    A draft only. What is left out stays.
    """
    return _actions.update(campaign_id, arguments)


@blueprint.route("/campaigns/<id:campaign_id>", methods=["DELETE"], errors=(409,))
@blueprint.response(200, Nothing)
def delete_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Delete an email campaign

    A draft only, and for good.
    """
    return _actions.delete(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>/send", methods=["POST"], errors=(402, 409, 422))
@blueprint.arguments(CampaignSend)
@blueprint.response(200, answer_of(SentCampaignSchema, mutation=True))
def send_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Send an email campaign now

    The audience is counted and its cost is held before the answer: without a recipient it is 422, with too few
    credits 402, and the campaign stays a draft. With `dry_run` nothing is changed at all: the answer says what it would
    come to.
    """
    return _actions.send(campaign_id, arguments)


@blueprint.route("/campaigns/<id:campaign_id>/schedule", methods=["POST"], errors=(409,))
@blueprint.arguments(CampaignSchedule)
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def schedule_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Schedule an email campaign

    A draft, for an hour in the future.
    """
    return _actions.schedule(campaign_id, arguments)


@blueprint.route("/campaigns/<id:campaign_id>/unschedule", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def unschedule_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Unschedule an email campaign

    It is a draft again, without an hour.
    """
    return _actions.unschedule(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>/pause", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def pause_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Pause an email campaign

    What was handed over still goes out; nothing more does until it is resumed.
    """
    return _actions.pause(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>/resume", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def resume_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Resume an email campaign

    It goes on with what is unsent.
    """
    return _actions.resume(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>/cancel", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(CampaignSchema, mutation=True))
def cancel_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Cancel an email campaign

    What is unsent is refunded.
    """
    return _actions.cancel(campaign_id)


@blueprint.route("/campaigns/<id:campaign_id>/uncertain")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(UncertainSchema))
def list_uncertain_of_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """List uncertain messages of an email campaign

    Handed over, with no answer from the provider. They are neither sent again nor refunded until somebody knows or
    decides.
    """
    return _actions.uncertain(campaign_id, arguments)


@blueprint.route("/campaigns/<id:campaign_id>/resolve-uncertain", methods=["POST"], errors=(409,))
@blueprint.arguments(Resolution)
@blueprint.response(200, answer_of(ResolvedSchema, mutation=True))
def resolve_uncertain_of_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Resolve uncertain messages of an email campaign

    All, or those named. It is carried out within seconds; the campaign's status stays. A report that comes first wins.
    """
    return _actions.resolve(campaign_id, arguments)
