"""Between a campaign in JSON and its row: what fields mean together, and the numbers of its run."""

from collections.abc import Callable, Sequence
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


class Findings:
    """What is wrong with a campaign, collected so that one answer names all of it."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def collect(self, check: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the check returns; None where it found something."""
        try:
            return check(*args, **kwargs)
        except InvalidInput as error:
            self.errors.update(error.errors)
            return None

    def end(self) -> None:
        """Raise InvalidInput if anything was found."""
        if self.errors:
            raise InvalidInput(self.errors)


def campaign_columns(session: Session, organization_id: UUID, values: Values, campaign: Campaign | None) -> Values:
    """The columns of checked values of an email campaign; `campaign` is the one that changes.

    Raises InvalidInput naming all that is wrong.
    """
    columns = without_nulls(values, _WITHOUT_NULL)
    findings = Findings()
    for field, kind in _SOURCES.items():
        if columns.get(field) is not None:
            findings.collect(check_source, field, columns[field], kind)
    if columns.get("segment_filters") is not None:
        findings.collect(parse_segment, columns["segment_filters"])
        columns["segment_filters"] = columns["segment_filters"] or None
    check_hour(findings, session, organization_id, columns, campaign)
    findings.collect(
        check_references,
        session,
        organization_id,
        template_id=columns.get("email_template_id"),
        domain_id=columns.get("email_domain_id"),
        list_ids=columns.get("target_list_ids", ()),
    )
    findings.end()
    return columns


def without_nulls(values: Values, defaults: Values) -> Values:
    """The values, null being the default where a column has one."""
    return {name: defaults.get(name) if value is None else value for name, value in values.items()}


def check_hour(
    findings: Findings, session: Session, organization_id: UUID, columns: Values, campaign: Campaign | None
) -> None:
    """Check the time zone, and put the instant in place of the text of `scheduled_at`."""
    if columns.get("timezone") is not None:
        findings.collect(time_zone, columns["timezone"])
    if columns.get("scheduled_at") is not None:
        # An hour that is none is named too, whatever the zone.
        given = {**columns, "timezone": None} if "timezone" in findings.errors else columns
        columns["scheduled_at"] = findings.collect(_instant, session, organization_id, given, campaign)


def schedule_columns(session: Session, organization_id: UUID, values: Values, campaign: Campaign) -> Values:
    """The columns of a schedule. Raises InvalidInput for a time that is not in the future."""
    columns = {name: value for name, value in values.items() if name != "timezone" or value is not None}
    findings = Findings()
    check_hour(findings, session, organization_id, columns, campaign)
    findings.end()
    check_future(columns["scheduled_at"])
    return columns


def check_future(at: datetime) -> None:
    """Raise InvalidInput for an hour that has come already."""
    if at <= datetime.now(UTC):
        raise InvalidInput({"scheduled_at": ["The scheduled_at field must be a date after now."]})


def _instant(session: Session, organization_id: UUID, values: Values, campaign: Campaign | None) -> datetime:
    zone = values.get("timezone") or (campaign.timezone if campaign and "timezone" not in values else None)
    general = None if zone else read_organization(session, organization_id).timezone
    return resolve_scheduled_at(values["scheduled_at"], timezone=zone, organization_timezone=general)


def with_totals(session: Session, organization_id: UUID, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Email campaigns with the totals of their runs, as CampaignSchema shows them."""
    return [_shown(campaign, totals) for campaign, totals in totals_of(session, organization_id, campaigns)]


def totals_of(session: Session, organization_id: UUID, campaigns: Sequence[Campaign]) -> list[tuple[Campaign, Totals]]:
    """The campaigns, each with the totals of its run; zeros before there is one."""
    run_ids = [campaign.run_id for campaign in campaigns if campaign.run_id is not None]
    totals = campaign_totals(session, organization_id, run_ids)
    return [
        (campaign, totals.get(campaign.run_id, _NOTHING) if campaign.run_id else _NOTHING) for campaign in campaigns
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
        "total_unsubscribed": totals.unsubscribed,
        "total_failed": totals.failed,
        "total_uncertain": totals.uncertain,
        "dropped": dict(totals.dropped),
        "open_rate": rate_text(totals.opened, totals.sent),
        "click_rate": rate_text(totals.clicked, totals.sent),
        "bounce_rate": rate_text(totals.bounced, totals.sent),
    }
