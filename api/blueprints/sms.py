"""Single and bulk SMS, and what became of one."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.idempotency import keeps_answer
from api.schemas.envelopes import answer_of, done, found, listed, page_of, page_request
from api.schemas.sms import (
    InboundSmsQuery,
    InboundSmsSchema,
    NewBulkSms,
    NewSms,
    QueuedBulkSmsSchema,
    QueuedSmsSchema,
    SmsPreviewSchema,
    SmsStatusSchema,
    SmsToPreview,
)
from api.scope import own, resources, scope
from api.starter import start_draining, wake_courier
from models.rules.lifecycle import RunKind
from models.store.sms import read_sms
from models.store.sms_replies import list_replies
from tasks.runs.preview_sms import preview_sms
from tasks.runs.send_sms import (
    SentSms,
    SingleSms,
    SmsRequest,
    check_single_sms,
    send_bulk_sms,
    send_single_sms,
)

blueprint = Blueprint("SMS", __name__, "Single and bulk SMS, sent at once.")


@blueprint.route("/sms/send", methods=["POST"], errors=(402,))
@blueprint.arguments(NewSms)
@blueprint.response(202, answer_of(QueuedSmsSchema, mutation=True))
def send_sms(arguments: Arguments) -> dict[str, Any]:
    """Send an SMS

    It is charged now and sent within moments. What no provider accepts is refunded.
    """
    values, wrong = arguments.partly()
    request = SmsRequest(values.get("message"), values.get("sender_id"), wrong)
    single = check_single_sms(values.get("recipient"), request)
    # An answer that is to be kept goes into the transaction of its work, which is no other request's.
    sent = send_single_sms(*own(), single) if keeps_answer() else _send_together(single)
    database = resources().database
    scope().after_commit(lambda: wake_courier(database))
    answer = {
        "message_id": sent.message_id,
        "status": "pending",
        "cost": sent.cost,
        "segments": sent.segments,
        "balance_remaining": sent.balance,
    }
    return done(answer, "SMS queued for sending")


def _send_together(single: SingleSms) -> SentSms:
    sent = resources().singles.ask(own, single, key=scope().caller.organization_id)
    if isinstance(sent, Exception):
        raise sent
    return sent


@blueprint.route("/sms/send-bulk", methods=["POST"], errors=(402,))
@blueprint.arguments(NewBulkSms)
@blueprint.response(202, answer_of(QueuedBulkSmsSchema, mutation=True))
def send_bulk(arguments: Arguments) -> dict[str, Any]:
    """Send the same SMS to many

    Once to each number, however often it is given. Numbers that are not valid, and those that have opted out, come back
    and are not charged.
    """
    values, wrong = arguments.partly()
    request = SmsRequest(values.get("message"), values.get("sender_id"), wrong)
    settings, database = resources().settings, resources().database
    bulk = send_bulk_sms(*own(), values.get("recipients"), request, settings)
    if bulk.run.needs_flow:
        scope().after_commit(lambda: start_draining(settings, RunKind.BULK))
    else:
        scope().after_commit(lambda: wake_courier(database))
    answer = {
        "total_messages": len(bulk.run.message_ids),
        "total_cost": bulk.run.cost,
        "balance_remaining": bulk.balance,
        "message_ids": bulk.run.message_ids,
        "invalid_recipients": bulk.invalid,
        "suppressed_recipients": bulk.suppressed,
    }
    return done(answer, "Bulk SMS queued for sending")


@blueprint.route("/sms/<id:message_id>/status")
@blueprint.response(200, answer_of(SmsStatusSchema))
def get_sms_status(message_id: UUID) -> dict[str, Any]:
    """Read the status of an SMS

    Of a single one, or of one of a bulk or a campaign.
    """
    return found(read_sms(*own(), message_id))


@blueprint.route("/sms/inbound")
@blueprint.arguments(InboundSmsQuery, location="query")
@blueprint.response(200, page_of(InboundSmsSchema))
def list_inbound_sms(arguments: Arguments) -> dict[str, Any]:
    """List inbound SMS

    What people wrote back, newest first. Who writes STOP, or another word for it, is suppressed at once; START takes
    that back.
    """
    query = arguments()
    replies = list_replies(*own(), page_request(query), sender=query.get("sender"), keyword=query.get("keyword"))
    return listed(replies)


@blueprint.route("/sms/preview", methods=["POST"])
@blueprint.arguments(SmsToPreview)
@blueprint.response(200, answer_of(SmsPreviewSchema))
def preview_sms_text(arguments: Arguments) -> dict[str, Any]:
    """Preview an SMS

    Its encoding, segments and cost, which characters make it longer, and a text that says the same and is shorter.
    Nothing is sent.
    """
    values = arguments()
    return found(
        preview_sms(*own(), values["message"], sender_id=values.get("sender_id"), recipient=values.get("recipient"))
    )
