"""Places in workers: a worker runs so many flows at once, and whoever has large campaigns could have all of them."""

from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.orm import Session

from models.rules.lifecycle import RunKind, RunState
from models.rules.pacing import PACED_BELOW
from models.store.runs import move_run
from models.tables import Run

# A flow starts in less; in a queue of Prefect's its run stays queued.
_WAITS_AFTER_SECONDS = 10.0
_SHARE_SECONDS = 60.0  # of an organization with one place, before it gives it up for a while

# Campaigns that nobody sends are left out: their flows have ended, and hold no place. Among those whose flow has
# broken and which the courier sends nobody gives way; so the longer others wait the more flows are asked.
_GIVES_WAY = text("""
WITH holding AS (
    SELECT r.id, r.organization_id, f.created_at,
           count(*) OVER (PARTITION BY r.organization_id) AS places
    FROM runs r
    JOIN LATERAL (SELECT max(created_at) AS created_at FROM run_flows
                  WHERE run_id = r.id AND epoch = r.epoch) f ON f.created_at IS NOT NULL
    WHERE r.state = 'sending' AND r.kind = :kind AND coalesce(r.send_rate_per_minute, :paced_below) >= :paced_below
      AND EXISTS (SELECT FROM chunks c WHERE c.run_id = r.id AND c.state = 'leased' AND c.lease_until >= now())
), waiting AS (
    SELECT extract(epoch FROM now() - min(since)) AS seconds FROM (
        -- What has a flow of its own, a campaign, an import, a domain to check, if Prefect knows of it.
        SELECT r.alive_at, r.organization_id FROM runs r
        WHERE r.state = 'queued' AND EXISTS (SELECT FROM run_flows f WHERE f.run_id = r.id AND f.epoch = r.epoch)
          AND NOT EXISTS (SELECT FROM runs p WHERE p.organization_id = r.organization_id AND p.state = 'planning')
        UNION ALL
        -- Bulk and batches, which one flow of their kind sends.
        SELECT c.created_at, r.organization_id FROM runs r JOIN chunks c ON c.run_id = r.id AND c.state = 'ready'
        WHERE r.state = 'sending' AND r.kind = ANY(:drained) AND (r.rest_until IS NULL OR r.rest_until < now())
          AND NOT EXISTS (
            SELECT FROM runs d JOIN chunks l ON l.run_id = d.id AND l.state = 'leased' AND l.lease_until >= now()
            WHERE d.kind = r.kind AND d.state = 'sending')
    ) AS found (since, organization_id)
    WHERE organization_id NOT IN (SELECT organization_id FROM holding)
), ranked AS (
    SELECT id, organization_id, row_number() OVER (ORDER BY places DESC, created_at, id) AS rank
    FROM holding WHERE places > 1 OR created_at < now() - make_interval(secs => :share)
)
SELECT w.seconds >= :after AND (:is_helper OR EXISTS (
    SELECT FROM ranked WHERE id = :run AND rank <= w.seconds / :after))
FROM waiting w
""")


def gives_way(session: Session, run_id: UUID, *, is_helper: bool = False) -> bool:
    """Whether a flow that sends this campaign is to end, since something of an organization without a place waits for
    one. Helpers go first; then campaigns of the organizations with most places, and then those that had theirs for
    longest, a minute at least."""
    values = {
        "run": run_id,
        "kind": RunKind.CAMPAIGN.value,
        "drained": [RunKind.BULK.value, RunKind.BATCH.value],
        "paced_below": PACED_BELOW,
        "share": _SHARE_SECONDS,
        "after": _WAITS_AFTER_SECONDS,
        "is_helper": is_helper,
    }
    return bool(session.execute(_GIVES_WAY, values).scalar_one())


def queue_again(session: Session, organization_id: UUID, run_id: UUID, epoch: int) -> bool:
    """Let the campaign wait for another place, one epoch later; False where it is no longer sent at this one."""
    return move_run(
        session,
        organization_id,
        run_id,
        RunState.QUEUED,
        Run.state == RunState.SENDING.value,
        Run.epoch == epoch,
        epoch=epoch + 1,
        alive_at=func.now(),
    )
