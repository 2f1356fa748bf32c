"""Closing a run: nothing is left to send, so refund what no provider has and say how it ended."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from models.rules.lifecycle import CampaignStatus, Channel, RunState
from models.session import Database
from models.store import chunks
from models.store.campaign_states import find_campaign, lock_campaign, move_campaign
from models.store.messages import cancel_chunk
from models.store.runs import find_run, lock_run, move_run, release_hold, settle_run
from models.tables import Run

_REQUEUE_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Closed:
    """How a run ended, and what was refunded by this call."""

    state: RunState
    refunded: Decimal


def close_run(database: Database, run_id: UUID) -> Closed | None:
    """End the run if nothing of it is left to send; None while there is. Any number of callers may try at once."""
    with database.transaction(None) as session:
        run = find_run(session, run_id)
    if run.state == RunState.CLOSING.value:
        _cancel_unsent(database, run)
    with database.transaction(None) as session:
        if run.campaign_id is not None:
            # Campaign before run, as pause and cancel lock them: else one of us ends alone, or both in a deadlock.
            lock_campaign(session, run.organization_id, run.campaign_id)
        run = lock_run(session, run.organization_id, run_id)
        if run.state not in (RunState.SENDING, RunState.CLOSING):
            return None
        left = chunks.open_work(session, run_id)
        if left.ready or left.leased or left.in_outbox or left.deferred:
            return None
        return _end(session, run)


def _cancel_unsent(database: Database, run: Run) -> None:
    """Cancel what nobody has handed over, chunk by chunk; chunks that a living sender has are its to give back."""
    while True:
        with database.transaction(None) as session:
            lease = chunks.claim_chunk(
                session, run.id, run.epoch, who="close", lease_seconds=60, run_state=RunState.CLOSING
            )
            if lease is not None:
                cancel_chunk(session, lease)
                continue
            if chunks.requeue_due(session, run.id, limit=_REQUEUE_ROWS, run_state=RunState.CLOSING) == 0:
                return


def _end(session: Session, run: Run) -> Closed:
    refunded = settle_run(session, run) if run.planned_at is not None else Decimal(0)
    if run.planned_at is None:
        release_hold(session, run)
    if run.state == RunState.SENDING.value:
        target = RunState.COMPLETED
    else:
        target = RunState.FAILED if run.failure_code else RunState.CANCELLED
    moved = move_run(session, run.organization_id, run.id, target, finished_at=func.now())
    assert moved, f"Run {run.id} could not move from {run.state} to {target}."
    if run.campaign_id is not None and target is RunState.COMPLETED:
        _end_campaign(session, run.organization_id, run.campaign_id)
    return Closed(target, refunded)


def _end_campaign(session: Session, organization_id: UUID, campaign_id: UUID) -> None:
    """All is handed over. Of SMS the final reports are still to come: the courier completes the campaign then."""
    if find_campaign(session, campaign_id).channel == Channel.SMS:
        move_campaign(session, organization_id, campaign_id, CampaignStatus.SENT)
    else:
        move_campaign(session, organization_id, campaign_id, CampaignStatus.COMPLETED, completed_at=func.now())
