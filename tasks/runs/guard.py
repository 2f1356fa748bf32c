"""Campaigns that pause themselves, since too much of what they send goes wrong."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import IllegalState
from models.rules.guards import reason_of_deaths, reason_to_pause
from models.session import Database
from models.store.campaign_states import lock_campaign
from models.store.guards import Guarded, guarded_runs
from models.store.organizations import audit
from models.store.runs import read_run
from tasks.runs.control import pause_campaign

ACTOR = "guard"


@dataclass(frozen=True, slots=True)
class Paused:
    """A campaign that paused itself, and why."""

    campaign_id: UUID
    reason: str


def pause_failing(database: Database) -> list[Paused]:
    """Pause each campaign of which too much goes wrong. Any number of callers may try at once: one of them pauses."""
    with database.transaction(None) as session:
        guarded = guarded_runs(session)
    paused = []
    for run in guarded:
        reason = reason_to_pause(run.limits, run.seen) or reason_of_deaths(run.takeovers)
        if reason is None:
            continue
        with database.transaction(None) as session:
            if _pause(session, run, reason):
                paused.append(Paused(run.campaign_id, reason))
    return paused


def _pause(session: Session, run: Guarded, reason: str) -> bool:
    lock_campaign(session, run.organization_id, run.campaign_id)
    if read_run(session, run.organization_id, run.run_id).epoch != run.epoch:
        return False  # somebody resumed it since: what was seen before counts no more
    try:
        pause_campaign(session, run.organization_id, run.campaign_id, reason=reason)
    except IllegalState:
        return False
    audit(
        session,
        run.organization_id,
        actor=ACTOR,
        action="campaign.paused",
        subject=str(run.campaign_id),
        details={"reason": reason},
    )
    return True
