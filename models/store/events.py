"""Events: what was reported of messages, append-only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import made_on, new_id
from models.session import driver
from models.tables import Event, Message

_EVENTS_MAX = 1000  # of one message that are shown: a link may be clicked by machines again and again


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A report to keep."""

    organization_id: UUID
    run_id: UUID | None
    message_id: UUID
    kind: str
    occurred_at: datetime
    payload: Mapping[str, Any]


_ADD = """
INSERT INTO events (id, made_on, organization_id, run_id, message_id, kind, occurred_at, payload)
SELECT id, %(made_on)s, organization_id, run_id, message_id, kind, occurred_at, payload::jsonb
FROM unnest(%(ids)s::uuid[], %(organizations)s::uuid[], %(runs)s::uuid[], %(messages)s::uuid[], %(kinds)s::text[],
            %(times)s::timestamptz[], %(payloads)s::text[])
     AS e (id, organization_id, run_id, message_id, kind, occurred_at, payload)
"""


def add_events(session: Session, events: Sequence[NewEvent]) -> None:
    """Keep reports as they came."""
    if not events:
        return
    ids = [new_id() for _ in events]
    driver(session).execute(
        _ADD,
        {
            "ids": ids,
            "made_on": made_on(ids[0]),
            "organizations": [event.organization_id for event in events],
            "runs": [event.run_id for event in events],
            "messages": [event.message_id for event in events],
            "kinds": [event.kind for event in events],
            "times": [event.occurred_at for event in events],
            "payloads": [json.dumps(dict(event.payload)) for event in events],
        },
    )


_SEEN = """
SELECT message_id, kind, occurred_at, payload FROM events
WHERE message_id = ANY(%s::uuid[]) AND kind IN ('opened', 'clicked')
"""


def read_opens_and_clicks(
    session: Session, message_ids: Sequence[UUID]
) -> list[tuple[UUID, str, datetime, dict[str, Any]]]:
    """(message, kind, when, payload) of every open and click of these messages that is kept."""
    return driver(session).execute(_SEEN, [list(message_ids)]).fetchall() if message_ids else []


def list_email_events(session: Session, organization_id: UUID, message_id: UUID) -> Sequence[Event]:
    """Everything reported of an email, in the order in which it occurred. Raises NotFound."""
    email = session.execute(
        select(Message.id).where(
            Message.id == message_id,
            Message.made_on == made_on(message_id),
            Message.organization_id == organization_id,
            Message.channel == "email",
        )
    ).one_or_none()
    if email is None:
        raise NotFound
    return (
        session.execute(
            select(Event)
            .where(Event.organization_id == organization_id, Event.message_id == message_id)
            .order_by(Event.occurred_at, Event.id)
            .limit(_EVENTS_MAX)
        )
        .scalars()
        .all()
    )
