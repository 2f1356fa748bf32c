"""Uncertain messages: listed while nobody knows what became of them, and moved when somebody knows or decides.

The list is a hint, the message's state the truth: every move is one UPDATE of messages that are `uncertain`. Locks are
taken in the order runs, chunks, messages, list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import made_on
from models.rules.lifecycle import MESSAGE_MOVES, Channel, MessageState, sources_of
from models.rules.uncertainty import Decision
from models.session import driver

_NOTE = """
INSERT INTO uncertain_messages (message_id, made_on, organization_id, run_id, chunk_no, channel)
SELECT m.id, m.made_on, m.organization_id, m.run_id, n.chunk_no, m.channel
FROM messages m JOIN unnest(%(ids)s::uuid[], %(chunks)s::int[]) AS n (id, chunk_no) ON n.id = m.id
WHERE m.id = ANY(%(ids)s::uuid[]) AND m.made_on = ANY(%(days)s) AND m.state = 'uncertain'
ON CONFLICT (message_id) DO UPDATE
SET chunk_no = excluded.chunk_no, since = now(), judge_at = now(), is_held = false, decision = NULL
"""


def note(session: Session, messages: Mapping[UUID, int | None]) -> None:
    """List messages that have become uncertain, each with the chunk that counts it (None of a single message)."""
    if messages:
        values = {"ids": list(messages), "chunks": list(messages.values()), "days": _days(messages)}
        driver(session).execute(_NOTE, values, prepare=False)


def forget(session: Session, ids: Sequence[UUID]) -> None:
    """Take messages off the list that are not uncertain any more."""
    if ids:
        driver(session).execute("DELETE FROM uncertain_messages WHERE message_id = ANY(%s)", [list(ids)], prepare=False)


def sent_again(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the messages that were sent again after they had been uncertain."""
    rows = driver(session).execute(
        "SELECT id FROM messages WHERE id = ANY(%s) AND made_on = ANY(%s) AND resends > 0", [list(ids), _days(ids)]
    )
    return {row[0] for row in rows}


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An uncertain message, locked. `provider` is None where its sender died before it could say."""

    id: UUID
    organization_id: UUID
    run_id: UUID | None
    chunk_no: int | None
    channel: Channel
    recipient: str
    position: int
    cost: Decimal
    provider: str | None
    resends: int
    tried_on: date  # UTC
    policy: str | None
    decision: Decision | None
    is_ripe: bool  # its provider's time to answer is over


@dataclass(frozen=True, slots=True)
class Group:
    """Messages to judge in one transaction: of one run, or singles of any organization."""

    run_id: UUID | None
    organization_id: UUID
    channel: Channel
    ids: tuple[UUID, ...]


_DUE = """
SELECT run_id, organization_id, channel, array_agg(message_id ORDER BY message_id)
FROM (
    SELECT u.message_id, u.run_id, u.organization_id, u.channel
    FROM uncertain_messages u
    JOIN unnest(%(channels)s::text[], %(waits)s::float8[]) AS w (channel, seconds) ON w.channel = u.channel
    WHERE (NOT u.is_held OR u.decision IS NOT NULL) AND u.judge_at <= now()
      AND (u.decision IS NOT NULL OR u.since <= now() - make_interval(secs => w.seconds))
      AND (%(only)s::uuid IS NULL OR u.run_id = %(only)s OR u.message_id = %(only)s)
    ORDER BY u.judge_at, u.message_id LIMIT %(limit)s
) due
GROUP BY run_id, organization_id, channel
"""


def due_groups(
    session: Session, waits: Mapping[Channel, float], *, limit: int, only: UUID | None = None
) -> list[Group]:
    """At most `limit` messages that may be judged, oldest first, of all organizations; `only`: of that run, or
    that single message.

    `waits`: for how many seconds after a message became uncertain its provider may still answer. What people decided
    waits for nothing. Nothing is locked.
    """
    values = {
        "channels": [channel.value for channel in waits],
        "waits": list(waits.values()),
        "limit": limit,
        "only": only,
    }
    rows = driver(session).execute(_DUE, values)
    return [Group(run, organization, Channel(channel), tuple(ids)) for run, organization, channel, ids in rows]


def read_undecided(session: Session, ids: Sequence[UUID]) -> list[tuple[UUID, str, str | None]]:
    """Ids, recipients and providers of uncertain messages about which people decided nothing."""
    return (
        driver(session)
        .execute(
            """
            SELECT m.id, m.recipient, m.provider FROM messages m JOIN uncertain_messages u ON u.message_id = m.id
            WHERE m.id = ANY(%s) AND m.made_on = ANY(%s) AND m.state = 'uncertain' AND u.decision IS NULL
            ORDER BY m.id
            """,
            [list(ids), _days(ids)],
        )
        .fetchall()
    )


_LOCK = """
SELECT id FROM messages WHERE id = ANY(%(ids)s) AND made_on = ANY(%(days)s) AND state = 'uncertain'
ORDER BY id FOR UPDATE
"""
_READ = """
SELECT m.id, m.organization_id, m.run_id, u.chunk_no, m.channel, m.recipient, m.position, m.cost, m.provider, m.resends,
       (coalesce(m.first_tried_at, u.since) AT TIME ZONE 'UTC')::date, o.uncertain_policy, u.decision,
       u.since <= now() - make_interval(secs => %(wait)s)
