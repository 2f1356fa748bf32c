"""What became of what was sent."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.analytics import (
    CampaignAnalyticsSchema,
    EmailEventSchema,
    LinkSchema,
    OverviewSchema,
    PeriodQuery,
    ReadersSchema,
    SmsOverviewSchema,
)
from api.schemas.envelopes import answer_of, array_of, found
from api.scope import own
from models.rules.period import period_of
from models.rules.rates import rate_number
from models.store import analytics
from models.store.analytics import EmailCounts
from models.store.events import list_email_events

blueprint = Blueprint("Analytics", __name__, "Deliveries, opens, clicks, bounces and complaints, as they are reported.")


def _totals(counts: EmailCounts) -> dict[str, int | float]:
    """What both the overview and a campaign show."""
    return {
        "total_sent": counts.sent,
        "total_delivered": counts.delivered,
        "total_opened": counts.opened,
        "total_clicked": counts.clicked,
        "total_bounced": counts.bounced,
        "total_complained": counts.complained,
        "open_rate": rate_number(counts.opened, counts.delivered),
        "click_rate": rate_number(counts.clicked, counts.delivered),
        "bounce_rate": rate_number(counts.bounced, counts.sent),
    }


@blueprint.route("/analytics/overview")
@blueprint.arguments(PeriodQuery, location="query")
@blueprint.response(200, answer_of(OverviewSchema))
def get_analytics_overview(arguments: Arguments) -> dict[str, Any]:
    """Emails of a period

    By the day (UTC) on which they were sent, whatever day it was reported on.
    """
    query = arguments()
    period = period_of(query.get("from_"), query.get("to"), today=datetime.now(UTC).date())
    counts = analytics.count_emails(*own(), period)
    return found({**_totals(counts), "delivery_rate": rate_number(counts.delivered, counts.sent)})


@blueprint.route("/analytics/sms")
@blueprint.arguments(PeriodQuery, location="query")
@blueprint.response(200, answer_of(SmsOverviewSchema))
def get_sms_analytics(arguments: Arguments) -> dict[str, Any]:
    """SMS of a period

    By the day (UTC) on which they were sent, whatever day it was reported on: together, and each day.
    """
    query = arguments()
    period = period_of(query.get("from_"), query.get("to"), today=datetime.now(UTC).date())
    days = analytics.count_sms(*own(), period)
    sent, delivered = sum(day.sent for day in days), sum(day.delivered for day in days)
    return found(
        {
            "total_sent": sent,
            "total_delivered": delivered,
            "total_undelivered": sum(day.undelivered for day in days),
            "delivery_rate": rate_number(delivered, sent),
            "days": [{**asdict(day), "delivery_rate": rate_number(day.delivered, day.sent)} for day in days],
        }
    )


@blueprint.route("/analytics/campaigns/<id:campaign_id>")
@blueprint.response(200, answer_of(CampaignAnalyticsSchema))
def get_campaign_analytics(campaign_id: UUID) -> dict[str, Any]:
    """One email campaign

    Its totals and rates so far.
    """
    campaign = analytics.count_campaign(*own(), campaign_id)
    counts = campaign.counts
    return found(
        {
            "campaign_id": campaign.id,
            "campaign_name": campaign.name,
            **_totals(counts),
            "unsubscribe_rate": rate_number(counts.unsubscribed, counts.delivered),
        }
    )


@blueprint.route("/analytics/campaigns/<id:campaign_id>/links")
@blueprint.response(200, array_of(LinkSchema))
def list_campaign_links(campaign_id: UUID) -> dict[str, Any]:
    """Links of an email campaign

    As they are in the content, the most clicked first, at most 1,000; without the link to unsubscribe.
    """
    return found(analytics.list_links(*own(), campaign_id))


@blueprint.route("/analytics/campaigns/<id:campaign_id>/devices")
@blueprint.response(200, answer_of(ReadersSchema))
def get_campaign_devices(campaign_id: UUID) -> dict[str, Any]:
    """Devices and mail clients of an email campaign

    By each recipient's first open.
    """
    readers = analytics.count_readers(*own(), campaign_id)

    def shares(name: str, counts: list[tuple[str, int]]) -> list[dict[str, Any]]:
        return [
            {name: value, "count": count, "percentage": rate_number(count, readers.total)} for value, count in counts
        ]

    return found({"devices": shares("device", readers.devices), "clients": shares("client", readers.clients)})


@blueprint.route("/analytics/emails/<id:email_id>/events")
@blueprint.response(200, array_of(EmailEventSchema))
def list_events_of_email(email_id: UUID) -> dict[str, Any]:
    """Everything that was reported of an email

    In the order in which it occurred.
    """
    return found(list_email_events(*own(), email_id))
