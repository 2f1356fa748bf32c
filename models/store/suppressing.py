"""Suppressions that follow from reports, and the soft bounces that lead to them. For the engine, set-based."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.session import driver

SOFT_BOUNCES_MAX = 5
SOFT_BOUNCE_DAYS = 30

Recipient = tuple[UUID, str, str]
"""Organization, channel and normalised address or number."""

# Of two reasons the weightier one is shown, so that their order does not matter. What people put on the list
# themselves stays theirs.
_WEIGHT = {"soft_bounce": 0, "unsubscribed": 1, "hard_bounce": 2, "complaint": 3}
_STATUS = {"unsubscribed": "unsubscribed", "hard_bounce": "bounced", "complaint": "complained"}

_SUPPRESS = """
INSERT INTO suppressions (id, organization_id, channel, recipient, reason)
SELECT id, organization_id, channel, recipient, reason
FROM unnest(%(ids)s::uuid[], %(organizations)s::uuid[], %(channels)s::text[], %(recipients)s::text[],
            %(reasons)s::text[]) AS s (id, organization_id, channel, recipient, reason)
ON CONFLICT (organization_id, channel, recipient) DO UPDATE
SET reason = excluded.reason, details = NULL, expires_at = NULL,
    created_at = CASE WHEN suppressions.expires_at < now() THEN now() ELSE suppressions.created_at END
WHERE suppressions.expires_at IS NOT NULL
   OR array_position(%(order)s::text[], excluded.reason) > array_position(%(order)s::text[], suppressions.reason)
"""

# A contact never moves back: complained is more than bounced, bounced more than unsubscribed.
_MOVE_CONTACTS = """
UPDATE contacts c SET status = s.status, updated_at = now()
FROM unnest(%(organizations)s::uuid[], %(recipients)s::text[], %(statuses)s::text[])
     AS s (organization_id, recipient, status)
WHERE c.organization_id = s.organization_id AND c.email = s.recipient
  AND array_position(%(order)s::text[], s.status) > array_position(%(order)s::text[], c.status)
"""


def weightier(first: str | None, second: str) -> str:
    """Which of two automatic reasons is shown."""
    return second if first is None or _WEIGHT[second] > _WEIGHT[first] else first


def suppress_alone(session: Session) -> None:
    """Be the only one who writes what follows from reports until the transaction ends; others wait.

    Rows of contacts, suppressions and soft bounces are met in any order, those of one recipient more than once.
    """
    driver(session).execute("SELECT pg_advisory_xact_lock(hashtextextended('reports.suppress', 0))")


def suppress_reported(session: Session, reasons: Mapping[Recipient, str]) -> None:
    """Suppress for good those who bounced hard, complained or unsubscribed, and set the status of such contacts.

    A number's STOP leaves its contact as it is: their address may still be written to.
    """
    if not reasons:
        return
    rows = sorted(reasons.items())  # one order for all, so that two at once do not wait for each other
    driver(session).execute(
        _SUPPRESS,
        {
            "ids": [new_id() for _ in rows],
            "organizations": [organization for (organization, _, _), _ in rows],
            "channels": [channel for (_, channel, _), _ in rows],
            "recipients": [recipient for (_, _, recipient), _ in rows],
            "reasons": [reason for _, reason in rows],
            "order": sorted(_WEIGHT, key=lambda reason: _WEIGHT[reason]),
        },
    )
    emails = [
        (organization, address, reason) for (organization, channel, address), reason in rows if channel == "email"
    ]
    driver(session).execute(
        _MOVE_CONTACTS,
        {
            "organizations": [organization for organization, _, _ in emails],
            "recipients": [address for _, address, _ in emails],
            "statuses": [_STATUS[reason] for _, _, reason in emails],
            "order": ["active", "unsubscribed", "bounced", "complained"],
        },
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message to an address that got it, or did not take it for now, and when."""

    organization_id: UUID
    recipient: str
    message_id: UUID
    occurred_at: datetime


_END_ROWS = """
DELETE FROM soft_bounces b
USING unnest(%s::uuid[], %s::text[], %s::uuid[], %s::timestamptz[])
      AS d (organization_id, recipient, message_id, occurred_at)
WHERE b.organization_id = d.organization_id AND b.recipient = d.recipient
  AND (b.message_id = d.message_id OR b.occurred_at <= d.occurred_at)
"""

_ADD = """
INSERT INTO soft_bounces (organization_id, recipient, message_id, occurred_at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::timestamptz[])
ON CONFLICT (organization_id, recipient, message_id) DO UPDATE
SET occurred_at = greatest(soft_bounces.occurred_at, excluded.occurred_at)
"""

# The row ends with the suppression: after the thirty days it begins anew.
_TAKE_FULL_ROWS = """
WITH full_rows AS (
    SELECT organization_id, recipient, max(occurred_at) + make_interval(days => %(days)s) AS expires_at
    FROM soft_bounces
    WHERE (organization_id, recipient) IN (
        SELECT * FROM unnest(%(organizations)s::uuid[], %(recipients)s::text[]))
    GROUP BY organization_id, recipient HAVING count(*) >= %(most)s
), gone AS (
    DELETE FROM soft_bounces b USING full_rows f
    WHERE b.organization_id = f.organization_id AND b.recipient = f.recipient
)
SELECT organization_id, recipient, expires_at FROM full_rows ORDER BY organization_id, recipient
"""

_SUPPRESS_FOR_A_WHILE = """
INSERT INTO suppressions (id, organization_id, channel, recipient, reason, expires_at)
SELECT id, organization_id, 'email', recipient, 'soft_bounce', expires_at
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[]) AS s (id, organization_id, recipient, expires_at)
ON CONFLICT (organization_id, channel, recipient) DO UPDATE
SET reason = excluded.reason, details = NULL, expires_at = excluded.expires_at,
    created_at = CASE WHEN suppressions.expires_at < now() THEN now() ELSE suppressions.created_at END
WHERE suppressions.expires_at < excluded.expires_at
"""


def follow_soft_bounces(session: Session, bounces: Sequence[Attempt], delivered: Sequence[Attempt]) -> None:
    """Note soft bounces, one for a message, and forget those of messages that got there after all and of their
    recipients before that; who is left with five in a row is suppressed for 30 days after the last.

    What comes together is taken together, in whatever order it came: only who has five after all of it.
    """
    last = {(each.organization_id, each.recipient, each.message_id): each for each in sorted(bounces, key=_time)}
    rows = [last[key] for key in sorted(last)]
    if rows:
        driver(session).execute(_ADD, _columns(rows))
    if delivered:
        driver(session).execute(_END_ROWS, _columns(delivered))
    if rows:
        _suppress_full_rows(session, rows)


def _suppress_full_rows(session: Session, rows: Sequence[Attempt]) -> None:
    organizations, recipients, _, _ = _columns(rows)
    parameters = {
        "organizations": organizations,
        "recipients": recipients,
        "days": SOFT_BOUNCE_DAYS,
        "most": SOFT_BOUNCES_MAX,
    }
    taken = driver(session).execute(_TAKE_FULL_ROWS, parameters).fetchall()
    if taken:
        columns = [[row[no] for row in taken] for no in range(3)]
        driver(session).execute(_SUPPRESS_FOR_A_WHILE, [[new_id() for _ in taken], *columns])


def _time(attempt: Attempt) -> datetime:
    return attempt.occurred_at


def _columns(attempts: Sequence[Attempt]) -> list[list[Any]]:
    return [
        [each.organization_id for each in attempts],
        [each.recipient for each in attempts],
        [each.message_id for each in attempts],
        [each.occurred_at for each in attempts],
    ]
