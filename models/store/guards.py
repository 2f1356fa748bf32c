"""What guards look at: counters of campaigns that are being sent, never their messages."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models.rules.guards import GuardLimits, Seen
from models.rules.lifecycle import RunKind, RunState
from models.store.organizations import audit, read_organization
from models.store.runs import campaign_totals
from models.tables import Chunk, Organization, Run


@dataclass(frozen=True, slots=True)
class Guarded:
    """A campaign's run that is being sent: its organization's limits, and what was seen since it was last resumed."""

    run_id: UUID
    organization_id: UUID
    campaign_id: UUID
    epoch: int
    limits: GuardLimits
    seen: Seen
    takeovers: int  # of the chunk whose senders died most often in a row


# Chunks are summed as everywhere (a million messages are 200 of them); a run that has too few is left out.
_GUARDED = text("""
    SELECT r.id, r.organization_id, r.campaign_id, r.epoch, r.guarded_from, k.accepted, k.failed, k.takeovers,
           r.total_delivered AS delivered, r.total_hard_bounced AS bounced, r.total_complained AS complained,
           o.guard_least, o.guard_failed_percent, o.guard_bounced_percent, o.guard_complained_percent
    FROM runs r JOIN organizations o ON o.id = r.organization_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(c.accepted), 0) AS accepted, coalesce(sum(c.failed), 0) AS failed,
               coalesce(max(c.takeovers), 0) AS takeovers
        FROM chunks c WHERE c.run_id = r.id
    ) k
    WHERE r.state = :state AND r.kind = :kind AND (k.accepted + k.failed >= o.guard_least OR k.takeovers > 1)
""")


def guarded_runs(session: Session) -> Sequence[Guarded]:
    """Campaigns that are being sent, and handed over enough to be judged. For the engine, over all organizations."""
    rows = session.execute(_GUARDED, {"state": RunState.SENDING.value, "kind": RunKind.CAMPAIGN.value})
    return [
        Guarded(
            row.id,
            row.organization_id,
            row.campaign_id,
            row.epoch,
            GuardLimits(
                row.guard_least, row.guard_failed_percent, row.guard_bounced_percent, row.guard_complained_percent
            ),
            _seen(row).since(Seen(**(row.guarded_from or {}))),
            row.takeovers,
        )
        for row in rows
    ]


def count_from_now(session: Session, organization_id: UUID, run_id: UUID) -> None:
    """What was seen of the run until now is known to who resumes it: guards count from here on."""
    totals = campaign_totals(session, organization_id, [run_id])[run_id]
    hard = select(Run.total_hard_bounced).where(Run.id == run_id)
    seen = Seen(totals.sent, totals.failed, totals.delivered, session.execute(hard).scalar_one(), totals.complained)
    session.execute(update(Run).where(Run.id == run_id).values(guarded_from=asdict(seen)))
    session.execute(update(Chunk).where(Chunk.run_id == run_id, Chunk.takeovers > 0).values(takeovers=0))


def _seen(row: Any) -> Seen:
    return Seen(row.accepted, row.failed, row.delivered, row.bounced, row.complained)


def set_limits(session: Session, organization_id: UUID, limits: GuardLimits, *, actor: str) -> None:
    """When the organization's campaigns pause themselves from now on; audited. Raises NotFound."""
    organization: Organization = read_organization(session, organization_id)
    organization.guard_least = limits.least
    organization.guard_failed_percent = limits.failed_percent
    organization.guard_bounced_percent = limits.bounced_percent
    organization.guard_complained_percent = limits.complained_percent
    names = GuardLimits.__dataclass_fields__
    details = {name: None if (value := getattr(limits, name)) is None else str(value) for name in names}
    audit(
        session,
        organization_id,
        actor=actor,
        action="organization.guards_changed",
        subject=str(organization_id),
        details=details,
    )
