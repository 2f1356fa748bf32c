"""Emails: singles and batches, and what became of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.arguments import Arguments, Errors, Values
from api.blueprint import Blueprint
from api.email_values import shown_batch, shown_emails
from api.schemas.emails import (
    AcceptedBatchSchema,
    BatchPageSchema,
    EmailPageSchema,
    EmailQuery,
    EmailSchema,
    NewBatch,
)
from api.schemas.envelopes import PageQuery, answer_of, done, found, page_request, pagination_of
from api.schemas.new_email import NewEmail
from api.scope import own, resources, scope
from api.starter import start_draining, wake_courier
from models.errors import InvalidInput, NotFound
from models.rules.email_status import SUPPRESSED
from models.rules.lifecycle import RunKind
from models.store.emails import list_emails as find_emails
from models.store.emails import read_email, run_emails
from models.store.ledger import read_balance
from models.store.pages import PageRequest
from models.store.runs import campaign_totals, read_run
from models.store.templates import count_uses
from tasks.content.attachment_rules import check_total, checked_attachments
from tasks.content.attachments import AttachedFile
from tasks.runs.accept_messages import accept_run, accept_single
from tasks.runs.email_requests import EmailRequest, prepare_emails

blueprint = Blueprint("Emails", __name__, "Single emails, and up to 1,000 at once.")


@blueprint.route("/emails/send", methods=["POST"], errors=(402,))
@blueprint.arguments(NewEmail, location="files")
@blueprint.response(202, answer_of(EmailSchema, mutation=True))
def send_email(arguments: Arguments) -> dict[str, Any]:
    """Send an email

    It is charged now and sent at once. With html alone, a text is made from it. An address on the suppression list is
    refused.
    """
    values, wrong = arguments.partly()
    files = _files("attachments", values, wrong)
    _check_total(files, wrong)
    prepared = prepare_emails(*own(), [EmailRequest(values, files)], wrong)
    [message] = prepared.messages
    if message.error_code == SUPPRESSED:
        raise InvalidInput({"to_email": ["The to_email is on the suppression list."]})
    email_id = accept_single(*own(), "email", message).message_id
    count_uses(*own(), prepared.uses)
    database = resources().database
    scope().after_commit(lambda: wake_courier(database))
    [shown] = shown_emails([read_email(*own(), email_id)])
    return done(shown, "Email queued for sending.")


@blueprint.route("/emails/send-batch", methods=["POST"], errors=(402,))
@blueprint.arguments(NewBatch, location="files")
@blueprint.response(202, answer_of(AcceptedBatchSchema, mutation=True))
def send_email_batch(arguments: Arguments) -> dict[str, Any]:
    """Send up to 1,000 emails

    All are checked first, and all or none are accepted. An address on the suppression list costs nothing, and its
    email is stored as failed with the code `suppressed`. `attachments` go out with each of the emails, besides its own.
    """
    values, wrong = arguments.partly("emails")
    prepared = prepare_emails(*own(), _requests(values, wrong), wrong)
    settings, database = resources().settings, resources().database
    accepted = accept_run(*own(), RunKind.BATCH, prepared.messages, settings)
    count_uses(*own(), prepared.uses)
    if accepted.needs_flow:
        scope().after_commit(lambda: start_draining(settings, RunKind.BATCH))
    else:
        scope().after_commit(lambda: wake_courier(database))
    answer = {
        "batch_id": accepted.run_id,
        "total_emails": len(accepted.message_ids),
        "total_cost": accepted.cost,
        "balance_remaining": read_balance(*own()).balance,
        "email_ids": accepted.message_ids,
    }
    return done(answer, "Batch emails queued for sending.")


def _requests(values: Values, wrong: Errors) -> list[EmailRequest]:
    """The batch's emails with their files, which count once however many emails have them."""
    common = _files("attachments", values, wrong)
    requests = []
    total = [*common]
    for number, email in enumerate(values.get("emails", [])):
        place = f"emails.{number}"
        files = _files(f"{place}.attachments", email, wrong, common) if email.get("attachments") else common
        total += files[len(common) :]
        requests.append(EmailRequest(email, files, place))
    _check_total(total, wrong)
    return requests


def _files(field: str, values: Values, wrong: Errors, common: Sequence[AttachedFile] = ()) -> list[AttachedFile]:
    """The files of an email, after those that all emails of its batch have; what is wrong with them goes to `wrong`."""
    try:
        return [*common, *checked_attachments(field, values.get("attachments") or [], besides=len(common))]
    except InvalidInput as error:
        wrong.update(error.errors)
        return []


def _check_total(files: Sequence[AttachedFile], wrong: Errors) -> None:
    try:
        check_total("attachments", files)
    except InvalidInput as error:
        wrong.update(error.errors)


@blueprint.route("/emails/batch/<id:batch_id>")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, answer_of(BatchPageSchema))
def get_email_batch(arguments: Arguments, batch_id: UUID) -> dict[str, Any]:
    """Read a batch

    Its totals, and one page of its emails, in the order in which they were given.
    """
    run = read_run(*own(), batch_id)
    if run.kind != RunKind.BATCH:
        raise NotFound
    request = page_request(arguments())
    totals = campaign_totals(*own(), [run.id])[run.id]
    [first] = run_emails(*own(), run.id, 1, PageRequest(1, 1)).items
    page = run_emails(*own(), run.id, totals.recipients, request)
    emails = {"data": shown_emails(page.items), "pagination": pagination_of(page)}
    return found({"batch": shown_batch(run, totals, first), "emails": emails})


@blueprint.route("/emails/<id:email_id>/status")
@blueprint.response(200, answer_of(EmailSchema))
def get_email_status(email_id: UUID) -> dict[str, Any]:
    """Read an email's status

    With the first time of each thing that was reported of it.
    """
    [shown] = shown_emails([read_email(*own(), email_id)])
    return found(shown)


@blueprint.route("/emails")
@blueprint.arguments(EmailQuery, location="query")
@blueprint.response(200, answer_of(EmailPageSchema))
def list_emails(arguments: Arguments) -> dict[str, Any]:
    """List emails

    Newest first, those of campaigns included. `total` is exact up to 100,000, which it says where there are more.
    """
    values = arguments()
    page = find_emails(*own(), page_request(values), status=values.get("status"))
    return found({"emails": shown_emails(page.items), "pagination": pagination_of(page)})
