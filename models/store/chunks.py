"""Chunks: leased, moved along, given back, made again for second tries.

Each function is one step of the protocol in docs/decisions/0004-chunks-and-uncertainty.md. Clocks are the database's.
Writes of a sender name its fence; under an older fence they change nothing and raise StaleLease.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import StaleLease
from models.rules import quiet_hours
from models.rules.ids import made_on, message_ids_text
from models.rules.lifecycle import RunState
from models.session import driver


@dataclass(frozen=True, slots=True)
class Lease:
    """A chunk that this sender has. `cursor`: how many of its messages were handed over, or may have been."""

    run_id: UUID
    organization_id: UUID
    no: int
    fence: int
    first_position: int
    positions: tuple[int, ...] | None
    size: int
    cursor: int
    taken_over: bool  # from a sender whose lease ran out
    uncertain: int  # messages that takeover made uncertain
    takeovers: int = 0  # senders in a row that died with it and recorded nothing
    probes: bool = False  # only to see whether the provider works again

    def message_ids(self, start: int, stop: int) -> str:
        """Ids of the chunk's messages start .. stop - 1, counted within the chunk, as Postgres writes a uuid[]."""
        if self.positions is not None:
            return message_ids_text(self.run_id, self.positions[start:stop])
        return message_ids_text(self.run_id, range(self.first_position + start, self.first_position + stop))


@dataclass(frozen=True, slots=True)
class Counts:
    """By how much a chunk's counters move."""

    accepted: int = 0
    failed: int = 0
    suppressed: int = 0
    cancelled: int = 0
    uncertain: int = 0
    deferred: int = 0

    @property
    def total(self) -> int:
        """Messages that were counted."""
        return self.accepted + self.failed + self.suppressed + self.cancelled + self.uncertain + self.deferred


_CLAIM = """
WITH free AS (
    SELECT c.run_id, c.no, c.state FROM chunks c
    WHERE c.run_id = %(run)s
      AND ((c.state = 'ready' AND NOT %(only_expired)s) OR (c.state = 'leased' AND c.lease_until < now()))
      AND EXISTS (SELECT 1 FROM runs r WHERE r.id = c.run_id AND r.state = %(run_state)s AND r.epoch = %(epoch)s)
    ORDER BY c.no LIMIT 1 FOR UPDATE OF c SKIP LOCKED
)
UPDATE chunks c
SET state = 'leased', fence = c.fence + 1, takeovers = c.takeovers + (free.state = 'leased')::int, leased_by = %(who)s,
    lease_until = now() + make_interval(secs => %(lease)s)
FROM free WHERE c.run_id = free.run_id AND c.no = free.no
RETURNING c.run_id, c.organization_id, c.no, c.fence, c.first_position, c.positions, c.size, c.cursor, c.recorded,
          free.state = 'leased' AS taken_over, c.takeovers
"""

# What a dead sender may have handed over and nobody recorded. Only what its cursor passed since the last record:
# an earlier message that is `planned` was deferred, and waits in another chunk for its second try. Nobody knows which
# account has it either: the one that deferred its first try need not be the one of its second.
_MARK_UNCERTAIN = """
WITH marked AS (
    UPDATE messages SET state = 'uncertain', error_code = 'uncertain', first_tried_at = coalesce(first_tried_at, now()),
                        provider = NULL,
                        error_message = 'Handed over by a sender that stopped before it could record the answer.'
    WHERE id = ANY(%(ids)s::uuid[]) AND made_on = %(made_on)s AND state = 'planned'
    RETURNING id, made_on, organization_id, run_id, channel
), listed AS (
    INSERT INTO uncertain_messages (message_id, made_on, organization_id, run_id, chunk_no, channel)
    SELECT id, made_on, organization_id, run_id, %(no)s, channel FROM marked
    ON CONFLICT (message_id) DO UPDATE
    SET chunk_no = excluded.chunk_no, since = now(), judge_at = now(), is_held = false, decision = NULL
)
UPDATE chunks SET uncertain = uncertain + (SELECT count(*) FROM marked), recorded = cursor
WHERE run_id = %(run)s AND no = %(no)s RETURNING (SELECT count(*) FROM marked)
"""


