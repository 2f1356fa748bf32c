"""SMS that people wrote back: whose they are, what they ask for, and what organizations read of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.rules.reports import ReportKind
from models.rules.sms_keywords import Keyword
from models.session import driver
from models.store.pages import Page, PageRequest
from models.tables import SmsReply

WRITTEN_DAYS = 90
"""How long a reply may take: a STOP counts for who wrote within so many days."""
_WRITTEN_MOST = 2000  # messages to one number that are looked at, the last ones first


@dataclass(frozen=True, slots=True)
class Written:
    """The last SMS that a person had, or may have, from an organization by one sender. `is_sent`: a provider took that
    one or an earlier one."""

    recipient: str
    organization_id: UUID
    sender_id: str
    message_id: UUID
    is_sent: bool = True


# A message whose outcome is not written may be out: it is uncertain, was handed over before (`tries`), or is announced,
# claimed in the outbox or between the two marks of its chunk; for a long time, where its sender died and its run is
# paused.
_WRITTEN = """
SELECT person, found.* FROM unnest(%(people)s::text[]) AS p (person) CROSS JOIN LATERAL (
    SELECT m.organization_id, c.sender_id, (array_agg(m.id ORDER BY m.id DESC))[1], bool_or(m.sent_at IS NOT NULL)
    FROM (
        SELECT w.organization_id, w.content_id, w.id, w.sent_at FROM messages w
        WHERE w.channel = 'sms' AND w.recipient = person AND w.made_on >= current_date - %(days)s
          AND (w.sent_at IS NOT NULL OR w.state = 'uncertain' OR w.state IN ('planned', 'deferred') AND (
              w.tries > 0
              OR EXISTS (SELECT FROM outbox o WHERE o.message_id = w.id AND o.claimed_until IS NOT NULL)
              OR EXISTS (
                  SELECT FROM chunks k
                  WHERE k.run_id = w.run_id AND k.recorded < k.cursor
                    AND CASE WHEN k.positions IS NULL THEN w.position - k.first_position
                             ELSE array_position(k.positions, w.position) - 1 END BETWEEN k.recorded AND k.cursor - 1)))
        ORDER BY w.id DESC LIMIT %(most)s
    ) m JOIN contents c ON c.id = m.content_id
    GROUP BY m.organization_id, c.sender_id
) AS found
"""


def written_to(session: Session, people: Collection[str]) -> list[Written]:
    """What these numbers had lately, or may have had: the last message of each organization and sender."""
    values = {"people": sorted(set(people)), "days": WRITTEN_DAYS, "most": _WRITTEN_MOST}
    return [Written(*row) for row in driver(session).execute(_WRITTEN, values)]


def owners_of(session: Session, numbers: Collection[str]) -> list[tuple[str, UUID]]:
    """(number, organization) of verified sender IDs that are one of the numbers."""
    statement = (
        "SELECT sender_id, organization_id FROM sender_ids"
        " WHERE sender_id = ANY(%s::text[]) AND provider_status = 'verified'"
    )
    return driver(session).execute(statement, [sorted(set(numbers))]).fetchall()


@dataclass(frozen=True, slots=True)
class NewReply:
    """A reply to keep."""

    organization_id: UUID
    sender: str
    recipient: str
    text: str
    keyword: Keyword | None
    message_id: UUID | None
    occurred_at: datetime


_ADD = """
INSERT INTO sms_replies (id, organization_id, sender, recipient, text, keyword, message_id, occurred_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[],
                     %s::timestamptz[])
