"""Messages as reports find and leave them. For the engine, over all organizations, set-based.

Locks are taken in one order everywhere: run, chunk, message. The runs of a whole batch are locked first, by their
ids: their totals are written at its end, and a message is `uncertain` for evidence too, which holds its run and its
chunk first (tasks/sending/journal.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import made_on
from models.rules.lifecycle import MessageState
from models.rules.reported import COUNTED, Facts
from models.session import driver
from models.store.uncertain import forget


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """A message and what is known of it. `sent_at`: when a provider took it or, while that is not known, was first
    given it."""

    id: UUID
    organization_id: UUID
    run_id: UUID | None
    position: int
    channel: str
    recipient: str
    sent_at: datetime | None
    facts: Facts

    @property
    def sent_on(self) -> date | None:
        """The day (UTC) it counts for."""
        return None if self.sent_at is None else self.sent_at.astimezone(UTC).date()


_READ = """
SELECT id, organization_id, run_id, position, channel, recipient,
       coalesce(sent_at, first_tried_at), state,
       delivered_at, opened_at, clicked_at, bounced_at, complained_at, unsubscribed_at, error_code
FROM messages
WHERE id = ANY(%(ids)s::uuid[]) AND made_on = ANY(%(days)s::date[])
"""
# Those whose outcome is not written yet belong to a sender.
_LOCK = _READ + "AND state <> ALL(%(unsettled)s::text[]) ORDER BY id FOR UPDATE"
UNSETTLED = (MessageState.PLANNED, MessageState.DEFERRED)


def lock_messages(session: Session, ids: Sequence[UUID]) -> tuple[dict[UUID, ReportedMessage], set[UUID]]:
    """The messages that reports can change, locked, and the ids of those whose outcome is still to be written."""
    found = _read(session, _READ, ids)
    uncertain = [message for message in found.values() if message.facts.state is MessageState.UNCERTAIN]
    _lock_runs(session, found.values())
    _lock_chunks(session, uncertain)
    locked = _read(session, _LOCK, list(found))
    safe = {message.id for message in uncertain}
    early = set(found) - set(locked)
    for id_, message in locked.items():
        if message.facts.state is MessageState.UNCERTAIN and id_ not in safe:  # since the look without a lock
            early.add(id_)
    return {id_: message for id_, message in locked.items() if id_ not in early}, early


def _read(session: Session, query: str, ids: Sequence[UUID]) -> dict[UUID, ReportedMessage]:
    parameters = {
        "ids": list(ids),
        "days": sorted({made_on(id_) for id_ in ids}),
        "unsettled": [state.value for state in UNSETTLED],
    }
    rows = driver(session).execute(query, parameters, prepare=False)
    return {row[0]: _message(row) for row in rows}


def _message(row: tuple[Any, ...]) -> ReportedMessage:
    id_, organization_id, run_id, position, channel, recipient, sent_at, state, *facts = row
    known = Facts(MessageState(state), *facts)
    return ReportedMessage(id_, organization_id, run_id, position, channel, recipient, sent_at, known)


_LOCK_CHUNKS = """
SELECT 1 FROM chunks c
WHERE (c.run_id, c.no) IN (
    SELECT m.run_id, (SELECT max(k.no) FROM chunks k WHERE k.run_id = m.run_id AND {contains})
    FROM unnest(%(runs)s::uuid[], %(positions)s::int[]) AS m (run_id, position))
ORDER BY c.run_id, c.no FOR UPDATE
"""

# The chunk that counted a message is the last one it was in: earlier ones passed it on for a second try.
_SETTLE_CHUNKS = """
WITH moved AS (
    SELECT m.run_id, (SELECT max(k.no) FROM chunks k WHERE k.run_id = m.run_id AND {contains}) AS no, count(*) AS n
    FROM unnest(%(runs)s::uuid[], %(positions)s::int[]) AS m (run_id, position)
    GROUP BY 1, 2
)
UPDATE chunks c SET uncertain = c.uncertain - moved.n, accepted = c.accepted + moved.n
FROM moved WHERE c.run_id = moved.run_id AND c.no = moved.no
"""
_CONTAINS = """(
    (k.positions IS NULL AND m.position >= k.first_position AND m.position < k.first_position + k.size)
    OR m.position = ANY(k.positions))"""


def _lock_runs(session: Session, messages: Iterable[ReportedMessage]) -> None:
    if runs := sorted({message.run_id for message in messages if message.run_id is not None}):
        driver(session).execute("SELECT 1 FROM runs WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [runs])


def _lock_chunks(session: Session, messages: Sequence[ReportedMessage]) -> None:
    places = _places(messages)
    if places["runs"]:
        driver(session).execute(_LOCK_CHUNKS.format(contains=_CONTAINS), places)


def settle_uncertain(session: Session, messages: Sequence[ReportedMessage]) -> None:
    """Count uncertain messages of runs as accepted, and have the results of runs that ended written anew."""
    forget(session, [message.id for message in messages])
    places = _places(messages)
    if places["runs"]:
        driver(session).execute(_SETTLE_CHUNKS.format(contains=_CONTAINS), places)
        driver(session).execute(
            "UPDATE runs SET results_blob_id = NULL WHERE id = ANY(%s) AND finished_at IS NOT NULL", [places["runs"]]
        )


def _places(messages: Sequence[ReportedMessage]) -> dict[str, list[UUID] | list[int]]:
    of_runs = [(message.run_id, message.position) for message in messages if message.run_id is not None]
    return {"runs": [run for run, _ in of_runs], "positions": [position for _, position in of_runs]}


_WRITE = """
UPDATE messages m
SET state = f.state, error_code = f.error_code, sent_at = coalesce(m.sent_at, m.first_tried_at),
    error_message = CASE WHEN m.state = 'uncertain' THEN NULL ELSE m.error_message END,
    delivered_at = f.delivered_at, opened_at = f.opened_at, clicked_at = f.clicked_at, bounced_at = f.bounced_at,
    complained_at = f.complained_at, unsubscribed_at = f.unsubscribed_at
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(codes)s::text[], %(delivered)s::timestamptz[],
            %(opened)s::timestamptz[], %(clicked)s::timestamptz[], %(bounced)s::timestamptz[],
            %(complained)s::timestamptz[], %(unsubscribed)s::timestamptz[])
     AS f (id, state, error_code, delivered_at, opened_at, clicked_at, bounced_at, complained_at, unsubscribed_at)
WHERE m.id = f.id AND m.id = ANY(%(ids)s::uuid[]) AND m.made_on = ANY(%(days)s::date[])
"""


def write_facts(session: Session, facts: Mapping[UUID, Facts]) -> None:
    """Write what is known of these messages now; they are locked."""
    if not facts:
        return
    columns = {name: [getattr(each, f"{name}_at") for each in facts.values()] for name in COUNTED}
    driver(session).execute(
        _WRITE,
        {
            "ids": list(facts),
            "days": sorted({made_on(id_) for id_ in facts}),
            "states": [each.state.value for each in facts.values()],
            "codes": [each.error_code for each in facts.values()],
            **columns,
        },
        prepare=False,
    )