def claim_chunk(
    session: Session,
    run_id: UUID,
    epoch: int,
    *,
    who: str,
    lease_seconds: float,
    run_state: RunState = RunState.SENDING,
    only_expired: bool = False,
) -> Lease | None:
    """Lease the first free chunk of a run that is in `run_state` at this epoch; None when there is none.

    A chunk whose lease ran out is free: what its sender handed over without recording an answer becomes uncertain.
    `only_expired`: no other.
    """
    connection = driver(session)
    claim = {"run": run_id, "epoch": epoch, "who": who, "lease": lease_seconds}
    claim |= {"run_state": run_state.value, "only_expired": only_expired}
    row = connection.execute(_CLAIM, claim).fetchone()
    if row is None:
        return None
    run, organization, no, fence, first, positions, size, cursor, recorded, taken_over, takeovers = row
    lease = Lease(
        run,
        organization,
        no,
        fence,
        first,
        tuple(positions) if positions else None,
        size,
        cursor,
        taken_over,
        uncertain=0,
        takeovers=takeovers,
    )
    if recorded == cursor:  # always, where the chunk was given back
        return lease
    mark = {"ids": lease.message_ids(recorded, cursor), "made_on": made_on(run_id), "run": run_id, "no": no}
    marked = connection.execute(_MARK_UNCERTAIN, mark).fetchone()
    assert marked is not None
    return replace(lease, uncertain=int(marked[0]))


_ADVANCE = """
UPDATE chunks SET cursor = %(cursor)s, recorded = recorded + %(results)s, state = %(state)s,
    accepted = accepted + %(accepted)s, failed = failed + %(failed)s, suppressed = suppressed + %(suppressed)s,
    uncertain = uncertain + %(uncertain)s, deferred = deferred + %(deferred)s, cancelled = cancelled + %(cancelled)s,
    refundable = refundable + %(refundable)s, takeovers = CASE WHEN %(results)s > 0 THEN 0 ELSE takeovers END,
    lease_until = CASE WHEN %(state)s = 'leased' THEN lease_until END
WHERE run_id = %(run)s AND no = %(no)s AND fence = %(fence)s AND state = 'leased'
RETURNING recorded
"""


def advance(
    session: Session, lease: Lease, *, cursor: int, counts: Counts, refundable: object = 0, state: str = "leased"
) -> int:
    """Move the cursor and the counters; with `state` ready or done the lease ends. Raises StaleLease.

    Returns how many of the chunk's messages are recorded then.

    Call it before anything else in its transaction: its row lock is what keeps a takeover out until the commit.
    """
    row = (
        driver(session)
        .execute(
            _ADVANCE,
            {
                "cursor": cursor,
                "results": counts.total,
                "state": state,
                "accepted": counts.accepted,
                "failed": counts.failed,
                "suppressed": counts.suppressed,
                "cancelled": counts.cancelled,
                "uncertain": counts.uncertain,
                "deferred": counts.deferred,
                "refundable": refundable,
                "run": lease.run_id,
                "no": lease.no,
                "fence": lease.fence,
            },
        )
        .fetchone()
    )
    if row is None:
        raise StaleLease(f"Chunk {lease.no} of run {lease.run_id} is another sender's by now.")
    return int(row[0])


def recorded_under(session: Session, lease: Lease) -> int | None:
    """How many of the chunk's messages are recorded, if this is still its last lease; locks the chunk."""
    row = (
        driver(session)
        .execute(
            "SELECT recorded FROM chunks WHERE run_id = %s AND no = %s AND fence = %s FOR UPDATE",
            [lease.run_id, lease.no, lease.fence],
        )
        .fetchone()
    )
    return None if row is None else int(row[0])


