"""Counters of the chunks whose messages are in the outbox."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.session import driver
from models.store.chunks import Counts

Place = tuple[UUID, int]
"""A chunk: its run and its number."""


def count_decided(session: Session, decided: Mapping[Place, tuple[Counts, Decimal]]) -> None:
    """Move the counters of chunks whose messages are in the outbox, by what was decided of them and what of it is
    refundable.

    Such a chunk is done when all of it is decided. Evidence that came late (`Counts` that add up to nothing) moves
    counters to and fro.
    """
    if not decided:
        return
    places = sorted(decided)
    connection = driver(session)
    where = {"runs": [run for run, _ in places], "chunks": [no for _, no in places]}
    connection.execute(_LOCK_CHUNKS, where)
    counts = [decided[place][0] for place in places]
    connection.execute(
        _COUNT,
        {
            **where,
            "decided": [count.total for count in counts],
            "accepted": [count.accepted for count in counts],
            "failed": [count.failed for count in counts],
            "suppressed": [count.suppressed for count in counts],
            "cancelled": [count.cancelled for count in counts],
            "uncertain": [count.uncertain for count in counts],
            "refundable": [decided[place][1] for place in places],
        },
    )


_LOCK_CHUNKS = """
SELECT 1 FROM chunks WHERE (run_id, no) IN (SELECT * FROM unnest(%(runs)s::uuid[], %(chunks)s::int[]))
ORDER BY run_id, no FOR UPDATE
"""

_COUNT = """
UPDATE chunks c
SET cursor = c.cursor + m.decided, recorded = c.recorded + m.decided, accepted = c.accepted + m.accepted,
    failed = c.failed + m.failed, suppressed = c.suppressed + m.suppressed, cancelled = c.cancelled + m.cancelled,
    uncertain = c.uncertain + m.uncertain, refundable = c.refundable + m.refundable,
    state = CASE WHEN c.recorded + m.decided = c.size THEN 'done' ELSE c.state END
FROM unnest(%(runs)s::uuid[], %(chunks)s::int[], %(decided)s::int[], %(accepted)s::int[], %(failed)s::int[],
            %(suppressed)s::int[], %(cancelled)s::int[], %(uncertain)s::int[], %(refundable)s::numeric[])
    AS m (run_id, no, decided, accepted, failed, suppressed, cancelled, uncertain, refundable)
WHERE c.run_id = m.run_id AND c.no = m.no
"""
