"""Counts kept beside what they count, so that nobody scans messages for them.

Several senders count at once. A row for each of 16 shards keeps them from queueing for one another; which shard it is
follows from the connection. See docs/decisions/0012-rollups.md.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from models.session import driver

_SENT = """
INSERT INTO daily_counts (organization_id, channel, day, shard, sent)
VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date, pg_backend_pid() %% 16, %s)
ON CONFLICT (organization_id, channel, day, shard) DO UPDATE SET sent = daily_counts.sent + excluded.sent
"""


def count_sent(session: Session, organization_id: UUID, channel: str, accepted: int) -> None:
    """Count messages that a provider accepted: today's, as their `sent_at` is now() of the same transaction."""
    if accepted:
        driver(session).execute(_SENT, [organization_id, channel, accepted])
