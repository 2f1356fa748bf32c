"""Between a campaign in JSON and its row: what fields mean together, and the numbers of its run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from api.arguments import Values
from models.errors import InvalidInput
from models.rules.rates import rate_text
from models.rules.schedule import resolve_scheduled_at, time_zone
from models.rules.segment import parse_segment
from models.store.campaigns import check_references
from models.store.organizations import read_organization
from models.store.runs import Totals, campaign_totals
from models.tables import Campaign
from tasks.content.merge_tags import check_source

_SOURCES = {"subject": "subject", "html_content": "html", "text_content": "text"}
_WITHOUT_NULL: dict[str, Any] = {"template_variables": {}, "target_list_ids": [], "batch_size": 100}
_NOTHING = Totals()


def campaign_columns(session: Session, organization_id: UUID, values: Values, campaign: Campaign | None) -> Values:
    """The columns of checked values; `campaign` is the one that changes.

    Raises InvalidInput naming all that is wrong.
    """
    columns = dict(values)
    for name, default in _WITHOUT_NULL.items():
        if name in columns and columns[name] is None:
            columns[name] = default
    errors: dict[str, list[str]] = {}

    def collect(check: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return check(*args, **kwargs)
        except InvalidInput as error:
            errors.update(error.errors)

    for field, kind in _SOURCES.items():
        if columns.get(field) is not None:
            collect(check_source, field, columns[field], kind)
    if columns.get("timezone") is not None:
        collect(time_zone, columns["timezone"])
    if columns.get("segment_filters") is not None:
        collect(parse_segment, columns["segment_filters"])
        columns["segment_filters"] = columns["segment_filters"] or None
    if columns.get("scheduled_at") is not None and "timezone" not in errors:
        columns["scheduled_at"] = collect(_instant, session, organization_id, columns, campaign)
    collect(
        check_references,
        session,
        organization_id,
        template_id=columns.get("email_template_id"),
        domain_id=columns.get("email_domain_id"),
        list_ids=columns.get("target_list_ids", ()),
    )
    if errors:
        raise InvalidInput(errors)
    return columns


def schedule_columns(session: Session, organization_id: UUID, values: Values, campaign: Campaign) -> Values:
    """The columns of a schedule. Raises InvalidInput for a time that is not in the future."""
    if values.get("timezone") is None:
        values.pop("timezone", None)
    else:
        time_zone(values["timezone"])
    at = _instant(session, organization_id, values, campaign)
    if at <= datetime.now(UTC):
        raise InvalidInput({"scheduled_at": ["The scheduled_at field must be a date after now."]})
    return {**values, "scheduled_at": at}


def _instant(session: Session, organization_id: UUID, values: Values, campaign: Campaign | None) -> datetime:
    zone = values.get("timezone") or (campaign.timezone if campaign and "timezone" not in values else None)
    general = None if zone else read_organization(session, organization_id).timezone
    return resolve_scheduled_at(values["scheduled_at"], timezone=zone, organization_timezone=general)


def with_totals(session: Session, organization_id: UUID, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Campaigns with the totals of their runs, as CampaignSchema shows them."""
    run_ids = [campaign.run_id for campaign in campaigns if campaign.run_id is not None]
    totals = campaign_totals(session, organization_id, run_ids)
    return [
        _shown(campaign, totals.get(campaign.run_id, _NOTHING) if campaign.run_id else _NOTHING)
        for campaign in campaigns
    ]


def _shown(campaign: Campaign, totals: Totals) -> dict[str, Any]:
    columns = {column.key: getattr(campaign, column.key) for column in Campaign.__table__.columns}
    return {
        **columns,
        "total_recipients": totals.recipients,
        "total_sent": totals.sent,
        "total_delivered": totals.delivered,
        "total_opened": totals.opened,
        "total_clicked": totals.clicked,
        "total_bounced": totals.bounced,
        "total_failed": totals.failed,
        "total_uncertain": totals.uncertain,
        "dropped": dict(totals.dropped),
        "open_rate": rate_text(totals.opened, totals.sent),
        "click_rate": rate_text(totals.clicked, totals.sent),
        "bounce_rate": rate_text(totals.bounced, totals.sent),
    }