FROM messages m JOIN uncertain_messages u ON u.message_id = m.id JOIN organizations o ON o.id = m.organization_id
WHERE m.id = ANY(%(ids)s) AND m.made_on = ANY(%(days)s)
ORDER BY m.id
"""


def lock_uncertain(session: Session, ids: Sequence[UUID], *, wait_seconds: float) -> list[Uncertain]:
    """Those of the messages that are still uncertain, locked; the others are taken off the list.

    The run's row must be locked.
    """
    values = {"ids": list(ids), "days": _days(ids), "wait": wait_seconds}
    connection = driver(session)
    locked = {row[0] for row in connection.execute(_LOCK, values)}
    forget(session, [id_ for id_ in ids if id_ not in locked])
    # In a statement of its own: one that waited for a lock sees other tables as they were before.
    rows = connection.execute(_READ, {**values, "ids": list(locked)}).fetchall() if locked else []
    return [_uncertain(row) for row in rows]


def _uncertain(row: tuple[Any, ...]) -> Uncertain:
    *before, channel, recipient, position, cost, provider, resends, tried_on, policy, decision, is_ripe = row
    id_, organization_id, run_id, chunk_no = before
    decided = None if decision is None else Decision(decision)
    known = (recipient, position, cost, provider, resends, tried_on, policy)
    return Uncertain(id_, organization_id, run_id, chunk_no, Channel(channel), *known, decided, is_ripe)


def look_again(session: Session, ids: Sequence[UUID], seconds: float) -> None:
    """Leave messages on the list as they are, and judge them so much later."""
    driver(session).execute(
        "UPDATE uncertain_messages SET judge_at = now() + make_interval(secs => %s) WHERE message_id = ANY(%s)",
        [seconds, list(ids)],
    )


def hold(session: Session, ids: Sequence[UUID]) -> None:
    """Leave messages uncertain until people or a report decide."""
    driver(session).execute(
        "UPDATE uncertain_messages SET is_held = true, decision = NULL WHERE message_id = ANY(%s)", [list(ids)]
    )


_MOVE = """
UPDATE messages
SET state = %(state)s, error_code = %(code)s, error_message = %(detail)s,
    sent_at = CASE WHEN %(state)s = 'accepted' THEN coalesce(first_tried_at, now()) END,
    resends = resends + %(resends)s, tries = CASE WHEN %(resends)s > 0 THEN greatest(tries, resends + 1) ELSE tries END,
    first_tried_at = CASE WHEN %(resends)s > 0 THEN now() ELSE first_tried_at END
