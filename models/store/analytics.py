"""What the API shows of reports: sums of the counts that are kept with them, never of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.errors import NotFound
from models.rules.period import Period
from models.store.runs import Totals, campaign_totals
from models.tables import Campaign, DailyCount, RunClient, RunLink

_LINKS_MAX = 1000  # a link may carry a value of each recipient


@dataclass(frozen=True, slots=True)
class EmailCounts:
    """Messages that were sent, and how many of them had each thing reported at least once."""

    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    bounced: int = 0
    complained: int = 0
    unsubscribed: int = 0


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """An email campaign's name and counts."""

    id: UUID
    name: str
    counts: EmailCounts


def count_emails(session: Session, organization_id: UUID, period: Period) -> EmailCounts:
    """Counts of the emails that were sent on the days of the period."""
    columns = [getattr(DailyCount, name) for name in EmailCounts.__dataclass_fields__]
    row = session.execute(
        select(*(func.coalesce(func.sum(column), 0) for column in columns)).where(
            DailyCount.organization_id == organization_id,
            DailyCount.channel == "email",
            DailyCount.day.between(period.first, period.last),
        )
    ).one()
    return EmailCounts(*map(int, row))


@dataclass(frozen=True, slots=True)
class SmsDay:
    """The SMS of a day (UTC): accepted by a provider on it, and how many of them were reported delivered, or lost
    (undelivered, or too late)."""

    day: date
    sent: int
    delivered: int
    undelivered: int


def count_sms(session: Session, organization_id: UUID, period: Period) -> list[SmsDay]:
    """The days of the period on which SMS were sent, in order."""
    rows = session.execute(
        select(DailyCount.day, func.sum(DailyCount.sent), func.sum(DailyCount.delivered), func.sum(DailyCount.bounced))
        .where(
            DailyCount.organization_id == organization_id,
            DailyCount.channel == "sms",
            DailyCount.day.between(period.first, period.last),
        )
        .group_by(DailyCount.day)
        .order_by(DailyCount.day)
    )
    return [SmsDay(day, int(sent), int(delivered), int(lost)) for day, sent, delivered, lost in rows]


def count_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> CampaignCounts:
    """Counts of an email campaign; nothing before it is sent. Raises NotFound."""
    campaign = _campaign(session, organization_id, campaign_id)
    totals = Totals()
    if campaign.run_id is not None:
        totals = campaign_totals(session, organization_id, [campaign.run_id])[campaign.run_id]
    counts = EmailCounts(
        totals.sent,
        totals.delivered,
        totals.opened,
        totals.clicked,
        totals.bounced,
        totals.complained,
        totals.unsubscribed,
    )
    return CampaignCounts(campaign.id, campaign.name, counts)


def list_links(session: Session, organization_id: UUID, campaign_id: UUID) -> Sequence[RunLink]:
    """Links of an email campaign that were clicked, the most clicked first. Raises NotFound."""
    campaign = _campaign(session, organization_id, campaign_id)
    return (
        session.execute(
            select(RunLink)
            .where(RunLink.organization_id == organization_id, RunLink.run_id == campaign.run_id)
            .order_by(RunLink.clicks.desc(), RunLink.url)
            .limit(_LINKS_MAX)
        )
        .scalars()
        .all()
    )


@dataclass(frozen=True, slots=True)
class Readers:
    """In what an email campaign was opened first: messages by device and by client, the most first."""

    devices: list[tuple[str, int]]
    clients: list[tuple[str, int]]

    @property
    def total(self) -> int:
        """Messages that were opened."""
        return sum(count for _, count in self.devices)


def count_readers(session: Session, organization_id: UUID, campaign_id: UUID) -> Readers:
    """Devices and clients of an email campaign. Raises NotFound."""
    campaign = _campaign(session, organization_id, campaign_id)

    def count(column: InstrumentedAttribute[str]) -> list[tuple[str, int]]:
        number = func.sum(RunClient.messages)
        rows = session.execute(
            select(column, number)
            .where(RunClient.organization_id == organization_id, RunClient.run_id == campaign.run_id)
            .group_by(column)
            .having(number > 0)
            .order_by(number.desc(), column)
        )
        return [(name, int(messages)) for name, messages in rows]

    return Readers(count(RunClient.device), count(RunClient.client))


def _campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> Campaign:
    campaign = session.execute(
        select(Campaign).where(
            Campaign.organization_id == organization_id, Campaign.id == campaign_id, Campaign.channel == "email"
        )
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound
    return campaign
