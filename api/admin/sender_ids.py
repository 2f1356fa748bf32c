"""Sender IDs and the two stages of their approval."""

from uuid import UUID

from flask import render_template, url_for

from api.admin.door import platform_or_own, visit
from api.admin.schemas import Rejection, SenderIdQuery, form_values, query_values
from api.admin.section import Done, Section
from models.rules.roles import Right
from models.rules.sender_id import SenderFilter
from models.store import sender_ids
from models.store.organizations import organization_names

section = Section("sender_ids", __name__)


@section.page("/sender-ids", Right.SEE_SENDER_IDS)
def show_sender_ids(**_path: object) -> str:
    """Sender IDs of the organization or, for a super admin, of all; those that wait for approval first to him."""
    is_platform = platform_or_own() is None
    asked = query_values(SenderIdQuery)["status"]
    shown = SenderFilter.PENDING if is_platform else SenderFilter.ALL
    if asked in list(SenderFilter):
        shown = SenderFilter(asked)
    found = sender_ids.list_sender_ids(visit().session, platform_or_own(), shown)
    names = {}
    if is_platform:
        names = organization_names(visit().session, {each.organization_id for each in found})
    return render_template("sender_ids.html", sender_ids=found, names=names, shown=shown, filters=list(SenderFilter))


@section.form("/sender-ids/<id:sender_id_id>/approve", Right.DECIDE_SENDER_IDS, page=show_sender_ids)
def approve(sender_id_id: UUID) -> Done:
    """Stage 1, yes."""
    sender = sender_ids.approve(visit().session, sender_id_id, actor=visit().who.email)
    return Done(_back(SenderFilter.APPROVED), f"{sender.sender_id} was approved. The provider comes next.")


@section.form("/sender-ids/<id:sender_id_id>/verify", Right.DECIDE_SENDER_IDS, page=show_sender_ids)
def verify(sender_id_id: UUID) -> Done:
    """Stage 2, yes: what the provider said."""
    sender = sender_ids.verify(visit().session, sender_id_id, actor=visit().who.email)
    return Done(_back(SenderFilter.VERIFIED), f"{sender.sender_id} was verified and can be used.")


@section.form("/sender-ids/<id:sender_id_id>/reject", Right.DECIDE_SENDER_IDS, page=show_sender_ids)
def reject(sender_id_id: UUID) -> Done:
    """No, with a reason, at the stage that it waits for."""
    reason = form_values(Rejection)["reason"]
    sender = sender_ids.reject(visit().session, sender_id_id, actor=visit().who.email, reason=reason)
    return Done(_back(SenderFilter.REJECTED), f"{sender.sender_id} was rejected.")


def _back(shown: SenderFilter) -> str:
    return url_for("admin.sender_ids.show_sender_ids", status=shown)
