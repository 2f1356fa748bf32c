"""Requests of providers as they came: kept once, with all that they report, and shown to operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import new_id
from models.session import driver


@dataclass(frozen=True, slots=True)
class ReceivedCallback:
    """A signed request. `organization_id`: whose account it came to; None: one of the platform. `hash` tells it from
    all others of the account. `problem`: why it could not be read."""

    provider: str
    organization_id: UUID | None
    hash: bytes
    url: str
    headers_encrypted: bytes
    body: bytes
    received_at: datetime
    problem: str | None = None


Rows = Sequence[Mapping[str, object]]
"""Events or inbound SMS, as tasks/reports/receiving.py makes them: columns of incoming_events, inbound_messages."""

_RECEIVE = """
SELECT receive_callback(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text::json, %s::text::json)
"""


def receive_callback(connection: Connection, callback: ReceivedCallback, events: Rows, inbound: Rows) -> bool:
    """Keep a request with all that it reports, in one statement; False: it came before, and nothing was done.

    `connection` is in autocommit, so it is on disk when this returns.
    """
    row = (
        driver(connection)
        .execute(
            _RECEIVE,
            [
                new_id(),
                callback.provider,
                callback.organization_id,
                callback.hash,
                callback.url,
                callback.headers_encrypted,
                callback.body,
                callback.problem,
                callback.received_at,
                _json(events),
                _json(inbound),
            ],
        )
        .fetchone()
    )
    assert row is not None
    return bool(row[0])


def receive_events(
    session: Session, provider: str, organization_id: UUID | None, received_at: datetime, events: Rows, inbound: Rows
) -> None:
    """Keep what came by another way than HTTP: bounces by mail, receipts over SMPP, a request that is read again."""
    driver(session).execute(
        "SELECT receive_events(%s, %s, %s, %s::text::json, %s::text::json)",
        [provider, organization_id, received_at, _json(events), _json(inbound)],
    )


def _json(rows: Rows) -> str:
    return orjson.dumps(rows).decode()


@dataclass(frozen=True, slots=True)
class ListedCallback:
    """A kept request, without its body and headers."""

    id: UUID
    organization_id: UUID | None
    provider: str
    received_at: datetime
    events: int
    bytes: int
    problem: str | None


_LIST = """
SELECT id, organization_id, provider, received_at, events, octet_length(body), problem FROM callbacks
WHERE (NOT %(unreadable)s OR problem IS NOT NULL) AND (%(provider)s::text IS NULL OR provider = %(provider)s)
ORDER BY id DESC LIMIT %(limit)s
"""


def list_callbacks(
    session: Session, *, limit: int, provider: str | None = None, unreadable: bool = False
) -> list[ListedCallback]:
    """The newest requests first: of one provider's account, or those that could not be read."""
    values: dict[str, Any] = {"limit": limit, "provider": provider, "unreadable": unreadable}
    return [ListedCallback(*row) for row in driver(session).execute(_LIST, values)]


_READ = """
SELECT provider, organization_id, hash, url, headers_encrypted, body, received_at, problem FROM callbacks WHERE id = %s
"""


def find_callback(session: Session, callback_id: UUID) -> ReceivedCallback:
    """A kept request. Raises NotFound."""
    row = driver(session).execute(_READ, [callback_id]).fetchone()
    if row is None:
        raise NotFound(f"No callback {callback_id} is kept.")
    return ReceivedCallback(*row)


def note_reading(session: Session, callback_id: UUID, *, events: int, problem: str | None) -> None:
    """What came of reading a kept request again."""
    driver(session).execute(
        "UPDATE callbacks SET events = %s, problem = %s WHERE id = %s", [events, problem, callback_id]
    )


def forget_old_callbacks(session: Session, *, days: int, limit: int) -> int:
    """Remove requests that came so long ago; at most `limit`, returns how many."""
    return (
        driver(session)
        .execute(
            """
        DELETE FROM callbacks WHERE id IN (
            SELECT id FROM callbacks WHERE received_at < now() - make_interval(days => %s) LIMIT %s)
        """,
            [days, limit],
        )
        .rowcount
    )


def callback_gauges(session: Session | Connection) -> list[tuple[str, str, str, float]]:
    """(gauge, provider, label, value): events that are `due`, seconds since the `oldest` is, those `parked` since
    nothing was found under their reference, `unreadable` requests, and events that were `dropped`, by why."""
    return driver(session).execute("SELECT gauge, provider, label, value FROM callback_gauges()").fetchall()
