"""Planning a campaign: who gets what, written down and paid for in one transaction."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import polars as pl
from sqlalchemy import func
from sqlalchemy.orm import Session

from models.errors import ExoSendError, InsufficientCredits, InvalidInput, NotFound
from models.rules.lifecycle import CampaignStatus, Channel, RunState
from models.rules.money import money
from models.rules.pacing import is_paced
from models.rules.quiet_hours import read_quiet_hours
from models.session import Database
from models.settings import Settings
from models.store.audience import write_plan
from models.store.campaign_states import find_campaign, lock_campaign, move_campaign
from models.store.clock import database_now
from models.store.ledger import post
from models.store.runs import fail_run, find_run, lock_planning, lock_run, move_run, release_hold
from models.store.sender_ids import count_messages
from models.store.templates import count_uses
from models.tables import Campaign, Run
from tasks.audience.chunking import chunk_rows, chunk_size, message_rows
from tasks.audience.frames import WAITING
from tasks.audience.funnel import Funnel
from tasks.audience.quiet import Split, split_quiet
from tasks.audience.recipients import Plan
from tasks.runs.audience import read_audience, read_frozen

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan came to. `already` says that another flow run had planned it before."""

    recipients: int
    chunks: int
    funnel: Funnel | None
    already: bool = False
    is_paced: bool = False  # its flow ends here: the courier's pacer sends it


def plan_campaign(database: Database, run_id: UUID, settings: Settings) -> Planned | None:
    """Plan the run if nobody has yet; None when it is not to be sent any more.

    Raises InsufficientCredits when the exact cost is not there, or what else makes a plan impossible: the run and its
    campaign are failed then, the hold is released and nothing was written.
    """
    with database.transaction(None) as session:
        run = lock_run(session, find_run(session, run_id).organization_id, run_id)
        if run.state in (RunState.CLOSING, RunState.CANCELLED, RunState.FAILED, RunState.COMPLETED):
            return None
        if run.planned_at is not None:
            move_run(session, run.organization_id, run_id, RunState.SENDING)
            return _planned_before(run)
        move_run(session, run.organization_id, run_id, RunState.PLANNING)
    try:
        return _plan(database, run, settings)
    except InsufficientCredits as error:
        _fail_planning(
            database, run, "insufficient_credits", f"The audience costs {error.required}, which is not there."
        )
        raise
    except ExoSendError as error:  # it would be the same with every further start
        _fail_planning(database, run, "plan_failed", str(error))
        raise


def _fail_planning(database: Database, run: Run, code: str, reason: str) -> None:
    """End a run that planned nothing: release its hold and fail its campaign with the reason."""
    with database.transaction(None) as session:
        if run.campaign_id is not None:
            lock_campaign(session, run.organization_id, run.campaign_id)  # campaign before run, as everywhere
        run = lock_run(session, run.organization_id, run.id)
        if run.planned_at is not None:
            return
        # Cancelled meanwhile: it is closed as that.
        if not fail_run(session, run, code, reason, Run.state != RunState.CLOSING.value):
            return
        release_hold(session, run)
        if run.campaign_id is not None:
            move_campaign(
                session,
                run.organization_id,
                run.campaign_id,
                CampaignStatus.FAILED,
                failure_reason=reason,
                completed_at=func.now(),
            )


def _planned_before(run: Run) -> Planned:
    funnel = Funnel.from_json(run.funnel) if run.funnel else None
    return Planned(run.total_recipients, 0, funnel, already=True, is_paced=is_paced(run.send_rate_per_minute))


def _plan(database: Database, run: Run, settings: Settings) -> Planned | None:
    assert run.campaign_id is not None
    assert run.content_id is not None
    with database.transaction(None) as session:
        campaign = find_campaign(session, run.campaign_id)
        frozen = read_frozen(session, run.organization_id, run.content_id)
        audience = read_audience(session, campaign, frozen, to_quote=False)
    plan = audience.plan()
    log.info("Plan: %s rows, %s recipients, dropped %s", audience.rows, plan.kept.height, plan.funnel.dropped())
    with database.transaction(None) as session:
        return _save(session, run, campaign, plan, settings)


def _save(session: Session, planned_run: Run, campaign: Campaign, plan: Plan, settings: Settings) -> Planned | None:
    """Messages, chunks and dropped ones; at the end the hold becomes the exact charge."""
    run = find_run(session, planned_run.id)
    lock_planning(session, run.id)
    session.refresh(run)
    if run.planned_at is not None:
        return _planned_before(run)
    assert run.content_id is not None
    split = _split_quiet(session, run, plan)
    size = chunk_size(split.going, size_max=settings.chunk_size, drainers=settings.drainers)
    chunks = chunk_rows(split.going, size)
    write_plan(
        session,
        run_id=run.id,
        organization_id=run.organization_id,
        content_id=run.content_id,
        channel=campaign.channel,
        messages=message_rows(split.kept, run.id),
        chunks=chunks,
        dropped=plan.dropped,
        waiting=split.waiting,
    )
    cost = money(Decimal(plan.kept["cost"].sum()))
    if campaign.channel == Channel.SMS:
        _count_segments(session, run, campaign, plan)
    if not _charge(session, run, plan, cost, "emails" if campaign.channel == Channel.EMAIL else "SMS"):
        session.rollback()
        return None
    if campaign.channel == Channel.EMAIL and campaign.email_template_id is not None:
        # After the balance, as where single emails are accepted: whoever holds the template then waits for no credits.
        count_uses(session, run.organization_id, {campaign.email_template_id: plan.kept.height})
    return Planned(plan.kept.height, chunks.height, plan.funnel, is_paced=is_paced(run.send_rate_per_minute))


def _split_quiet(session: Session, run: Run, plan: Plan) -> Split:
    """Whoever is in quiet hours waits as for a second try: no sender looks at them before."""
    hours = read_quiet_hours(run.quiet_hours)
    if hours is None:
        return Split(plan.kept, plan.kept.height, pl.DataFrame(schema=WAITING))
    return split_quiet(plan.kept, hours, database_now(session))


def _count_segments(session: Session, run: Run, campaign: Campaign, plan: Plan) -> None:
    """What only SMS have: their segments, and a sender ID that counts its messages."""
    run.total_segments = int(plan.kept["segments"].sum())
    session.flush()
    assert campaign.sender_id_id is not None
    try:
        count_messages(session, run.organization_id, campaign.sender_id_id, plan.kept.height)
    except NotFound:
        gone = "The sender_id_id is of a sender ID that was deleted after the campaign was started."
        raise InvalidInput({"sender_id_id": [gone]}) from None


def _charge(session: Session, run: Run, plan: Plan, cost: Decimal, what: str) -> bool:
    """Swap the hold for the charge and let the run send; False when it was cancelled meanwhile."""
    run = lock_run(session, run.organization_id, run.id)
    if run.state not in (RunState.PLANNING, RunState.PAUSED):
        return False
    run.total_recipients = plan.kept.height
    run.funnel = plan.funnel.to_json()
    run.charged = cost
    run.planned_at = datetime.now(UTC)
    if run.state == RunState.PLANNING:
        run.state = RunState.SENDING.value
    session.flush()
    release_hold(session, run)
    post(
        session,
        run.organization_id,
        kind="charge",
        amount=-cost,
        key=f"charge:{run.id}",
        reason=f"{plan.kept.height} {what}",
        run_id=run.id,
    )
    return True
