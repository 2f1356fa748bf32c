"""The outbox: messages that the courier sends itself, singles and those of small runs.

A row is claimed in a transaction of its own before its message is handed over, so that this commit is the journal of
intent: a claim that ran out, of a courier that is gone, may have been handed over. Writes name the claim's fence; under
an older one they change nothing. Clocks are the database's. Locks are taken in the order outbox, messages, chunks,
organizations, and within each by id.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.orm import Session

from models.rules.ids import made_on
from models.rules.lifecycle import RunKind
from models.session import Database, driver
from models.store.messages import PlannedMessage
from models.store.outbox_clearance import IS_SUPPRESSED, RESENT
from models.store.outbox_counts import Place
from models.store.resent import Resent, read_resent
from models.store.uncertain import FENCES_OF_A_SEND, note

_NOTIFIED = "outbox"
_LISTEN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this courier has claimed. `had_by`: of one that is sent again since it was uncertain, the account
    that had it, where that is known."""

    organization_id: UUID
    run_id: UUID | None
    fence: int
    chunk_no: int  # the chunk of its run that counts it
    cost: Decimal
    is_suppressed: bool  # when it was claimed
    resent: Resent | None
    message: PlannedMessage
    had_by: str | None = None

    @property
    def counted_in(self) -> Place | None:
        """The chunk that counts it; None of a single message."""
        return None if self.run_id is None else (self.run_id, self.chunk_no)

    @property
    def send(self) -> int:
        """Which send of the message it is: how often it had been sent again."""
        return self.fence // FENCES_OF_A_SEND

    @property
    def is_of_campaign(self) -> bool:
        """Whether its text has merge tags, as a campaign's has; other texts are literal."""
        return self.resent is not None and self.resent.kind is RunKind.CAMPAIGN


# A loose scan of the index finds the organizations that have rows, and they take turns: one that has thousands waiting
# holds up nobody who has one. Of each only some rows are looked at, so that a look stays cheap when there are many
# organizations. What others have locked is theirs already.
_CLAIM = """
WITH RECURSIVE waiting (organization_id) AS (
    (SELECT organization_id FROM outbox WHERE channel = %(channel)s ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (SELECT o.organization_id FROM outbox o
            WHERE o.channel = %(channel)s AND o.organization_id > w.organization_id
            ORDER BY o.organization_id LIMIT 1)
    FROM waiting w WHERE w.organization_id IS NOT NULL
), due AS (
    SELECT own.message_id, own.turn
    FROM (SELECT organization_id FROM waiting
          WHERE (%(only)s::uuid[] IS NULL OR organization_id = ANY(%(only)s::uuid[]))
            AND organization_id <> ALL(%(without)s::uuid[])) w
    CROSS JOIN LATERAL (
        SELECT message_id, row_number() OVER (ORDER BY due_at) AS turn
        FROM (
            SELECT message_id, due_at FROM outbox
            WHERE channel = %(channel)s AND organization_id = w.organization_id
              AND due_at <= now() AND claimed_until IS NULL
            ORDER BY due_at
            LIMIT (SELECT least(%(limit)s, greatest(%(least)s, 4 * %(limit)s / greatest(1, count(*)))) FROM waiting)
        ) oldest
    ) own
    ORDER BY own.turn LIMIT %(limit)s
), free AS (
    SELECT o.message_id FROM outbox o
    WHERE o.message_id = ANY(ARRAY(SELECT message_id FROM due)) AND o.claimed_until IS NULL
    FOR UPDATE SKIP LOCKED
)
UPDATE outbox o
SET claimed_until = now() + make_interval(secs => %(seconds)s), claimed_by = %(who)s, fence = o.fence + 1
FROM free WHERE o.message_id = free.message_id
RETURNING o.message_id, o.organization_id, o.run_id, o.fence, o.chunk_no
"""
_LEAST_OF_ONE = 20

