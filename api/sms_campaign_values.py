"""Between an SMS campaign in JSON and its row: its fields have other names there, and rules of their own."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from api.arguments import Values
from api.campaign_values import Findings, check_future, check_hour, totals_of, without_nulls
from models.errors import InvalidInput
from models.rules.lifecycle import CampaignStatus
from models.rules.phone import parse_phone
from models.rules.quiet_hours import parse_quiet_hours
from models.store.campaigns import check_references
from models.store.organizations import read_organization
from models.store.runs import Totals
from models.store.sender_ids import sender_names
from models.tables import Campaign
from tasks.content.sms import freeze_sms
from tasks.runs.sms_content import check_length

_WITHOUT_NULL: Values = {"target_list_ids": [], "contact_ids": [], "manual_phones": [], "batch_size": 100}


def sms_campaign_columns(session: Session, organization_id: UUID, values: Values, campaign: Campaign | None) -> Values:
    """The columns of checked values; `campaign` is the one that changes. A new one with an hour is scheduled.

    Raises InvalidInput naming all that is wrong.
    """
    columns = without_nulls(values, _WITHOUT_NULL)
    findings = Findings()
    if "message_content" in columns:
        columns["text_content"] = columns.pop("message_content")
        findings.collect(_check_text, columns["text_content"])
    if "manual_phones" in columns:
        columns["manual_phones"] = findings.collect(_phones, columns["manual_phones"])
    if columns.get("quiet_hours") is not None:
        hours = findings.collect(parse_quiet_hours, columns["quiet_hours"])
        columns["quiet_hours"] = hours and hours.to_json()
    elif campaign is None and "quiet_hours" not in columns:
        columns["quiet_hours"] = read_organization(session, organization_id).quiet_hours
    check_hour(findings, session, organization_id, columns, campaign)
    if campaign is None and columns.get("scheduled_at") is not None:
        findings.collect(check_future, columns["scheduled_at"])
        columns["status"] = CampaignStatus.SCHEDULED.value
    findings.collect(
        check_references,
        session,
        organization_id,
        sender_id_id=columns.get("sender_id_id"),
        list_ids=columns.get("target_list_ids", ()),
        contact_ids=columns.get("contact_ids", ()),
    )
    findings.end()
    return columns


def _check_text(text: str) -> None:
    check_length(freeze_sms(text, ""))


def _phones(numbers: Sequence[str]) -> list[str]:
    """The numbers as E.164. Raises InvalidInput on `manual_phones.3`."""
    parsed = [parse_phone(number) for number in numbers]
    wrong = [f"manual_phones.{index}" for index, number in enumerate(parsed) if number is None]
    if wrong:
        raise InvalidInput(
            {field: [f"The {field} field must be a valid phone number in E.164 format."] for field in wrong}
        )
    return [number for number in parsed if number is not None]


def sms_with_totals(session: Session, organization_id: UUID, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """SMS campaigns with the totals of their runs, as SmsCampaignSchema shows them."""
    names = sender_names(session, organization_id, [each.sender_id_id for each in campaigns if each.sender_id_id])
    return [_shown(campaign, totals, names) for campaign, totals in totals_of(session, organization_id, campaigns)]


def _shown(campaign: Campaign, totals: Totals, names: Mapping[UUID, str]) -> dict[str, Any]:
    columns = {column.key: getattr(campaign, column.key) for column in Campaign.__table__.columns}
    return {
        **columns,
        "message_content": campaign.text_content,
        "sender_id": names.get(campaign.sender_id_id) if campaign.sender_id_id else None,
        "total_recipients": totals.recipients,
        "total_sent": totals.sent,
        "total_delivered": totals.delivered,
        # Refused by the provider, or by the network: a report of that is stored as a bounce.
        "total_failed": totals.failed + totals.bounced,
        "total_segments": totals.segments,
        "total_cost": totals.cost,
    }
