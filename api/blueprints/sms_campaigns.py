"""SMS campaigns."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.campaign_actions import CampaignActions
from api.schemas.campaigns import CampaignQuery, CampaignSchedule, CampaignSend
from api.schemas.envelopes import Nothing, PageQuery, answer_of, page_of
from api.schemas.sms_campaigns import NewSmsCampaign, SentSmsCampaignSchema, SmsCampaignChange, SmsCampaignSchema
from api.schemas.uncertain import Resolution, ResolvedSchema, UncertainSchema
from api.sms_campaign_values import sms_campaign_columns, sms_with_totals
from models.rules.lifecycle import Channel

blueprint = Blueprint("SMS campaigns", __name__, "One text to many numbers, now or at an hour.")

_actions = CampaignActions(Channel.SMS, sms_campaign_columns, sms_with_totals, sends_scheduled=True)


@blueprint.route("/sms/campaigns")
@blueprint.arguments(CampaignQuery, location="query")
@blueprint.response(200, page_of(SmsCampaignSchema))
def list_sms_campaigns(arguments: Arguments) -> dict[str, Any]:
    """List SMS campaigns

    Newest first; filtered by status.
    """
    return _actions.list(arguments())


@blueprint.route("/sms/campaigns", methods=["POST"])
@blueprint.arguments(NewSmsCampaign)
@blueprint.response(201, answer_of(SmsCampaignSchema, mutation=True))
def create_sms_campaign(arguments: Arguments) -> dict[str, Any]:
    """Create an SMS campaign

    A draft; with `scheduled_at` it is scheduled. It goes to everybody on the lists, to the contacts and to the numbers,
    one message to each number. `{{ first_name }}` and other merge tags are replaced.
    """
    return _actions.create(arguments())


@blueprint.route("/sms/campaigns/<id:campaign_id>")
@blueprint.response(200, answer_of(SmsCampaignSchema))
def get_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Read an SMS campaign

    With its totals, as they are now.
    """
    return _actions.get(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>", methods=["PUT"], errors=(409,))
@blueprint.arguments(SmsCampaignChange)
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def update_sms_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Update an SMS campaign

    A draft only. What is left out stays.
    """
    return _actions.update(campaign_id, arguments)


@blueprint.route("/sms/campaigns/<id:campaign_id>", methods=["DELETE"], errors=(409,))
@blueprint.response(200, Nothing)
def delete_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Delete an SMS campaign

    A draft only, and for good.
    """
    return _actions.delete(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>/send", methods=["POST"], errors=(402, 409, 422))
@blueprint.arguments(CampaignSend)
@blueprint.response(200, answer_of(SentSmsCampaignSchema, mutation=True))
def send_sms_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Send an SMS campaign now

    A draft, or a scheduled one before its hour. The audience is counted, everybody's own text priced, and the cost held
    before the answer: without a recipient it is 422, with too few credits 402, and nothing is changed. With `dry_run`
    nothing is changed at all: the answer says what it would come to.
    """
    return _actions.send(campaign_id, arguments)


@blueprint.route("/sms/campaigns/<id:campaign_id>/schedule", methods=["POST"], errors=(409,))
@blueprint.arguments(CampaignSchedule)
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def schedule_sms_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Schedule an SMS campaign

    A draft, for an hour in the future.
    """
    return _actions.schedule(campaign_id, arguments)


@blueprint.route("/sms/campaigns/<id:campaign_id>/unschedule", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def unschedule_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Unschedule an SMS campaign

    It is a draft again, without an hour.
    """
    return _actions.unschedule(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>/pause", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def pause_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Pause an SMS campaign

    What was handed over still goes out; nothing more does until it is resumed.
    """
    return _actions.pause(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>/resume", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def resume_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Resume an SMS campaign

    It goes on with what is unsent.
    """
    return _actions.resume(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>/cancel", methods=["POST"], errors=(409,))
@blueprint.response(200, answer_of(SmsCampaignSchema, mutation=True))
def cancel_sms_campaign(campaign_id: UUID) -> dict[str, Any]:
    """Cancel an SMS campaign

    One that is scheduled, sending or paused. What is unsent is refunded.
    """
    return _actions.cancel(campaign_id)


@blueprint.route("/sms/campaigns/<id:campaign_id>/uncertain")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(UncertainSchema))
def list_uncertain_of_sms_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """List uncertain messages of an SMS campaign

    Handed over, with no answer from the provider. They are neither sent again nor refunded until somebody knows or
    decides.
    """
    return _actions.uncertain(campaign_id, arguments)


@blueprint.route("/sms/campaigns/<id:campaign_id>/resolve-uncertain", methods=["POST"], errors=(409,))
@blueprint.arguments(Resolution)
@blueprint.response(200, answer_of(ResolvedSchema, mutation=True))
def resolve_uncertain_of_sms_campaign(arguments: Arguments, campaign_id: UUID) -> dict[str, Any]:
    """Resolve uncertain messages of an SMS campaign

    All, or those named. It is carried out within seconds; the campaign's status stays. A report that comes first wins.
    """
    return _actions.resolve(campaign_id, arguments)