_TRY_AGAIN = """
UPDATE messages SET state = 'planned'
WHERE id = ANY(%(ids)s) AND made_on = ANY(%(days)s) AND state = 'deferred'
"""

_READ = f"""
SELECT m.id, m.position, m.recipient, m.variables::text, m.tries,
       coalesce(extract(epoch FROM now() - m.first_tried_at) / 3600, 0)::float, m.content_id, m.to_name, m.cost,
       {IS_SUPPRESSED}, {RESENT}, CASE WHEN m.resends > 0 THEN m.provider END
FROM messages m WHERE m.id = ANY(%(ids)s) AND m.made_on = ANY(%(days)s) AND m.state = 'planned'
ORDER BY m.id
"""  # noqa: S608


def claim(
    session: Session,
    channel: str,
    *,
    who: str,
    seconds: float,
    limit: int,
    only: Collection[UUID] | None = None,
    without: Collection[UUID] = (),
) -> list[Claimed]:
    """Claim at most `limit` messages that are due, of all organizations in turn, and read them; in the order of ids.

    `only` of some organizations, or `without` some. Nothing may be handed over before the transaction is committed.
    """
    connection = driver(session)
    rows = connection.execute(
        _CLAIM,
        {
            "channel": channel,
            "who": who,
            "seconds": seconds,
            "limit": limit,
            "least": min(limit, _LEAST_OF_ONE),
            "only": None if only is None else list(only),
            "without": list(without),
        },
        prepare=False,  # the table is empty at one moment and long at the next: a kept plan is right for one of them
    ).fetchall()
    if not rows:
        return []
    claims = {row[0]: row[1:] for row in rows}
    parameters = {"ids": list(claims), "days": _days(list(claims))}
    connection.execute(_TRY_AGAIN, parameters, prepare=False)
    found = connection.execute(_READ, parameters, prepare=False, binary=True).fetchall()
    remove(session, [id_ for id_ in claims if id_ not in {row[0] for row in found}])  # decided: nothing to send
    return [_claimed(claims[row[0]], row) for row in found]


def _claimed(own: tuple[Any, ...], row: tuple[Any, ...]) -> Claimed:
    resent = None if row[10] is None else read_resent(*row[10])
    organization_id, run_id, fence, chunk_no = own
    message = PlannedMessage(*row[:8])
    return Claimed(organization_id, run_id, fence, chunk_no, row[8], row[9], resent, message, row[11])


def is_due(connection: psycopg.Connection, channel: str) -> bool:
    """Whether there is anything to claim: a tenth of the work of claiming nothing."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM outbox WHERE channel = %s AND due_at <= now() AND claimed_until IS NULL)", [channel]
    ).fetchone()
    assert row is not None
    return bool(row[0])


def renew(connection: psycopg.Connection, claims: Sequence[Claimed], seconds: float) -> int:
    """Renew the claims that are still these; returns how many were. Raises psycopg's errors when Postgres is away."""
    cursor = connection.execute(
        """
        UPDATE outbox o SET claimed_until = now() + make_interval(secs => %s)
        FROM (SELECT * FROM unnest(%s::uuid[], %s::int[]) AS x (id, fence)) c
        WHERE o.message_id = c.id AND o.fence = c.fence AND o.claimed_until IS NOT NULL
        """,
        [seconds, [claimed.message.id for claimed in claims], [claimed.fence for claimed in claims]],
    )
    return cursor.rowcount


def lock_claims(session: Session, claims: Sequence[Claimed]) -> set[UUID]:
    """Those of the claims that are still these, locked until the transaction ends."""
    rows = driver(session).execute(
        """
        SELECT o.message_id FROM outbox o JOIN unnest(%s::uuid[], %s::int[]) AS c (id, fence) ON o.message_id = c.id
        WHERE o.fence = c.fence AND o.claimed_until IS NOT NULL
        ORDER BY o.message_id FOR UPDATE OF o
        """,
        [[claimed.message.id for claimed in claims], [claimed.fence for claimed in claims]],
        prepare=False,
    )
    return {row[0] for row in rows}


