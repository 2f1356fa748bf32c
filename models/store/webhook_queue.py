"""The queue of webhooks, as couriers work on it: claimed under a lease, recorded under the claim's fence.

An event is told at least once: of a courier that is gone the claims run out, and somebody tells it again under the same
id. Clocks are the database's. Of endpoints' rows, those of one transaction are locked in the order of ids.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.webhooks import ATTEMPTS_SHOWN, GIVEN_UP_DAYS, KEPT_DAYS, DeliveryStatus, rest_seconds
from models.session import driver
from models.store.organizations import audit


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """An event that this courier tells an endpoint."""

    endpoint_id: UUID
    id: UUID
    organization_id: UUID
    event_id: UUID
    payload: str
    tries: int
    fence: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a claimed event goes. `secrets` are encrypted, the newest first."""

    url: str
    secrets: tuple[bytes, ...]


# The endpoints for which something waits, by a loose scan of the index.
_WAITING = """
WITH RECURSIVE waiting (endpoint_id) AS (
    (SELECT endpoint_id FROM webhook_deliveries WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_deliveries d
            WHERE d.status = 'pending' AND d.endpoint_id > w.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting w WHERE w.endpoint_id IS NOT NULL
)"""

# They take turns. Of each only some rows are looked at, and one that fails gets one event at a time: with its time-outs
# it must not have more of the places than the others.
_CLAIM = f"""{_WAITING}, due AS (
    SELECT own.endpoint_id, own.id, own.turn
    FROM waiting w
    JOIN webhook_endpoints e ON e.id = w.endpoint_id AND e.is_active AND coalesce(e.rest_until <= now(), true)
    CROSS JOIN LATERAL (
        SELECT oldest.endpoint_id, oldest.id, row_number() OVER (ORDER BY oldest.due_at, oldest.id) AS turn
        FROM (
            SELECT d.endpoint_id, d.id, d.due_at FROM webhook_deliveries d
            WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.due_at <= now()
              AND coalesce(d.claimed_until < now(), true)
            ORDER BY d.due_at
            LIMIT greatest(0, CASE WHEN e.failures > 0 THEN 1 ELSE %(per_endpoint)s END
                              - (SELECT count(*) FROM webhook_deliveries c
                                 WHERE c.endpoint_id = e.id AND c.claimed_until >= now()))
        ) oldest
    ) own
    ORDER BY own.turn LIMIT %(limit)s
), free AS (
    SELECT d.endpoint_id, d.id FROM webhook_deliveries d
    JOIN due ON due.endpoint_id = d.endpoint_id AND due.id = d.id
    WHERE d.status = 'pending' AND coalesce(d.claimed_until < now(), true)
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d
SET claimed_until = now() + make_interval(secs => %(seconds)s), fence = d.fence + 1
FROM free WHERE d.endpoint_id = free.endpoint_id AND d.id = free.id
RETURNING d.endpoint_id, d.id, d.organization_id, d.event_id, d.payload, d.tries, d.fence
"""  # noqa: S608 a part of ours


def claim(
    session: Session, *, seconds: float, limit: int, per_endpoint: int
) -> tuple[list[ClaimedDelivery], dict[UUID, Destination]]:
    """Claim at most `limit` events that are due, of all endpoints in turn, and where they go.

    `per_endpoint`: how many of one endpoint may be claimed at once, by all couriers.
    """
    connection = driver(session)
    rows = connection.execute(
        _CLAIM, {"seconds": seconds, "limit": limit, "per_endpoint": per_endpoint}, prepare=False
    ).fetchall()
    if not rows:
        return [], {}
    claimed = [ClaimedDelivery(*row) for row in rows]
    places = connection.execute(
        """
        SELECT id, url, secret, CASE WHEN previous_secret_until > now() THEN previous_secret END
        FROM webhook_endpoints WHERE id = ANY(%s)
        """,
        [sorted({each.endpoint_id for each in claimed})],
    )
    return claimed, {
        id_: Destination(url, (bytes(secret),) if before is None else (bytes(secret), bytes(before)))
        for id_, url, secret, before in places
    }


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a claim. `attempt` is kept as it is, for people; `retry_seconds` is None when it was the last try,
    or the one that got through."""

    claimed: ClaimedDelivery
    status: DeliveryStatus
    attempt: Mapping[str, Any]
    retry_seconds: float | None = None
    is_gone: bool = False  # the endpoint says that it is no more


_RECORD = f"""
UPDATE webhook_deliveries d
SET status = t.status, tries = d.tries + 1, claimed_until = NULL,
    due_at = CASE WHEN t.seconds IS NULL THEN d.due_at ELSE now() + make_interval(secs => t.seconds) END,
    finished_at = CASE WHEN t.seconds IS NULL THEN now() END,
    attempts = CASE WHEN jsonb_array_length(d.attempts) >= {ATTEMPTS_SHOWN} THEN d.attempts - 0 ELSE d.attempts END
               || t.attempt::jsonb
FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::float8[], %s::text[])
     AS t (endpoint_id, id, fence, status, seconds, attempt)
WHERE d.endpoint_id = t.endpoint_id AND d.id = t.id AND d.fence = t.fence AND d.claimed_until IS NOT NULL
RETURNING d.id
"""  # noqa: S608 a number of ours

_WELL = """
UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, rest_until = NULL WHERE id = ANY(%s) AND failures > 0
"""

_FAILED = """
UPDATE webhook_endpoints e
SET failures = e.failures + f.failures, failing_since = coalesce(e.failing_since, now())
FROM unnest(%s::uuid[], %s::int[]) AS f (id, failures) WHERE e.id = f.id
RETURNING e.id, e.organization_id, e.failures, e.failing_since < now() - make_interval(days => %s) AND e.is_active
"""


def record(session: Session, told: Sequence[Told]) -> list[tuple[UUID, str]]:
    """Write what came of claims that are still these, and how the endpoints do.

    Returns (id, reason) of endpoints that were disabled by it. Their events wait until they are switched on again.
    """
    connection = driver(session)
    endpoints = sorted({each.claimed.endpoint_id for each in told})
    connection.execute("SELECT 1 FROM webhook_endpoints WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [endpoints])
    written = connection.execute(
        _RECORD,
        [
            [each.claimed.endpoint_id for each in told],
            [each.claimed.id for each in told],
            [each.claimed.fence for each in told],
            [each.status.value for each in told],
            [each.retry_seconds for each in told],
            [json.dumps(dict(each.attempt)) for each in told],
        ],
        prepare=False,
    ).fetchall()
    ids = {row[0] for row in written}
    valid = [each for each in told if each.claimed.id in ids]
    well = {each.claimed.endpoint_id for each in valid if each.status is DeliveryStatus.DELIVERED}
    if well:
        connection.execute(_WELL, [sorted(well)])
    failures: dict[UUID, int] = {}
    for each in valid:
        if each.claimed.endpoint_id not in well:
            failures[each.claimed.endpoint_id] = failures.get(each.claimed.endpoint_id, 0) + 1
    gone = {each.claimed.endpoint_id for each in valid if each.is_gone}
    return _note_failures(session, failures, gone)


def _note_failures(session: Session, failures: Mapping[UUID, int], gone: set[UUID]) -> list[tuple[UUID, str]]:
    if not failures:
        return []
    rows = driver(session).execute(_FAILED, [list(failures), list(failures.values()), GIVEN_UP_DAYS]).fetchall()
    rests = {id_: rest_seconds(count) for id_, _, count, _ in rows}
    driver(session).execute(
        "UPDATE webhook_endpoints e SET rest_until = now() + make_interval(secs => r.seconds)"
        " FROM unnest(%s::uuid[], %s::float8[]) AS r (id, seconds) WHERE e.id = r.id AND r.seconds > 0",
        [list(rests), list(rests.values())],
    )
    disabled = []
    for id_, organization_id, _, is_given_up in rows:
        if id_ in gone:
            reason = "It answered 410 Gone."
        elif is_given_up:
            reason = f"Nothing got through for {GIVEN_UP_DAYS} days."
        else:
            continue
        if _disable(session, organization_id, id_, reason):
            disabled.append((id_, reason))
    return disabled


def _disable(session: Session, organization_id: UUID, endpoint_id: UUID, reason: str) -> bool:
    changed = driver(session).execute(
        "UPDATE webhook_endpoints SET is_active = false, disabled_at = now(), disabled_reason = %s, updated_at = now()"
        " WHERE id = %s AND is_active",
        [reason, endpoint_id],
    )
    if changed.rowcount:
        audit(
            session,
            organization_id,
            actor="courier",
            action="webhook_endpoint.disabled",
            subject=str(endpoint_id),
            details={"reason": reason},
        )
    return bool(changed.rowcount)


def release(session: Session, claims: Sequence[ClaimedDelivery]) -> None:
    """Give claims back that nothing was done for."""
    driver(session).execute(
        "UPDATE webhook_deliveries d SET claimed_until = NULL"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS c (endpoint_id, id, fence)"
        " WHERE d.endpoint_id = c.endpoint_id AND d.id = c.id AND d.fence = c.fence",
        [[each.endpoint_id for each in claims], [each.id for each in claims], [each.fence for each in claims]],
    )


# The row that is one too many is found in the index, without reading those before it from the table.
_TRIM = f"""{_WAITING}, crowded AS (
    SELECT w.endpoint_id, (SELECT count(*) FROM webhook_deliveries d
                           WHERE d.endpoint_id = w.endpoint_id AND d.status = 'pending') - %(most)s AS surplus
    FROM waiting w WHERE w.endpoint_id IS NOT NULL
), oldest AS (
    SELECT own.endpoint_id, own.id FROM crowded c CROSS JOIN LATERAL (
        SELECT d.endpoint_id, d.id FROM webhook_deliveries d
        WHERE d.endpoint_id = c.endpoint_id AND d.status = 'pending' AND coalesce(d.claimed_until < now(), true)
        ORDER BY d.id LIMIT greatest(0, c.surplus)
    ) own
    WHERE c.surplus > 0
), gone AS (
    UPDATE webhook_deliveries d SET status = 'dropped', finished_at = now(), claimed_until = NULL
    FROM oldest o WHERE d.endpoint_id = o.endpoint_id AND d.id = o.id AND d.status = 'pending'
    RETURNING d.endpoint_id
), counted AS (
    SELECT endpoint_id, count(*) AS n FROM gone GROUP BY endpoint_id ORDER BY endpoint_id
)
UPDATE webhook_endpoints e SET dropped = e.dropped + counted.n FROM counted WHERE e.id = counted.endpoint_id
RETURNING e.id, counted.n
"""  # noqa: S608 a part of ours


def drop_surplus(session: Session, *, most: int) -> dict[UUID, int]:
    """Drop the oldest events of endpoints for which more than `most` wait; how many, by endpoint."""
    rows = driver(session).execute(_TRIM, {"most": most}, prepare=False).fetchall()
    return dict(rows)


_REMOVE = f"""
WITH RECURSIVE known (endpoint_id) AS (
    (SELECT endpoint_id FROM webhook_deliveries ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_deliveries d
            WHERE d.endpoint_id > k.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
    FROM known k WHERE k.endpoint_id IS NOT NULL
), old AS (
    SELECT own.endpoint_id, own.id
    FROM known k LEFT JOIN webhook_endpoints e ON e.id = k.endpoint_id
    CROSS JOIN LATERAL (
        SELECT d.endpoint_id, d.id FROM webhook_deliveries d
        WHERE d.endpoint_id = k.endpoint_id
          AND (e.id IS NULL OR d.created_at < now() - make_interval(days => {KEPT_DAYS}))
        ORDER BY d.id LIMIT %(limit)s
    ) own
    WHERE k.endpoint_id IS NOT NULL LIMIT %(limit)s
)
DELETE FROM webhook_deliveries d USING old WHERE d.endpoint_id = old.endpoint_id AND d.id = old.id
"""  # noqa: S608 a number of ours


def remove_old(session: Session, *, limit: int) -> int:
    """Remove what is older than a week, whatever became of it, and what has lost its endpoint; returns how many."""
    return driver(session).execute(_REMOVE, {"limit": limit}, prepare=False).rowcount
