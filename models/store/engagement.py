"""What people and machines did with mails, as the links in these tell; and those who want no more of them.

Whoever comes by a link is nobody's user: the organization follows from the message, by functions of the database that
see all of them (models/migrations/versions/0020_tracking.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlalchemy.orm import Session

from models.rules.ids import made_on, new_id
from models.rules.reports import ReportKind
from models.session import driver
from models.store.organizations import audit
from models.store.suppressing import suppress_reported
from models.store.suppressions import find_suppression
from models.tables import Contact, Suppression

PROVIDER = "exosend"
"""Under whose name these reports are kept."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """Something that was done with a message. `key` is the same for what counts once; `payload` is that of `Report`."""

    key: str
    kind: ReportKind
    message_id: UUID
    occurred_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Linked:
    """The message that a link is of: whose it is and to whom."""

    message_id: UUID
    organization_id: UUID
    organization: str
    recipient: str


def park_engagement(session: Session, done: Sequence[Engagement]) -> int:
    """Keep it until the courier applies it, of whatever organizations; returns of how many there is a message."""
    row = (
        driver(session)
        .execute(
            "SELECT park_engagement(%s::uuid[], %s::text[], %s::uuid[], %s::date[], %s::text[], %s::float8[],"
            " %s::text[])",
            [
                [new_id() for _ in done],
                [each.key for each in done],
                [each.message_id for each in done],
                [made_on(each.message_id) for each in done],
                [each.kind.value for each in done],
                [each.occurred_at.timestamp() for each in done],
                [json.dumps(dict(each.payload)) for each in done],
            ],
        )
        .fetchone()
    )
    assert row is not None
    return int(row[0])


def find_linked(session: Session, message_id: UUID) -> Linked | None:
    """The email of this id, of any organization, unless it is gone. The caller has seen a token for it."""
    row = driver(session).execute("SELECT * FROM linked_message(%s, %s)", [message_id, made_on(message_id)]).fetchone()
    return None if row is None else Linked(message_id, *row)


def is_unsubscribed(session: Session, organization_id: UUID, email: str) -> bool:
    """Whether the organization must not write to the address."""
    return find_suppression(session, organization_id, email) is not None


def unsubscribe(session: Session, linked: Linked, farewell: Engagement) -> None:
    """Suppress the recipient at once, and keep the event, which counts for the message, once.

    The event says that this was done: by the time it is applied they may have come back.
    """
    suppress_reported(session, {(linked.organization_id, "email", linked.recipient): "unsubscribed"})
    park_engagement(session, [farewell])


def subscribe_again(session: Session, linked: Linked) -> bool:
    """Take back that the recipient unsubscribed; False if they are suppressed for something else, or not at all.

    What the message's event says stays: it happened.
    """
    removed = session.execute(
        delete(Suppression)
        .where(
            Suppression.organization_id == linked.organization_id,
            Suppression.channel == "email",
            Suppression.recipient == linked.recipient,
            Suppression.reason == "unsubscribed",
        )
        .returning(Suppression.id)
    ).one_or_none()
    if removed is None:
        return False
    session.execute(
        update(Contact)
        .where(
            Contact.organization_id == linked.organization_id,
            Contact.email == linked.recipient,
            Contact.status == "unsubscribed",
        )
        .values(status="active", updated_at=func.now())
    )
    message = str(linked.message_id)
    audit(session, linked.organization_id, actor="recipient", action="suppression.removed", subject=message)
    return True
