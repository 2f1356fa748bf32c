"""What is to be known of a message of the outbox at its hand-over: who opted out, and whether its run still sends."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import made_on
from models.session import driver
from models.store.resent import Resent, read_resent

IS_SUPPRESSED = """
EXISTS (SELECT 1 FROM suppressions s
        WHERE s.organization_id = m.organization_id AND s.channel = m.channel AND s.recipient = m.recipient
          AND (s.expires_at IS NULL OR s.expires_at > now()))
"""
"""Of a message `m`."""

RESENT = """
CASE WHEN m.resends > 0 THEN (
    SELECT ARRAY[r.kind, r.state, r.quiet_hours::text, extract(epoch FROM now())::text] FROM runs r
    WHERE r.id = m.run_id) END
"""
"""What `read_resent` reads, of a message `m`; NULL of one that is sent for the first time, or is of no run."""

_READ = f"""
SELECT m.id, {IS_SUPPRESSED}, {RESENT}
FROM messages m WHERE m.id = ANY(%(ids)s) AND m.made_on = ANY(%(days)s) AND m.state = 'planned'
"""  # noqa: S608


def read_clearance(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[bool, Resent | None]]:
    """Of those that are to be sent still: whether the recipient is suppressed, and what is known of the run of one that
    is sent again."""
    days = sorted({made_on(id_) for id_ in ids})
    rows = driver(session).execute(_READ, {"ids": list(ids), "days": days}, prepare=False)
    return {id_: (is_suppressed, None if run is None else read_resent(*run)) for id_, is_suppressed, run in rows}