"""


def add_replies(session: Session, replies: Sequence[NewReply]) -> list[UUID]:
    """Keep replies as they came; returns their ids, in order."""
    if not replies:
        return []
    ids = [new_id() for _ in replies]
    columns = [
        ids,
        [each.organization_id for each in replies],
        [each.sender for each in replies],
        [each.recipient for each in replies],
        [each.text for each in replies],
        [each.keyword for each in replies],
        [each.message_id for each in replies],
        [each.occurred_at for each in replies],
    ]
    driver(session).execute(_ADD, columns)
    return ids


# The last word counts, by the time it was said: replies may come late, twice and in any order.
_LAST_WORD = """
WITH said AS (
    SELECT p.organization_id, p.sender, last.keyword, last.text, last.recipient
    FROM unnest(%(organizations)s::uuid[], %(senders)s::text[]) AS p (organization_id, sender) CROSS JOIN LATERAL (
        SELECT r.keyword, r.text, r.recipient FROM sms_replies r
        WHERE r.organization_id = p.organization_id AND r.sender = p.sender AND r.keyword IN ('stop', 'start')
        ORDER BY r.occurred_at DESC, r.id DESC LIMIT 1
    ) AS last
), back AS (
    DELETE FROM suppressions s USING said
    WHERE said.keyword = 'start' AND s.organization_id = said.organization_id AND s.channel = 'sms'
      AND s.recipient = said.sender AND s.came_by_sms AND s.reason = 'unsubscribed'
)
INSERT INTO suppressions AS s (id, organization_id, channel, recipient, reason, details, came_by_sms)
SELECT id, organization_id, 'sms', sender, 'unsubscribed', 'Wrote "' || text || '" to ' || recipient || '.', true
FROM unnest(%(ids)s::uuid[], %(organizations)s::uuid[], %(senders)s::text[]) AS n (id, organization_id, sender)
JOIN said USING (organization_id, sender) WHERE said.keyword = 'stop'
ON CONFLICT (organization_id, channel, recipient) DO UPDATE
SET reason = excluded.reason, details = excluded.details, came_by_sms = true, expires_at = NULL, created_at = now()
WHERE s.expires_at IS NOT NULL
"""


def follow_last_word(session: Session, said: Collection[tuple[UUID, str]]) -> None:
    """Suppress or let go (organization, number) as their last STOP or START says. `suppress_alone` goes before.

    A number that is suppressed for good stays as it is, and a START lifts nothing but what came by a STOP.
    """
    if not said:
        return
    pairs = sorted(said)
    values = {
        "ids": [new_id() for _ in pairs],
        "organizations": [organization for organization, _ in pairs],
        "senders": [sender for _, sender in pairs],
    }
    driver(session).execute(_LAST_WORD, values)


_PARK = """
INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, due_at, payload)
SELECT id, organization_id, 'sms-replies', message_id || ':' || occurred_at, message_id, %s, occurred_at, now(),
       '{"suppressed": true}'
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[]) AS e (id, organization_id, message_id, occurred_at)
"""


def park_farewells(session: Session, stops: Sequence[NewReply]) -> None:
    """Have it reported of the messages that were answered by STOP."""
    known = [each for each in stops if each.message_id is not None]
    if not known:
        return
    columns = [
        [new_id() for _ in known],
        [each.organization_id for each in known],
        [each.message_id for each in known],
        [each.occurred_at for each in known],
    ]
    driver(session).execute(_PARK, [ReportKind.UNSUBSCRIBED.value, *columns])


def list_replies(
    session: Session, organization_id: UUID, request: PageRequest, *, sender: str | None, keyword: str | None
) -> Page[SmsReply]:
    """The organization's inbound SMS, newest first."""
    chosen = select(SmsReply).where(SmsReply.organization_id == organization_id)
    if sender is not None:
        chosen = chosen.where(SmsReply.sender == sender)
    if keyword is not None:
        chosen = chosen.where(SmsReply.keyword == keyword)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(SmsReply.id.desc()).offset(request.offset).limit(request.size)
    return Page(session.execute(ordered).scalars().all(), total, request)


def forget_old_replies(session: Session, *, days: int, limit: int) -> int:
    """Remove replies that came so long ago; at most `limit`, returns how many. What they asked for stays."""
    statement = """
        DELETE FROM sms_replies WHERE (organization_id, id) IN (
            SELECT organization_id, id FROM sms_replies
            WHERE created_at < now() - make_interval(days => %s) LIMIT %s)
    """
    return driver(session).execute(statement, [days, limit]).rowcount