def remove(session: Session, ids: Sequence[UUID]) -> None:
    """Take messages out: their outcome is known, or nobody will know it."""
    if ids:
        driver(session).execute("DELETE FROM outbox WHERE message_id = ANY(%s)", [list(ids)], prepare=False)


def put_off(session: Session, waits: Mapping[UUID, float]) -> None:
    """Give claims up: each message is due again after so many seconds."""
    if waits:
        driver(session).execute(
            """
            UPDATE outbox o SET claimed_until = NULL, claimed_by = NULL,
                                due_at = CASE WHEN w.seconds > 0 THEN now() + make_interval(secs => w.seconds)
                                              ELSE o.due_at END
            FROM unnest(%s::uuid[], %s::float8[]) AS w (id, seconds) WHERE o.message_id = w.id
            """,
            [list(waits), list(waits.values())],
            prepare=False,
        )


def release(session: Session, names: Sequence[str]) -> None:
    """Give back what was claimed under these names and nobody heard of: the answer to a commit may get lost."""
    if names:
        driver(session).execute(
            "UPDATE outbox SET claimed_until = NULL, claimed_by = NULL WHERE claimed_by = ANY(%s)", [list(names)]
        )


@dataclass(frozen=True, slots=True)
class Lost:
    """A message whose courier is gone, and which may have been handed over."""

    message_id: UUID
    counted_in: Place | None


def take_lost(session: Session, *, limit: int) -> list[Lost]:
    """Take messages out whose claim ran out, and flag them as uncertain; those that were decided are left out.

    Nobody knows which account may have one, unless it was sent again to the account that had it.
    """
    connection = driver(session)
    rows = connection.execute(
        """
        DELETE FROM outbox WHERE message_id IN (
            SELECT message_id FROM outbox WHERE claimed_until < now() ORDER BY message_id LIMIT %s
            FOR UPDATE SKIP LOCKED)
        RETURNING message_id, run_id, chunk_no
        """,
        [limit],
    ).fetchall()
    places = {row[0]: None if row[1] is None else (row[1], row[2]) for row in rows}
    if not places:
        return []
    flagged = connection.execute(
        """
        UPDATE messages SET state = 'uncertain', error_code = 'uncertain',
                            first_tried_at = coalesce(first_tried_at, now()),
                            provider = CASE WHEN resends > 0 THEN provider END,
                            error_message = 'Handed over by a courier that stopped before it could record the answer.'
        WHERE id = ANY(%s) AND made_on = ANY(%s) AND state = 'planned' RETURNING id
        """,
        [list(places), _days(list(places))],
    ).fetchall()
    lost = [Lost(row[0], places[row[0]]) for row in flagged]
    note(session, {each.message_id: each.counted_in and each.counted_in[1] for each in lost})
    return lost


def uncertain_sends(session: Session, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Of which send those of the messages are uncertain that are; all are locked until the transaction ends."""
    rows = driver(session).execute(
        "SELECT id, resends, state FROM messages WHERE id = ANY(%s) AND made_on = ANY(%s) ORDER BY id FOR UPDATE",
        [list(ids), _days(ids)],
    )
    return {id_: resends for id_, resends, state in rows if state == "uncertain"}


def notify(database: Database) -> None:
    """Tell couriers that there is something in the outbox.

    In a transaction of its own: one that notifies holds a lock of the whole server while it commits.
    """
    with database.for_request() as connection:  # whose rows it would be shown does not matter
        driver(connection).execute(f"NOTIFY {_NOTIFIED}".encode(), prepare=False)


def listen(connection: psycopg.Connection) -> Iterator[bool]:
    """True for each time that somebody notified; False after a second without."""
    connection.execute(f"LISTEN {_NOTIFIED}")
    while True:
        heard = list(connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1))
        yield bool(heard)


def _days(ids: Sequence[UUID]) -> list[date]:
    return sorted({made_on(id_) for id_ in ids})
