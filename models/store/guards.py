"""What guards look at: counters of campaigns that are being sent, never their messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from models.rules.guards import GuardLimits, Seen
from models.rules.lifecycle import RunKind, RunState
from models.store.organizations import audit, read_organization
from models.tables import Organization, Run


@dataclass(frozen=True, slots=True)
class Guarded:
    """A campaign's run that is being sent: its organization's limits, and what was seen since it was last resumed."""

    run_id: UUID
    organization_id: UUID
    campaign_id: UUID
    epoch: int
    limits: GuardLimits
    seen: Seen


# Chunks are summed as everywhere (a million messages are 200 of them); a run that has too few is left out.
_COUNTS = """
    SELECT coalesce(sum(c.accepted), 0) AS accepted, coalesce(sum(c.failed), 0) AS failed
    FROM chunks c WHERE c.run_id = r.id
"""
_TOTALS = """
    k.accepted, k.failed, r.total_delivered AS delivered, r.total_hard_bounced AS bounced,
    r.total_complained AS complained
"""
_GUARDED = text(f"""
    SELECT r.id, r.organization_id, r.campaign_id, r.epoch, r.guarded_from, {_TOTALS},
           o.guard_least, o.guard_failed_percent, o.guard_bounced_percent, o.guard_complained_percent
    FROM runs r JOIN organizations o ON o.id = r.organization_id CROSS JOIN LATERAL ({_COUNTS}) k
    WHERE r.state = :state AND r.kind = :kind AND k.accepted + k.failed >= o.guard_least
""")
_SEEN = text(f"SELECT {_TOTALS} FROM runs r CROSS JOIN LATERAL ({_COUNTS}) k WHERE r.id = :run")


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
        )
        for row in rows
    ]


def count_from_now(session: Session, run_id: UUID) -> None:
    """What was seen of the run until now is known to who resumes it: guards count from here on."""
    seen = _seen(session.execute(_SEEN, {"run": run_id}).one())
    known = {name: getattr(seen, name) for name in Seen.__dataclass_fields__}
    session.execute(update(Run).where(Run.id == run_id).values(guarded_from=known))


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
