"""What sending a campaign would come to now. Nothing is changed, held or charged, and no state moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.lifecycle import CampaignStatus, Channel
from models.rules.money import money
from models.rules.quiet_hours import read_quiet_hours
from models.rules.sms_advice import Advice, advise
from models.store.campaign_states import illegal_move
from models.store.clock import database_now
from models.store.organizations import read_organization
from models.tables import Campaign
from tasks.audience.quiet import quiet_ends
from tasks.audience.recipients import Plan
from tasks.runs.audience import freeze, read_in_time


@dataclass(frozen=True, slots=True)
class DryRun:
    """`dropped`: reason → how many of the audience get nothing. Of SMS: `segments`, how many messages have so many;
    `in_quiet_hours`, how many would wait now; `advice` on the source of the text, tags and all."""

    recipients: int
    cost: Decimal
    balance: Decimal
    dropped: Mapping[str, int]
    segments: Mapping[str, int]
    total_segments: int = 0
    in_quiet_hours: int = 0
    advice: Advice | None = None

    @property
    def is_affordable(self) -> bool:
        """Whether there is credit enough."""
        return self.cost <= self.balance


def dry_run(session: Session, campaign: Campaign, *, seconds: float) -> DryRun:
    """What the plan's own functions say of the campaign as it is, and its audience as it is.

    Raises what sending would raise for a state that is none to send from (IllegalState) and for missing content or
    sender (InvalidInput); InvalidInput on `dry_run` when the audience cannot be worked out in that time. No recipients
    and too little credit are no errors here: the answer says so.
    """
    if campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        raise illegal_move(campaign, CampaignStatus.SENDING)
    trial = session.begin_nested()
    try:
        plan = _plan(session, campaign, seconds)
    finally:
        trial.rollback()  # a frozen content, the sender ID of today
    session.refresh(campaign)
    balance = read_organization(session, campaign.organization_id).balance
    cost = money(Decimal(plan.kept["cost"].sum()))
    if campaign.channel != Channel.SMS:
        return DryRun(plan.kept.height, cost, balance, plan.funnel.dropped(), {})
    return DryRun(
        plan.kept.height,
        cost,
        balance,
        plan.funnel.dropped(),
        {str(segments): messages for segments, messages in sorted(plan.kept.group_by("segments").len().iter_rows())},
        int(plan.kept["segments"].sum()),
        _in_quiet_hours(session, campaign, plan),
        advise(campaign.text_content or ""),
    )


def _plan(session: Session, campaign: Campaign, seconds: float) -> Plan:
    _, frozen = freeze(session, campaign)
    audience = read_in_time(session, campaign, frozen, seconds, to_quote=False)
    try:
        if audience is not None:
            return audience.plan(seconds)
    except TimeoutError:
        pass
    raise InvalidInput({"dry_run": [f"The audience is too large to be worked out in {seconds:g} seconds."]})


def _in_quiet_hours(session: Session, campaign: Campaign, plan: Plan) -> int:
    hours = read_quiet_hours(campaign.quiet_hours)
    if hours is None:
        return 0
    ends = quiet_ends(plan.kept["recipient"], hours, database_now(session))
    return ends.len() - ends.null_count()