WHERE id = ANY(%(ids)s) AND made_on = ANY(%(days)s) AND state = ANY(%(from)s) AND state = 'uncertain'
"""


def move(
    session: Session,
    messages: Sequence[Uncertain],
    target: MessageState,
    *,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Move locked uncertain messages to accepted, failed or planned (sent again: flagged), and off the list.

    What is sent again is tried for as long as anything else, from now on, however long it lay there.
    """
    ids = [message.id for message in messages]
    cursor = driver(session).execute(
        _MOVE,
        {
            "ids": ids,
            "days": _days(ids),
            "state": target.value,
            "code": code,
            "detail": detail,
            "resends": int(target is MessageState.PLANNED),
            "from": sources_of(MESSAGE_MOVES, target),
        },
    )
    assert cursor.rowcount == len(ids), f"{cursor.rowcount} of {len(ids)} messages were uncertain."
    forget(session, ids)


_COUNT = """
UPDATE chunks c
SET uncertain = c.uncertain - m.moved, accepted = c.accepted + m.accepted, failed = c.failed + m.failed,
    deferred = c.deferred + m.resent, refundable = c.refundable + m.refundable
FROM unnest(%(nos)s::int[], %(moved)s::int[], %(accepted)s::int[], %(failed)s::int[], %(resent)s::int[],
            %(refundable)s::numeric[]) AS m (no, moved, accepted, failed, resent, refundable)
WHERE c.run_id = %(run)s AND c.no = m.no
"""


def count_moved(session: Session, run_id: UUID, messages: Sequence[Uncertain], target: MessageState) -> None:
    """Move the counters of the run's chunks; what is sent again is moved on, as a deferred message is."""
    own: dict[int, list[Uncertain]] = {}
    for message in messages:
        assert message.chunk_no is not None, f"No chunk counts message {message.id}."
        own.setdefault(message.chunk_no, []).append(message)
    nos = sorted(own)
    counts = [len(own[no]) for no in nos]

    def of(state: MessageState) -> list[int]:
        return counts if target is state else [0] * len(nos)

    costs = [sum((message.cost for message in own[no]), Decimal(0)) for no in nos]
    connection = driver(session)
    connection.execute("SELECT FROM chunks WHERE run_id = %s AND no = ANY(%s) ORDER BY no FOR UPDATE", [run_id, nos])
    connection.execute(
        _COUNT,
        {
            "run": run_id,
            "nos": nos,
            "moved": counts,
            "accepted": of(MessageState.ACCEPTED),
            "failed": of(MessageState.FAILED),
            "resent": of(MessageState.PLANNED),
            "refundable": costs if target is MessageState.FAILED else [Decimal(0)] * len(nos),
        },
    )


_NEW_CHUNK = """
INSERT INTO chunks (run_id, no, organization_id, state, positions, size)
SELECT id, (SELECT max(no) + 1 FROM chunks WHERE run_id = r.id), organization_id, 'outbox', %(positions)s, %(size)s
FROM runs r WHERE id = %(run)s
RETURNING no
"""
FENCES_OF_A_SEND = 1_000_000
"""A row of the outbox that is made again has fences beyond those of the rows before it, whose couriers may live."""
_ENQUEUE = """
INSERT INTO outbox (message_id, organization_id, run_id, channel, chunk_no, fence)
SELECT m.id, m.organization_id, m.run_id, m.channel, %(chunk)s, m.resends * %(fences)s
FROM messages m WHERE m.id = ANY(%(ids)s) AND m.made_on = ANY(%(days)s)
"""


def enqueue_again(session: Session, run_id: UUID | None, messages: Sequence[Uncertain]) -> None:
    """Put messages into the outbox, those of a run (which is locked) in a chunk of their own, which counts them."""
    connection = driver(session)
    chunk_no = 0
    if run_id is not None:
        positions = sorted(message.position for message in messages)
        values = {"run": run_id, "positions": positions, "size": len(positions)}
        row = connection.execute(_NEW_CHUNK, values).fetchone()
        assert row is not None
        chunk_no = row[0]
    ids = [message.id for message in messages]
    connection.execute(_ENQUEUE, {"ids": ids, "days": _days(ids), "chunk": chunk_no, "fences": FENCES_OF_A_SEND})


def _days(ids: Iterable[UUID]) -> list[date]:
    return sorted({made_on(id_) for id_ in ids})