def lock_chunk(session: Session, lease: Lease) -> None:
    """Lock the chunk's row whatever its fence: for late evidence, which must not race with a takeover."""
    driver(session).execute("SELECT 1 FROM chunks WHERE run_id = %s AND no = %s FOR UPDATE", [lease.run_id, lease.no])


def adjust(session: Session, lease: Lease, counts: Counts, refundable: object = 0) -> None:
    """Move the counters by evidence that came late, whoever has the chunk."""
    driver(session).execute(
        """
        UPDATE chunks SET accepted = accepted + %s, failed = failed + %s, uncertain = uncertain + %s,
                          refundable = refundable + %s
        WHERE run_id = %s AND no = %s
        """,
        [counts.accepted, counts.failed, counts.uncertain, refundable, lease.run_id, lease.no],
    )


_REQUEUE = """
WITH due AS (
    SELECT d.run_id, d.position FROM deferrals d
    WHERE d.run_id = %(run)s AND (d.retry_at <= now() OR %(all)s)
    ORDER BY d.position LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM deferrals d USING due WHERE d.run_id = due.run_id AND d.position = due.position
    RETURNING d.position
)
INSERT INTO chunks (run_id, no, organization_id, positions, size)
SELECT r.id, (SELECT coalesce(max(no) + 1, 0) FROM chunks WHERE run_id = r.id), r.organization_id,
       array_agg(taken.position ORDER BY taken.position), count(*)
FROM taken, runs r WHERE r.id = %(run)s
GROUP BY r.id, r.organization_id
RETURNING positions
"""


def requeue_due(session: Session, run_id: UUID, *, limit: int, run_state: RunState = RunState.SENDING) -> int:
    """Move due deferred messages of a run in `run_state` into a new chunk, at most `limit`; returns how many.

    Of a closing run all are due: they are moved to be cancelled. For those that waited in quiet hours the day of tries
    begins when these end.
    """
    connection = driver(session)
    # The run's row lock makes one caller at a time choose the new chunk's number, and keeps a cancel out.
    locked = connection.execute(
        "SELECT 1 FROM runs WHERE id = %s AND state = %s FOR NO KEY UPDATE", [run_id, run_state.value]
    ).fetchone()
    if locked is None:
        return 0
    everything = run_state is RunState.CLOSING
    row = connection.execute(_REQUEUE, {"run": run_id, "limit": limit, "all": everything}).fetchone()
    if row is None:
        return 0
    connection.execute(
        """
        UPDATE messages
        SET state = 'planned', first_tried_at = CASE WHEN error_code = %s THEN NULL ELSE first_tried_at END
        WHERE id = ANY(%s::uuid[]) AND made_on = %s AND state = 'deferred'
        """,
        [quiet_hours.CODE, message_ids_text(run_id, row[0]), made_on(run_id)],
    )
    return len(row[0])


@dataclass(frozen=True, slots=True)
class Open:
    """What of a run is not finished."""

    ready: int  # chunks that nobody has, those of dead senders included
    leased: int  # chunks that a living sender has
    in_outbox: int  # chunks whose messages the courier sends, one by one
    deferred: int  # messages that wait for another try
    next_retry_seconds: float | None


def open_work(session: Session, run_id: UUID) -> Open:
    """What is left of a run."""
    row = (
        driver(session)
        .execute(
            """
        SELECT count(*) FILTER (WHERE state = 'ready' OR (state = 'leased' AND lease_until < now())),
               count(*) FILTER (WHERE state = 'leased' AND lease_until >= now()),
               count(*) FILTER (WHERE state = 'outbox'),
               (SELECT count(*) FROM deferrals WHERE run_id = %(run)s),
               (SELECT extract(epoch FROM min(retry_at) - now()) FROM deferrals WHERE run_id = %(run)s)
        FROM chunks WHERE run_id = %(run)s
        """,
            {"run": run_id},
        )
        .fetchone()
    )
    assert row is not None
    return Open(row[0], row[1], row[2], row[3], None if row[4] is None else float(row[4]))
